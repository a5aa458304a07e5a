// Killing all processes of a job, and waiting until they are gone. No process is ever moved out of
// its way.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "common/result.h"
#include "host/backends/backend.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {

using ListProcesses = std::function<Result<std::vector<int>>()>;

// Sends `signal` to each process that list() names, through a pidfd; a second look at the list
// tells that the pid had not changed hands before the pidfd was opened. Those that are gone
// meanwhile are passed over. All are tried; the first failure is returned. Returns how many there
// were.
Result<int> signal_members(const ListProcesses& list, int signal);

// Calls kill() and waits on the processes that list() names until it names none. Gives up after 10
// s (a process in uninterruptible sleep cannot be killed): an error that names how many are left.
// Returns how many there were at first.
Result<int> drain(const ListProcesses& list, const std::function<Status()>& kill);

// The same for a group that is being finished: what was left, or why it could not be killed, goes
// into the report.
void drain_group(JobGroup& group, const ListProcesses& list, GroupReport& report);

// The watchdog's mark on this directory, if there is none in the report yet; one that cannot be
// read is a problem of the report.
void note_kill_mark(const CgroupDir& directory, GroupReport& report);

// Removes `name` below `parent`, deepest first: first the directories that a run makes (`layout`,
// paths below `name`, deepest first), then whatever else there is; waiting (bounded, 1 s) while the
// kernel is still letting go of it.
Status remove_drained(const CgroupDir& parent, const std::string& name,
                      std::initializer_list<const char*> layout = {});

}  // namespace jobward::host
