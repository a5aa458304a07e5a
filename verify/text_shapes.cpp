#include "verify/text_shapes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <system_error>

namespace jobward::verify {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits off the front; how many there were.
std::size_t take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count]))
    ++count;
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

void take_sign(std::string_view& text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
}

// A fraction's digits that the type does not keep must be zeros.
bool take_fraction(std::string_view& text, std::size_t kept) {
  const auto begin = text;
  const auto count = take_digits(text);
  return count > 0 && (count <= kept || begin.substr(kept, count - kept).find_first_not_of('0') ==
                                            std::string_view::npos);
}

bool take_two_digits(std::string_view& text) {
  if (text.size() < 2 || !is_digit(text[0]) || !is_digit(text[1])) return false;
  text.remove_prefix(2);
  return true;
}

bool take_date(std::string_view& text) {
  return take_digits(text) >= 4 && take(text, '-') && take_two_digits(text) && take(text, '-') &&
         take_two_digits(text);
}

bool take_time(std::string_view& text, int kept) {
  if (!take_two_digits(text) || !take(text, ':') || !take_two_digits(text)) return false;
  if (!take(text, ':')) return true;
  if (!take_two_digits(text)) return false;
  return !take(text, '.') || take_fraction(text, static_cast<std::size_t>(kept));
}

bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  });
}

bool is_infinity(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  return is_word(text, "infinity");
}

bool is_beyond_numbers(std::string_view text) {
  take_sign(text);
  return is_word(text, "inf") || is_word(text, "infinity") || is_word(text, "nan");
}

// What is too small is rounded to 0, as other digits are; what is too large is no number any more.
bool is_finite(std::string_view text) {
  take_sign(text);
  double value = 0;
  const auto problem = std::from_chars(text.data(), text.data() + text.size(), value).ec;
  return problem != std::errc::result_out_of_range ||
         std::isfinite(std::strtod(std::string(text).c_str(), nullptr));
}

}  // namespace

bool is_integer_text(std::string_view text, int /*kept*/) {
  take_sign(text);
  return take_digits(text) > 0 && text.empty();
}

bool is_decimal_text(std::string_view text, int kept) {
  take_sign(text);
  const auto whole = take_digits(text);
  if (text.empty()) return whole > 0;
  if (!take(text, '.')) return false;
  if (text.empty()) return whole > 0;
  return take_fraction(text, static_cast<std::size_t>(kept)) && text.empty();
}

bool is_json_decimal_text(std::string_view text, int kept) {
  constexpr std::size_t kDigitsOfDouble = 15;
  const bool fraction = text.find('.') != std::string_view::npos;
  const auto digits = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
  return is_decimal_text(text, kept) && (!fraction || digits <= kDigitsOfDouble);
}

bool is_float_text(std::string_view text, int guessed) {
  const auto all = text;
  take_sign(text);
  constexpr std::size_t kDigitsOfDouble = 15;
  const auto whole = take_digits(text);
  if (text.empty())
    return whole > 0 && (whole <= kDigitsOfDouble || (guessed == 0 && is_finite(all)));
  const bool point = take(text, '.');
  const auto fraction = point ? take_digits(text) : 0;
  if (whole + fraction == 0) return is_beyond_numbers(all);
  if (text.empty()) return whole < 300 || is_finite(all);
  if (!take(text, 'e') && !take(text, 'E')) return false;
  take_sign(text);
  return take_digits(text) > 0 && text.empty() && is_finite(all);
}

bool is_date_text(std::string_view text, int /*kept*/) {
  const auto all = text;
  return (take_date(text) && text.empty()) || is_infinity(all);
}

bool is_time_text(std::string_view text, int kept) { return take_time(text, kept) && text.empty(); }

bool is_timestamp_text(std::string_view text, int kept) {
  const auto all = text;
  if (!take_date(text)) return is_infinity(all);
  if (text.empty()) return true;
  return (take(text, 'T') || take(text, ' ')) && take_time(text, kept) && text.empty();
}

// Whether there is such a zone, the engine knows.
bool is_zoned_timestamp_text(std::string_view text, int kept) {
  const auto all = text;
  if (!take_date(text)) return is_infinity(all);
  return (take(text, 'T') || take(text, ' ')) && take_time(text, kept) && !text.empty() &&
         is_unpadded_text(all);
}

bool is_unpadded_text(std::string_view text, int /*kept*/) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  return !text.empty() && !blank(text.front()) && !blank(text.back());
}

// What std::from_chars() takes to the end is written as the shapes above demand, but for a plus.
bool read_integer_text(std::string_view text, std::int64_t& value) {
  if (text.size() > 1 && text[0] == '+' && is_digit(text[1])) text.remove_prefix(1);
  const auto* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  return problem == std::errc{} && stop == end;
}

bool read_float_text(std::string_view text, int guessed, double& value) {
  const bool short_number =
      !text.empty() && text.size() <= 15 && text[0] != '+' && is_digit(text.back());
  if (!short_number && !is_float_text(text, guessed)) return false;
  if (text[0] == '+') text.remove_prefix(1);
  const auto* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem == std::errc::result_out_of_range) {
    value = std::strtod(std::string(text).c_str(), nullptr);
    return std::isfinite(value);
  }
  return problem == std::errc{} && stop == end;
}

namespace {

// The engine calls these functions without saying which library it is; a process loads one.
duckdb::Api& library() {
  static duckdb::Api api;
  return api;
}

// The library is there before the engine has these functions to call; the analyzer sees it empty.
// NOLINTBEGIN(clang-analyzer-core.CallAndMessage)

std::string_view view_of(const duckdb::Text& text) {
  const auto length = text.inlined.length;
  return {length <= duckdb::kInlinedLength ? text.inlined.bytes : text.pointed.bytes, length};
}

const duckdb::Text* texts_of(duckdb::DataChunk input, duckdb::Index column) {
  const auto& api = library();
  return static_cast<const duckdb::Text*>(
      api.vector_get_data(api.data_chunk_get_vector(input, column)));
}

// What stands in the place of a NULL is no text: of a NULL NULL becomes.
class Nulls {
 public:
  Nulls(duckdb::DataChunk input, duckdb::Vector output) : output_(output) {
    input_ = library().vector_get_validity(library().data_chunk_get_vector(input, 0));
  }
  bool pass(duckdb::Index row) {
    if (input_ == nullptr || ((input_[row / 64] >> (row % 64)) & 1U) != 0) return false;
    if (nulls_ == nullptr) {
      library().vector_ensure_validity_writable(output_);
      nulls_ = library().vector_get_validity(output_);
    }
    nulls_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
    return true;
  }

 private:
  duckdb::Vector output_;
  const std::uint64_t* input_ = nullptr;
  std::uint64_t* nulls_ = nullptr;
};

// One of the functions above over a chunk of rows.
template <bool (*Fits)(std::string_view, int)>
void over_rows(duckdb::FunctionInfo /*info*/, duckdb::DataChunk input, duckdb::Vector output) {
  const auto& api = library();
  const auto rows = api.data_chunk_get_size(input);
  const auto* texts = texts_of(input, 0);
  const auto* kept =
      static_cast<const std::int32_t*>(api.vector_get_data(api.data_chunk_get_vector(input, 1)));
  auto* fits = static_cast<bool*>(api.vector_get_data(output));
  Nulls nulls(input, output);
  for (duckdb::Index row = 0; row < rows; ++row)
    fits[row] = !nulls.pass(row) && Fits(view_of(texts[row]), kept[row]);
}

template <class Value, bool (*Read)(std::string_view, Value&)>
void values_of(duckdb::FunctionInfo info, duckdb::DataChunk input, duckdb::Vector output) {
  const auto rows = library().data_chunk_get_size(input);
  const auto* texts = texts_of(input, 0);
  auto* values = static_cast<Value*>(library().vector_get_data(output));
  Nulls nulls(input, output);
  for (duckdb::Index row = 0; row < rows; ++row) {
    if (nulls.pass(row) || Read(view_of(texts[row]), values[row])) continue;
    constexpr std::size_t kShown = 100;
    const auto what = std::string(view_of(texts_of(input, 1)[row])) +
                      std::string(view_of(texts[row]).substr(0, kShown));
    return library().scalar_function_set_error(info, what.c_str());
  }
}

bool read_plain_float(std::string_view text, double& value) {
  return read_float_text(text, 0, value);
}
bool read_guessed_float(std::string_view text, double& value) {
  return read_float_text(text, 1, value);
}

struct Signature {
  const char* name;
  int second;  // the first is a text
  int result;
  duckdb::ScalarCallback callback;
};

Status register_one(duckdb::Connection connection, const Signature& what) {
  const auto& api = library();
  auto* function = api.create_scalar_function();
  api.scalar_function_set_name(function, what.name);
  for (const int type : {duckdb::kTypeVarchar, what.second}) {
    auto* parameter = api.create_logical_type(type);
    api.scalar_function_add_parameter(function, parameter);
    api.destroy_logical_type(&parameter);
  }
  auto* result = api.create_logical_type(what.result);
  api.scalar_function_set_return_type(function, result);
  api.destroy_logical_type(&result);
  api.scalar_function_set_function(function, what.callback);
  const auto done = api.register_scalar_function(connection, function);
  api.destroy_scalar_function(&function);
  if (done == duckdb::kSuccess) return {};
  return error("start", "DuckDB", std::string("it does not take the function ") + what.name);
}

}  // namespace

Status register_text_shapes(const duckdb::Api& api, duckdb::Connection connection) {
  library() = api;
  using duckdb::kTypeBoolean;
  using duckdb::kTypeInteger;
  const std::array<std::pair<const char*, duckdb::ScalarCallback>, 9> shapes{
      {{"jobward_is_integer", over_rows<is_integer_text>},
       {"jobward_is_decimal", over_rows<is_decimal_text>},
       {"jobward_is_json_decimal", over_rows<is_json_decimal_text>},
       {"jobward_is_float", over_rows<is_float_text>},
       {"jobward_is_date", over_rows<is_date_text>},
       {"jobward_is_time", over_rows<is_time_text>},
       {"jobward_is_timestamp", over_rows<is_timestamp_text>},
       {"jobward_is_zoned_timestamp", over_rows<is_zoned_timestamp_text>},
       {"jobward_is_unpadded", over_rows<is_unpadded_text>}}};
  for (const auto& [name, callback] : shapes)
    JOBWARD_RETURN_IF_ERROR(register_one(connection, {name, kTypeInteger, kTypeBoolean, callback}));
  const std::array<Signature, 3> values{
      {{"jobward_bigint", duckdb::kTypeVarchar, duckdb::kTypeBigint,
        values_of<std::int64_t, read_integer_text>},
       {"jobward_double", duckdb::kTypeVarchar, duckdb::kTypeDouble,
        values_of<double, read_plain_float>},
       {"jobward_guessed_double", duckdb::kTypeVarchar, duckdb::kTypeDouble,
        values_of<double, read_guessed_float>}}};
  for (const auto& value : values)
    JOBWARD_RETURN_IF_ERROR(register_one(connection, value));
  return {};
}

// NOLINTEND(clang-analyzer-core.CallAndMessage)

}  // namespace jobward::verify
