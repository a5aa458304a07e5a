// Calls of well-known functions: those that leave nothing behind, and those that run what they are
// given. The names are from Python's standard library.
#pragma once

#include <cstdint>
#include <string_view>

namespace jobward::scan {

enum class Harm : std::uint8_t { none, log, unknown };

// Of a function by its full name: "logging.info", "len", "os.path.join".
Harm harm_of_call(std::string_view dotted);
// Of a method of something unknown, `object` being how it is written: "self.logger", "x".
Harm harm_of_method(std::string_view object, std::string_view name);

// Thread(target=f), executor.submit(f, …), stack.callback(f)
bool runs_what_it_is_given(std::string_view name);
// asyncio.run(f()), create_task(f())
bool awaits_what_it_is_given(std::string_view name);

}  // namespace jobward::scan
