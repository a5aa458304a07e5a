// row_count_parity.
#include <cmath>
#include <cstdlib>

#include "common/text.h"
#include "verify/examination.h"

namespace jobward::verify {
namespace {

Outcome in_range(const RowCountParity& demand, std::int64_t rows) {
  Outcome out;
  const bool low = demand.minimum && rows < *demand.minimum;
  const bool high = demand.maximum && rows > *demand.maximum;
  out.passed = !low && !high;
  std::string range;
  if (demand.minimum && demand.maximum)
    range = grouped(*demand.minimum) + " to " + grouped(*demand.maximum);
  else
    range = demand.minimum ? "at least " + grouped(*demand.minimum)
                           : "at most " + grouped(*demand.maximum);
  out.threshold = range;
  out.message = grouped(rows) + " rows, " + (out.passed ? "within" : "and not") + " " + range;
  return out;
}

// `last`: it is the last accepted count.
Outcome against(const RowCountParity& demand, std::int64_t rows, std::int64_t expected,
                const std::string& what, bool last = false) {
  Outcome out;
  const auto difference = static_cast<double>(std::llabs(rows - expected));
  const double allowed = demand.tolerance.of(static_cast<double>(expected));
  out.passed = difference <= allowed;
  out.threshold = expected;
  out.failing = std::llabs(rows - expected);
  out.message = grouped(rows) + " rows, " + what + " " + grouped(expected) + ": " +
                (rows == expected ? std::string("the same")
                                  : grouped(std::llabs(rows - expected)) +
                                        (rows > expected ? " more" : " fewer") + ", " +
                                        tolerance_words(demand.tolerance) +
                                        (out.passed ? " are tolerated" : " would be tolerated"));
  if (last && !out.passed)
    out.message +=
        "; if the new count is right: a larger tolerance for one check, which an operator "
        "has to approve (jobward approve)";
  out.details.put("expected", expected);
  out.details.put("difference", rows - expected);
  return out;
}

Outcome first_count(const RowCountParity& demand, std::int64_t rows) {
  Outcome out;
  out.passed = demand.accept_first;
  out.message =
      grouped(rows) + " rows, and no count was accepted before: " +
      (out.passed
           ? "this is the first"
           : "first = \"accept\" takes this one, if it is right, for one check; that demands "
             "less, so where there is a baseline an operator has to approve it (jobward approve)");
  out.details.put("first", true);
  return out;
}

}  // namespace

Result<Judge> prepare(const CheckContext& context, const Check& check,
                      const RowCountParity& demand) {
  auto& dataset = context.at(check.dataset);
  const auto slot = dataset.scan.add("count(*)");
  Opened* other = demand.other ? &context.at(*demand.other) : nullptr;
  const auto other_slot = other != nullptr ? other->scan.add("count(*)") : 0;
  return [&dataset, slot, other, other_slot, demand,
          id = check.id](const CheckContext& at) -> Result<Outcome> {
    const std::int64_t rows = dataset.scan.count(slot);
    Outcome out;
    if (other != nullptr) {
      out = against(demand, rows, other->scan.count(other_slot), *demand.other + " has");
    } else if (demand.equal) {
      out = against(demand, rows, *demand.equal, "expected");
    } else if (demand.last_accepted) {
      const auto last = at.last_accepted ? at.last_accepted(id) : std::nullopt;
      out = last ? against(demand, rows, *last, "the last accepted count is", true)
                 : first_count(demand, rows);
    } else {
      out = in_range(demand, rows);
    }
    out.observed = rows;
    out.rows = rows;
    return out;
  };
}

}  // namespace jobward::verify
