#include "host/backends/clone_child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "common/fd.h"

namespace jobward::host {
namespace {

// CLONE_CLEAR_SIGHAND (Linux 5.5), which glibc 2.36's headers lack: before exec a handler of ours
// would run in the child, on our memory.
constexpr __u64 kClearSignalHandlers = 0x100000000ULL;

// ENOSYS, EPERM: a seccomp filter; EINVAL, E2BIG: a kernel before a flag or field that we use.
bool is_refused(int error) {
  return error == ENOSYS || error == EPERM || error == EINVAL || error == E2BIG;
}

// Moves the calling process, one thread, into the v2 directory. 0 or an errno.
int move_self(int v2_directory) {
  if (v2_directory < 0) return 0;
  const Fd procs(::openat(v2_directory, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  return procs && ::write(procs.get(), "0", 1) == 1 ? 0 : errno;
}

// Containers forbid clone3 with ENOSYS (seccomp cannot see its flags). Then a plain fork; the child
// moves itself and tells how that went.
pid_t fork_child(int v2_directory, int* pidfd, void (*child)(const void*), const void* argument) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int failed = move_self(v2_directory);
    static_cast<void>(::write(writer.get(), &failed, sizeof failed));
    if (failed != 0) ::_exit(127);
    child(argument);
  }
  if (pid < 0) return pid;
  writer.reset();
  int failed = 0;
  if (::read(reader.get(), &failed, sizeof failed) != sizeof failed) failed = ECHILD;
  if (failed == 0) {
    *pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (*pidfd >= 0) return pid;
    failed = errno;
  }
  ::kill(pid, SIGKILL);  // our own child, not reaped yet: the pid is still its
  ::waitpid(pid, nullptr, 0);
  errno = failed;
  return -1;
}

clone_args base_arguments(int v2_directory, int* pidfd) {
  clone_args args{};
  args.flags = CLONE_PIDFD | kClearSignalHandlers;
  args.pidfd = reinterpret_cast<std::uintptr_t>(pidfd);
  args.exit_signal = SIGCHLD;
  if (v2_directory >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(v2_directory);
  }
  return args;
}

// The sanitizers keep books on stacks, and know nothing of one that belongs to another process.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JOBWARD_SHARES_MEMORY 0
#elif defined(__x86_64__)
// The C library has no clone3 that takes a function. After the system call the child is on the new
// stack, with our registers: it calls `child` and never comes back here.
long clone3_call(clone_args* args, void (*child)(const void*), const void* argument) {
  long result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov %[argument], %%rdi\n\t"
      "call *%[child]\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(args), "S"(sizeof *args), [child] "r"(child), [argument] "r"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#define JOBWARD_SHARES_MEMORY 1
#elif defined(__aarch64__)
long clone3_call(clone_args* args, void (*child)(const void*), const void* argument) {
  register long result asm("x0") = reinterpret_cast<long>(args);
  register long size asm("x1") = sizeof *args;
  register long number asm("x8") = SYS_clone3;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x0, %[argument]\n\t"
      "blr %[child]\n\t"
      "brk #1\n"
      "1:"
      : "+r"(result)
      : "r"(size), "r"(number), [child] "r"(child), [argument] "r"(argument)
      : "x30", "memory", "cc");
  return result;
}
#define JOBWARD_SHARES_MEMORY 1
#else
#define JOBWARD_SHARES_MEMORY 0
#endif

}  // namespace

#if JOBWARD_SHARES_MEMORY
pid_t clone_child(int v2_directory, int* pidfd, std::size_t stack_size, void (*child)(const void*),
                  const void* argument) {
  void* stack = ::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  clone_args args = base_arguments(v2_directory, pidfd);
  args.flags |= CLONE_VM | CLONE_VFORK;
  args.stack = reinterpret_cast<std::uintptr_t>(stack);
  args.stack_size = stack_size;
  const long result = clone3_call(&args, child, argument);
  ::munmap(stack, stack_size);
  if (result >= 0) return static_cast<pid_t>(result);
  if (result < 0 && is_refused(static_cast<int>(-result)))
    return fork_child(v2_directory, pidfd, child, argument);
  errno = static_cast<int>(-result);
  return -1;
}
#else
pid_t clone_child(int v2_directory, int* pidfd, std::size_t, void (*child)(const void*),
                  const void* argument) {
  clone_args args = base_arguments(v2_directory, pidfd);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) child(argument);
  if (pid < 0 && is_refused(errno)) return fork_child(v2_directory, pidfd, child, argument);
  return pid;
}
#endif

}  // namespace jobward::host
