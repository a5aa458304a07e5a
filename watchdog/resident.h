// Which pages of the program stay in memory.
#pragma once

namespace jobward::watchdog {

// Lets go of the code that only starting up needed (clean pages of the file), and reads what acting
// needs, which then stays: mlockall(MCL_ONFAULT) keeps what was touched. Call it once, after
// mlockall.
void keep_only_what_acts();

}  // namespace jobward::watchdog
