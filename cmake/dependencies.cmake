# Debian packages; scripts/lib.sh lists and installs them. Libraries are linked statically where Debian ships an
# archive: each shared one costs a short run about 0.1 ms to load. Their headers count as system headers.

# jobward_static_library(TARGET ARCHIVE HEADER [MORE...]): an imported target for a library with one header.
function(jobward_static_library target archive header)
  find_library(${target}_ARCHIVE NAMES ${archive} REQUIRED)
  find_path(${target}_HEADERS NAMES ${header} REQUIRED)
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${target}_ARCHIVE})
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_HEADERS})
  target_link_libraries(${target} INTERFACE ${ARGN})
endfunction()

find_package(Threads REQUIRED)
jobward_static_library(jobward_sqlite libsqlite3.a sqlite3.h Threads::Threads m ${CMAKE_DL_LIBS})
jobward_static_library(jobward_sodium libsodium.a sodium.h Threads::Threads)
jobward_static_library(jobward_zlib libz.a zlib.h)
jobward_static_library(jobward_libcgroup libcgroup.a libcgroup.h Threads::Threads)

find_package(Boost 1.74 REQUIRED)           # headers: Asio
find_package(nlohmann_json 3.11 REQUIRED)
# spdlog and fmt header-only, in the one file that logs: no shared library to load.
find_path(JOBWARD_SPDLOG_HEADERS spdlog/spdlog.h REQUIRED)
find_path(JOBWARD_FMT_HEADERS fmt/format.h REQUIRED)
add_library(jobward_spdlog INTERFACE)
target_include_directories(jobward_spdlog SYSTEM INTERFACE ${JOBWARD_SPDLOG_HEADERS} ${JOBWARD_FMT_HEADERS})
target_compile_definitions(jobward_spdlog INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
find_package(CLI11 REQUIRED)
find_path(JOBWARD_EXPECTED_HEADERS tl/expected.hpp REQUIRED)
find_path(JOBWARD_TOML_HEADERS toml++/toml.h REQUIRED)
