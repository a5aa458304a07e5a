#include "launcher/admission.h"

#include "common/units.h"

namespace jobward::launcher {

Decision judge(const std::optional<double>& need, const MemoryRoom& room) {
  const auto capacity = static_cast<double>(room.capacity);
  const auto free = static_cast<double>(room.free());
  if (!need) return {Verdict::fits, "nothing is known about its need, and no limit is set"};
  const std::string wanted = format_bytes(*need);
  if (*need > capacity)
    return {Verdict::refuse,
            wanted + " can never fit: there are " + format_bytes(capacity) + " at most"};
  if (*need <= free)
    return {Verdict::fits, wanted + " of the " + format_bytes(free) + " that are free"};
  const std::string shortage =
      wanted + " do not fit into the " + format_bytes(free) + " that are free now";
  if (room.running == 0)
    return {Verdict::fits,
            "let in although " + shortage + ": no run is going on that could make room"};
  return {Verdict::wait, shortage + "; " + std::to_string(room.running) +
                             (room.running == 1 ? " run is" : " runs are") + " going on"};
}

}  // namespace jobward::launcher
