// What was learned, as text that another machine can read (`jobward profiles export`): a header
// line, then one line a lesson, all JSON. docs/import.md has the fields.
#pragma once

#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/lesson.h"

namespace jobward::profiles {

// With the line feed. `job` is written with what looks like a secret masked; nothing else in it
// names a command, a path or a person.
std::string lesson_header(UnixMillis now);
std::string lesson_line(const Lesson& lesson);

// An error if it is no header, or that of a newer version.
Status check_lesson_header(std::string_view line);
// Every key is 32 hexadecimal digits or empty, the masked one is there, every number is finite, and
// what was used >= 0; else it is an error. `source` is "profiles".
Result<Lesson> parse_lesson_line(std::string_view line);

}  // namespace jobward::profiles
