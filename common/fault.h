// Fault points: the places between two steps at which a test can end this process.
// tests/cases/test_crash.py goes through all of them. A release has nothing of it.
//
// JOBWARD_FAULT=NAME: it is killed there. JOBWARD_FAULT=hold:NAME: it makes the file
// JOBWARD_FAULT_MARK and stays there, until the machine is cut off.
#pragma once

#ifdef JOBWARD_FAULT_POINTS

#include <sys/types.h>

namespace jobward::fault {

// Every point there is, in the order of a run's life.
#define JOBWARD_EACH_FAULT_POINT(X) \
  X(background_begun)               \
  X(place_announced)                \
  X(migrating)                      \
  X(setting_aside)                  \
  X(log_files_made)                 \
  X(sheltered)                      \
  X(lock_wanted)                    \
  X(lock_file_made)                 \
  X(lock_taken)                     \
  X(row_written)                    \
  X(row_committed)                  \
  X(queued)                         \
  X(letting_in)                     \
  X(let_in)                         \
  X(half_made)                      \
  X(group_made)                     \
  X(spawning)                       \
  X(child_born)                     \
  X(child_ready)                    \
  X(spawned)                        \
  X(spawn_noted)                    \
  X(reported)                       \
  X(running)                        \
  X(main_ended)                     \
  X(kill_sent)                      \
  X(drained)                        \
  X(directories_removed)            \
  X(retry_reserved)                 \
  X(retry_amended)                  \
  X(closing)                        \
  X(close_written)                  \
  X(closed)                         \
  X(on_end_wanted)                  \
  X(on_end_started)                 \
  X(result_wanted)                  \
  X(reap_locked)                    \
  X(reap_killed)                    \
  X(reap_removed)                   \
  X(pruning)                        \
  X(pruned)                         \
  X(relearning)                     \
  X(relearned)                      \
  X(importing)

#define JOBWARD_FAULT_NAME(name) name,
enum class Point { JOBWARD_EACH_FAULT_POINT(JOBWARD_FAULT_NAME) };
#undef JOBWARD_FAULT_NAME

void reach(Point point);
// In the child between clone and exec, which shares the memory of its supervisor: that is who dies.
void reach_in_child(Point point, pid_t supervisor);

}  // namespace jobward::fault

#define JOBWARD_FAULT(name) ::jobward::fault::reach(::jobward::fault::Point::name)
#define JOBWARD_FAULT_IN_CHILD(name, supervisor) \
  ::jobward::fault::reach_in_child(::jobward::fault::Point::name, supervisor)

#else

#define JOBWARD_FAULT(name) static_cast<void>(0)
#define JOBWARD_FAULT_IN_CHILD(name, supervisor) static_cast<void>(0)

#endif
