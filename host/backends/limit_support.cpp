#include "host/backends/limit_support.h"

namespace jobward::host {

Enforcements enforcements(const Support& support) {
  Enforcements out;
  support.for_each([&](Resource resource, const LimitSupport& how) { out.set(resource, how.how); });
  return out;
}

Support common_support() {
  Support out;
  for (const Resource resource : kLimitable)
    out.set(resource, not_held("this backend cannot hold it"));
  out.set(Resource::wall, held_by_polling("the kernel limits no wall-clock time; a timer of the "
                                          "supervisor's does, to the millisecond"));
  out.set(Resource::cpu_time,
          held_by_polling("the kernel limits CPU time of single processes only; the supervisor "
                          "looks when the whole job could have used it up"));
  out.set(Resource::stall, held_by_polling("the supervisor compares CPU time and I/O of all "
                                           "processes twenty times within the time given"));
  out.set(Resource::open_files, held_by_kernel());
  return out;
}

}  // namespace jobward::host
