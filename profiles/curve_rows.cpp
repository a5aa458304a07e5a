#include "profiles/curve_rows.h"

#include <optional>

#include "profiles/run_codec.h"
#include "profiles/run_store.h"

namespace jobward::profiles {
namespace {

// The terms of the index runs_with_curve: without it, all runs would be read.
constexpr const char* kSelect =
    "SELECT ending, curve FROM runs INDEXED BY runs_with_curve"
    " WHERE fp_masked=? AND outcome='ok' AND length(curve)>0 ORDER BY seq DESC LIMIT ?";

std::optional<MemoryCurve> curve_of(const sqlite::Statement& row) {
  const auto ending = decode_ending(row.text(0));
  auto points = decode_curve(row.text(1));
  if (!ending || !points) return std::nullopt;
  const auto wall = ending->usage.get(Metric::wall);
  const auto need = ending->usage.get(Metric::memory_need);
  if (!wall || !need) return std::nullopt;
  return MemoryCurve{std::move(*points), *wall, *need};
}

}  // namespace

Result<std::vector<MemoryCurve>> read_curves(sqlite::Database& db, const std::string& masked) {
  auto statement = db.prepare(kSelect);
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(masked).bind(kCurvesRead);
  std::vector<MemoryCurve> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    if (auto curve = curve_of(*statement)) out.push_back(std::move(*curve));
  }
}

}  // namespace jobward::profiles
