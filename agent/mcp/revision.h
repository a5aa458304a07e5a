// The two ways in which the protocol is spoken.
//  handshake  2025-11-25 and before: `initialize` first, then what was agreed there holds.
//  stateless  2026-07-28: each request names its version and its client in `_meta`.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "agent/mcp/message.h"

namespace jobward::mcp {

enum class Revision { handshake, stateless };

inline constexpr std::string_view kStatelessVersion = "2026-07-28";
inline constexpr std::string_view kHandshakeVersion = "2025-11-25";
// What a client of an older one needs of us is part of the newest handshake. The newest first.
inline constexpr std::array<std::string_view, 4> kHandshakeVersions{"2025-11-25", "2025-06-18",
                                                                    "2025-03-26", "2024-11-05"};

namespace meta_key {
inline constexpr const char* kVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kClient = "io.modelcontextprotocol/clientInfo";
inline constexpr const char* kCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr const char* kServer = "io.modelcontextprotocol/serverInfo";
inline constexpr const char* kRelatedTask = "io.modelcontextprotocol/related-task";
inline constexpr const char* kTasks = "io.modelcontextprotocol/tasks";  // an extension's name
}  // namespace meta_key

// Who calls: what a client says about itself.
struct Client {
  std::string name;
  std::string version;
};
Client client_of(const Json& info);

// A member of an object, if both are there; else null.
const Json& member(const Json& object, const char* name);
// Its text; empty where it is none.
std::string text_member(const Json& object, const char* name);

// What a client is told: the newest of each way. Older handshakes are agreed to where one asks.
Json supported_versions();
// -32022 with them.
RpcError unsupported_version(const std::string& requested);

}  // namespace jobward::mcp
