// Which pages of the program stay in memory.
#pragma once

namespace jobward::watchdog {

// Keeps in memory what was touched and what will be. False, with errno: not allowed.
bool lock_in_memory();

// Lets go of what only starting up needed (clean pages of the program's file, freed heap, the depth
// of this thread's stack), reads what acting needs, and locks that. Call it once, with the other
// threads at rest.
void keep_only_what_acts();

}  // namespace jobward::watchdog
