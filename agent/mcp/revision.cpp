#include "agent/mcp/revision.h"

#include "common/text.h"

namespace jobward::mcp {
namespace {

constexpr std::size_t kLongestName = 100;

std::string short_text(const Json& object, const char* name) {
  return printable(text_member(object, name).substr(0, kLongestName));
}

}  // namespace

const Json& member(const Json& object, const char* name) {
  static const Json kNothing = nullptr;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string text_member(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Client client_of(const Json& info) {
  return {short_text(info, "name"), short_text(info, "version")};
}

Json supported_versions() { return Json::array({kStatelessVersion, kHandshakeVersion}); }

RpcError unsupported_version(const std::string& requested) {
  return {rpc_code::kUnsupportedVersion,
          "protocol version \"" + printable(requested) + "\" is not spoken here",
          {{"supported", supported_versions()}, {"requested", printable(requested)}}};
}

}  // namespace jobward::mcp
