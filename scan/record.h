// The record of marked functions as JSON, for a file that is reviewed and stamped.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scan/stubs.h"

namespace jobward::scan {

// {"kind": "jobward-stub-record", "schema_version": 1, "functions": […]}, sorted, indented.
std::string write_record(std::vector<RecordedBody> functions);
// An error names `file` and what is wrong: other JSON, an unknown key, a digest that is none.
Result<std::vector<RecordedBody>> read_record(const std::string& text, const std::string& file);

// A record names files from its own directory, so that it holds wherever the project lies.
void to_record_paths(std::vector<RecordedBody>& functions, const std::string& record_file);
// Back to the names of `files`; an entry whose file is not among them keeps its path.
void from_record_paths(std::vector<RecordedBody>& functions, const std::string& record_file,
                       const std::vector<SourceFile>& files);

}  // namespace jobward::scan
