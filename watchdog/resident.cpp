#include "watchdog/resident.h"

#include <link.h>
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

// Clean pages of the program's file: nothing is lost. Locked ones cannot be let go.
void let_go(std::uintptr_t begin, std::uintptr_t end) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): program headers hold addresses as numbers
  auto* const start = reinterpret_cast<void*>(begin);
  if (::munlock(start, end - begin) != 0) return;
  ::madvise(start, end - begin, MADV_DONTNEED);
  ::mlock2(start, end - begin, MLOCK_ONFAULT);
}

}  // namespace

void keep_only_what_acts() {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): so does the auxiliary vector
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
  const auto count = ::getauxval(AT_PHNUM);
  for (unsigned long i = 0; headers != nullptr && i < count; ++i)
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W) == 0)
      let_go(headers[i].p_vaddr / page * page, headers[i].p_vaddr + headers[i].p_memsz);
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
