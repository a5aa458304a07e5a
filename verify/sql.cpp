#include "verify/sql.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/text.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

template <class Number>
std::string digits(Number number) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

std::string sql_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const auto& text : texts)
    quoted.push_back(sql_text(text));
  return "[" + joined(quoted, ", ") + "]";
}

std::string file_list(const std::vector<std::string>& files) {
  std::vector<std::string> escaped;
  for (const auto& file : files)
    escaped.push_back(glob_escaped(file));
  return sql_list(escaped);
}

const char* sql_truth(bool value) { return value ? "true" : "false"; }

// Everything that the engine would otherwise detect.
std::string csv_options(const TextOptions& text) {
  // The engine wants at least one; this one no file has.
  const std::vector<std::string> no_null{"\x01jobward\x01"};
  std::string out =
      ", delim = " + sql_text(text.delimiter) + ", quote = " + sql_text(text.quote) +
      ", escape = " + sql_text(text.escape) + ", comment = " + sql_text(text.comment) +
      ", header = " + sql_truth(text.header) + ", skip = " + std::to_string(text.skip) +
      ", nullstr = " + sql_list(text.null_strings.empty() ? no_null : text.null_strings) +
      ", allow_quoted_nulls = " + sql_truth(text.quoted_nulls) +
      ", encoding = " + sql_text(text.encoding) +
      ", decimal_separator = " + sql_text(text.decimal_separator) +
      ", strict_mode = true, null_padding = false, ignore_errors = false";
  if (!text.timestamp_format.empty())
    out += ", timestampformat = " + sql_text(text.timestamp_format);
  if (!text.date_format.empty()) out += ", dateformat = " + sql_text(text.date_format);
  return out;
}

// {'id': 'BIGINT', ...}
std::string type_struct(const std::vector<TypedColumn>& columns) {
  std::vector<std::string> parts;
  for (const auto& column : columns)
    parts.push_back(sql_text(column.name) + ": " + sql_text(column.type));
  return "{" + joined(parts, ", ") + "}";
}

tl::unexpected<Error> misfit(const char* what, const std::string& type) {
  return error("compare", "values", std::string(what) + " is given for a column of type " + type);
}

}  // namespace

std::string sql_text(std::string_view text) { return doubled(text, '\''); }
std::string sql_name(std::string_view name) { return doubled(name, '"'); }

std::string glob_escaped(std::string_view path) {
  std::string out;
  for (const char c : path)
    out += c == '*' || c == '?' || c == '[' ? "[" + std::string(1, c) + "]" : std::string(1, c);
  return out;
}

std::string as_text(std::string_view expression) {
  return "CAST(" + std::string(expression) + " AS VARCHAR)";
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

Result<std::string> sql_value(const TomlScalar& value, const std::string& type) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (is_number(type) || type == "BOOLEAN") return misfit("a text", type);
    return is_text(type) ? sql_text(*text) : "CAST(" + sql_text(*text) + " AS " + type + ")";
  }
  if (const auto* truth = std::get_if<bool>(&value)) {
    if (type != "BOOLEAN") return misfit("a truth", type);
    return std::string(sql_truth(*truth));
  }
  if (!is_number(type)) return misfit("a number", type);
  const auto* whole = std::get_if<std::int64_t>(&value);
  const std::string number = whole != nullptr ? digits(*whole) : digits(std::get<double>(value));
  // A FLOAT of 0.1 is more than 0.1: both sides are rounded alike.
  return is_float(type) ? "CAST(" + sql_text(number) + " AS " + type + ")" : number;
}

std::string sql_reader(const Dataset& dataset, const std::vector<std::string>& files,
                       const std::vector<TypedColumn>& columns, std::uint64_t csv_buffer) {
  const std::string list = file_list(files);
  const std::string options = std::string(", hive_partitioning = ") +
                              sql_truth(dataset.hive_partitioning) + ", union_by_name = false";
  if (dataset.format == Format::parquet) return "read_parquet(" + list + options + ")";
  const std::string known = columns.empty() ? "" : ", columns = " + type_struct(columns);
  if (dataset.format == Format::jsonl)
    return "read_json(" + list + ", format = 'newline_delimited', map_inference_threshold = -1" +
           options + known + ")";
  return "read_csv(" + list + options + csv_options(dataset.text) +
         (csv_buffer == 0 ? "" : ", buffer_size = " + std::to_string(csv_buffer)) +
         (columns.empty() ? "" : ", auto_detect = false") + known + ")";
}

}  // namespace jobward::verify
