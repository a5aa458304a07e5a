// Between run records and their JSON columns. Text that is not UTF-8 is replaced in JSON; what must
// keep its bytes (argv, cwd, project) has columns of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "profiles/run_record.h"

namespace jobward::profiles {

std::string encode_request(const RunRequest& request);
// Fills everything but id, name, argv, cwd, project, program and fingerprint, which are columns.
Status decode_request(std::string_view json, RunRequest& request);

std::string encode_ending(const RunEnding& ending);
// Fills everything but the curve.
Result<RunEnding> decode_ending(std::string_view json);

// Every number in it is finite, and what was used is >= 0, or it is an error. So is one that was
// written without those parts.
std::string encode_observation(const Observation& observation);
Result<Observation> decode_observation(std::string_view json);
// Did a user, a preset or a configuration set a limit with this source, or did Jobward or a policy?
bool was_asked_for(std::string_view source);

// Pairs of 32-bit floats, seconds and bytes, little-endian.
std::string encode_curve(const std::vector<CurvePoint>& curve);
Result<std::vector<CurvePoint>> decode_curve(std::string_view bytes);

std::string join_nul(const std::vector<std::string>& words);
std::vector<std::string> split_nul(std::string_view bytes);

}  // namespace jobward::profiles
