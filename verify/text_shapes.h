// How values are written in text formats: what a type can take without losing anything of it. The
// engine's own conversion rounds 1.5, drops the time after a date and the zone after a time.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/result.h"
#include "verify/duckdb_api.h"

namespace jobward::verify {

// `kept`: how many digits after the point (or of a second) the type keeps.
bool is_integer_text(std::string_view text, int kept = 0);
bool is_decimal_text(std::string_view text, int kept);
// The same of a JSON number, of which the engine keeps what a double keeps.
bool is_json_decimal_text(std::string_view text, int kept);
// A number that is finite, or inf or nan written out. With `guessed` 1, whole numbers of more than
// 15 digits are none: whoever wrote an id does not mean a double.
bool is_float_text(std::string_view text, int guessed);
bool is_date_text(std::string_view text, int kept = 0);  // ISO 8601
bool is_time_text(std::string_view text, int kept);
bool is_timestamp_text(std::string_view text, int kept);        // without a zone
bool is_zoned_timestamp_text(std::string_view text, int kept);  // with one
bool is_unpadded_text(std::string_view text, int kept = 0);     // no blanks at either end

// The commonest two, shape and value in one go.
bool read_integer_text(std::string_view text, std::int64_t& value);
bool read_float_text(std::string_view text, int guessed, double& value);

// Makes them known to SQL: jobward_is_integer(text, kept), ...; and jobward_bigint(text, mark),
// jobward_double(text, mark), jobward_guessed_double(text, mark), of which a text that does not fit
// is an error: the mark and the text.
Status register_text_shapes(const duckdb::Api& api, duckdb::Connection connection);

}  // namespace jobward::verify
