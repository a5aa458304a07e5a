#include "watchdog/resident.h"

#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "host/observe/job_scan.h"
#include "host/observe/kernel_text.h"
#include "host/observe/termination.h"
#include "watchdog/decide.h"
#include "watchdog/tmpfs.h"

namespace jobward::watchdog {
namespace {

template <class F>
std::uintptr_t address(F* function) {
  return reinterpret_cast<std::uintptr_t>(function);
}

constexpr int kLocks = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;

void let_go(std::uintptr_t begin, std::uintptr_t end) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): program headers hold addresses as numbers
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

// Clean pages of the program's file: nothing is lost.
void let_go_of_program(std::uintptr_t page) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): so does the auxiliary vector
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
  const auto count = ::getauxval(AT_PHNUM);
  for (unsigned long i = 0; headers != nullptr && i < count; ++i)
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W) == 0)
      let_go(headers[i].p_vaddr / page * page, headers[i].p_vaddr + headers[i].p_memsz);
}

// What lies below this frame, but for the red zone and what madvise itself may use.
void let_go_of_stack(std::uintptr_t page) {
  constexpr std::uintptr_t kDepth = 1U
                                    << 20U;  // the kernel keeps more than that free below a stack
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto end = here / page * page - page;
  let_go(end - kDepth, end);  // what is not mapped stays so
}

}  // namespace

bool lock_in_memory() { return ::mlockall(kLocks) == 0; }

void keep_only_what_acts() {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  ::munlockall();  // locked pages cannot be let go
  ::malloc_trim(0);
  let_go_of_program(page);
  let_go_of_stack(page);
  lock_in_memory();
  // The linker puts our own code side by side: from the first to the last of these functions it is
  // all that acts.
  const std::array ours{
      address(&host::find_jobs),      address(&host::read_room), address(&host::release_memory),
      address(&host::pressure_avg10), address(&choose),          address(&level_of),
      address(&fullest_tmpfs)};
  const auto [first, last] = std::minmax_element(ours.begin(), ours.end());
  for (auto at = *first; at < *last; at += page) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): one byte of each page
    (void)*reinterpret_cast<const volatile char*>(at);
  }
}

}  // namespace jobward::watchdog
