#include "cli/block_keys.h"

#include <array>
#include <utility>

#include "cli/limit_options.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

constexpr const char* kNoLimit = "no_limit";
constexpr const char* kFree = "free";

Result<double> read_amount(std::string_view text) {
  auto bytes = parse_bytes(text);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  return static_cast<double>(*bytes);
}

Result<double> read_processes(std::string_view text) {
  auto limit = find_limit_option(Resource::processes)->parse(text);
  if (!limit) return tl::unexpected(std::move(limit).error());
  return limit->value;
}

struct Block {
  std::string_view key;
  Resource resource;
  BareNumber bare;
  std::string_view example;
  Result<double> (*parse)(std::string_view text);
};

constexpr std::array kBlockKeys{
    Block{"mem", Resource::memory, BareNumber::no, "64G", read_amount},
    Block{"time", Resource::wall, BareNumber::no, "48h", parse_duration_seconds},
    Block{"cpu_time", Resource::cpu_time, BareNumber::no, "200h", parse_duration_seconds},
    Block{"io_read_bytes", Resource::io_read, BareNumber::no, "1T", read_amount},
    Block{"io_write_bytes", Resource::io_write, BareNumber::no, "1T", read_amount},
    Block{"disk_growth", Resource::disk_growth, BareNumber::no, "500G", read_amount},
    Block{"pids", Resource::processes, BareNumber::yes, "4096", read_processes},
};

Status read_no_limit(const TomlEntry& entry, launcher::Blocks& out) {
  auto forbidden = bool_value(entry);
  if (!forbidden) return tl::unexpected(std::move(forbidden).error());
  if (*forbidden && !out.no_limit) out.no_limit = entry.where;
  return {};
}

Status read_amount_block(const TomlEntry& entry, const Block& block, LimitOrigin origin,
                         launcher::Blocks& out) {
  auto text = text_value(entry, block.bare, block.example);
  if (!text) return tl::unexpected(std::move(text).error());
  if (block.resource == Resource::disk_growth && *text == kFree) {
    if (!out.beyond_free_disk) out.beyond_free_disk = entry.where;
    return {};
  }
  auto value = block.parse(*text);
  if (!value) return tl::unexpected(std::move(value).error());
  const Limit* held = out.above.find(block.resource);
  if (held == nullptr || *value < held->value)
    out.above.set(block.resource, {*value, entry.where, origin, {}});
  return {};
}

}  // namespace

std::vector<std::string> block_names() {
  std::vector<std::string> names;
  for (const auto& block : kBlockKeys)
    names.push_back(std::string(kBlocks) + "." + std::string(block.key));
  names.push_back(std::string(kBlocks) + "." + kNoLimit);
  return names;
}

std::optional<Status> read_block(const TomlEntry& entry, LimitOrigin origin,
                                 launcher::Blocks& out) {
  if (entry.path.size() != 2 || entry.path[0] != kBlocks) return std::nullopt;
  if (entry.path[1] == kNoLimit) return read_no_limit(entry, out);
  for (const auto& block : kBlockKeys)
    if (block.key == entry.path[1]) return read_amount_block(entry, block, origin, out);
  return std::nullopt;
}

}  // namespace jobward::cli
