# What can be chosen, and how everything is compiled.
option(JOBWARD_BUILD_TESTS "Build the tests" OFF)
option(JOBWARD_FAULT_POINTS "Points at which a test can kill the programs (common/fault.h): never in a release" OFF)
option(JOBWARD_BUILD_BENCH "Build the benchmarks" OFF)
option(JOBWARD_WERROR "Warnings are errors (development presets)" OFF)
set(JOBWARD_GRAMMARS "${CMAKE_SOURCE_DIR}/.cache/grammars" CACHE PATH "Where scripts/fetch-grammars puts what `scan` parses with")
set(JOBWARD_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Smaller code is faster code for a process that lives for milliseconds: every page of it is a page fault.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(JOBWARD_CCACHE ccache)
if(JOBWARD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${JOBWARD_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
                    -Woverloaded-virtual -Wcast-align -fstack-protector-strong
                    -ffunction-sections -fdata-sections)
# A byte buffer that is filled by read() is not worth zeroing, and write() of a report that nobody can be told
# about has no error to handle.
add_compile_options(-Wno-unused-result)
# GCC 12 sees impossible overlaps in std::string (GCC bug 105651).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# A precompiled header that tells no time is the same in every build: ccache finds what was compiled with it.
add_compile_options("$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
add_compile_definitions(_FILE_OFFSET_BITS=64)
if(JOBWARD_WERROR)
  add_compile_options(-Werror)
endif()
if(JOBWARD_SANITIZE)
  add_compile_options(-fsanitize=${JOBWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${JOBWARD_SANITIZE})
else()
  # The C++ runtime goes into the binary: loading it costs a short run half a millisecond.
  add_link_options(-static-libstdc++ -static-libgcc)
endif()
add_link_options(-Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now)
