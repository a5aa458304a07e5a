#include "host/backends/memory_hold.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/observe/cgroup_file.h"

namespace jobward::host {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
// So near is at the limit: charges that each CPU holds ready (64 pages: mm/memcontrol.c,
// MEMCG_CHARGE_BATCH), and a huge page that did not fit.
constexpr std::uint64_t kAtLimit = 4 * kMiB;
constexpr const char* kNoMark = "max";
constexpr const char* kKillerOn = "0";
constexpr const char* kKillerOff = "1";

unsigned processors() {
  return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

// Here, where MemoryHold is known.
JobGroup::JobGroup() = default;
JobGroup::~JobGroup() = default;

std::string not_elastic(const Error& why) {
  return "the memory limit is not elastic, but a hard one: " + why.message();
}

std::uint64_t mark_below(std::uint64_t limit, unsigned processors, Braking braking) {
  const std::uint64_t share = braking == Braking::slowed ? limit / 32 : limit / 4;
  const std::uint64_t gap = std::max({16 * kMiB, std::uint64_t{processors} * 4 * kMiB, share});
  return limit - std::min(gap, limit / 2);
}

Result<MemoryHold> MemoryHold::on_v2(const CgroupDir& job, std::uint64_t limit,
                                     JobAttribute attribute) {
  MemoryHold out(Kind::v2, job, limit, std::move(attribute));
  if (auto begun = out.begin("memory.high"); !begun)
    return tl::unexpected(std::move(begun).error());
  return out;
}

Result<MemoryHold> MemoryHold::on_v1(const CgroupDir& job, std::uint64_t limit,
                                     JobAttribute attribute) {
  MemoryHold out(Kind::v1, job, limit, std::move(attribute));
  if (auto both = job.counter("memory.memsw.limit_in_bytes"); both && *both)
    out.swap_ = **both > limit ? **both - limit : 0;
  auto begun = out.begin("memory.oom_control");
  if (begun) begun = out.hold_again();
  if (!begun) return tl::unexpected(std::move(begun).error());
  return out;
}

Status MemoryHold::begin(const char* release_file) {
  auto file = job_->open_file(release_file, O_WRONLY);
  if (!file) return tl::unexpected(std::move(file).error());
  release_ = std::move(*file);
  auto event = watch();
  if (!event) return tl::unexpected(std::move(event).error());
  event_ = std::move(*event);
  return set_mark();
}

// v1: the one before stays, and is passed no more.
Status MemoryHold::set_mark() {
  mark_ = mark_below(limit_, processors(), kind_ == Kind::v2 ? Braking::slowed : Braking::free);
  if (kind_ == Kind::v2) return job_->write("memory.high", std::to_string(mark_));
  auto usage = job_->open_file("memory.usage_in_bytes", O_RDONLY);
  if (!usage) return tl::unexpected(std::move(usage).error());
  return job_->write("cgroup.event_control", std::to_string(event_.get()) + " " +
                                                 std::to_string(usage->get()) + " " +
                                                 std::to_string(mark_));
}

Result<Fd> MemoryHold::watch() const {
  if (kind_ == Kind::v1) {
    auto control = job_->open_file("memory.oom_control", O_RDONLY);
    if (!control) return tl::unexpected(std::move(control).error());
    Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return errno_error("create", "an eventfd");
    auto asked = job_->write("cgroup.event_control",
                             std::to_string(event.get()) + " " + std::to_string(control->get()));
    if (!asked) return tl::unexpected(std::move(asked).error());
    return event;
  }
  Fd event(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!event) return errno_error("watch", job_->path());
  // By descriptor: the path may name another directory tomorrow.
  const std::string file = "/proc/self/fd/" + std::to_string(job_->fd()) + "/memory.events.local";
  if (::inotify_add_watch(event.get(), file.c_str(), IN_MODIFY) < 0)
    return errno_error("watch", job_->path() + "/memory.events.local");
  return event;
}

bool MemoryHold::is_at_limit(std::uint64_t bytes) const { return bytes + kAtLimit >= limit_; }

// Page cache at the mark is given back and holds nobody up: what counts is what cannot be. Not all
// of that is known (locked pages of files): at the limit itself it does not matter what it is.
bool MemoryHold::holds(const MemorySample& sample, bool settled) const {
  const std::uint64_t slack = std::min(limit_ - mark_, limit_ / 32 + kAtLimit);
  if (sample.current >= mark_ && sample.need() + slack >= mark_) return true;
  if (kind_ == Kind::v2) return is_at_limit(sample.current);
  // Also set while only a cgroup above is out of memory, and for a moment after a raise.
  const auto control = job_->keyed("memory.oom_control");
  const bool waits = control && *control && value_or_zero(**control, "under_oom") != 0;
  return waits && (settled || is_at_limit(sample.current));
}

bool MemoryHold::may_have_failed_calls(const MemorySample& sample) const {
  return kind_ == Kind::v1 && sample.peak && is_at_limit(*sample.peak);
}

Status MemoryHold::write_limit(std::uint64_t limit) const {
  const std::string text = std::to_string(limit);
  if (kind_ == Kind::v2) return job_->write("memory.max", text);
  // Memory alone may never be allowed more than both together.
  if (swap_)
    JOBWARD_RETURN_IF_ERROR(
        job_->write("memory.memsw.limit_in_bytes", std::to_string(limit + *swap_)));
  return job_->write("memory.limit_in_bytes", text);
}

Status MemoryHold::raise(std::uint64_t limit) {
  JOBWARD_RETURN_IF_ERROR(write_limit(limit));
  limit_ = limit;
  JOBWARD_RETURN_IF_ERROR(set_mark());
  attribute_.memory_limit_bytes = limit;
  return write_job_attribute(job_->fd(), job_->path(), attribute_);
}

Status MemoryHold::hold_again() {
  return kind_ == Kind::v2 ? set_mark() : job_->write("memory.oom_control", kKillerOff);
}

MemoryHold::Switch MemoryHold::release_switch() const {
  return {release_.get(), kind_ == Kind::v2 ? kNoMark : kKillerOn};
}

Status MemoryHold::release() {
  const auto [fd, text] = release_switch();
  if (::pwrite(fd, text.data(), text.size(), 0) < 0)
    return errno_error("give up the hold of", job_->path());
  return {};
}

}  // namespace jobward::host
