#include "verify/text_exact.h"

#include <cstdlib>
#include <string_view>

#include "verify/sql.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

bool is_json(const Dataset& dataset) { return dataset.format == Format::jsonl; }

// What only the engine's JSON reader takes apart.
bool is_nested(std::string_view type) {
  return type.ends_with(']') || type.starts_with("STRUCT(") || type.starts_with("MAP(") ||
         type.starts_with("UNION(") || type == "JSON" || type == "VARIANT";
}

int scale_of(const std::string& decimal) {
  const auto comma = decimal.find(',');
  return comma == std::string::npos ? 0 : std::atoi(decimal.c_str() + comma + 1);
}

std::string call(const char* shape, const std::string& text, int kept) {
  return std::string("jobward_is_") + shape + "(" + text + ", " + std::to_string(kept) + ")";
}

// Is `text` (SQL) written as a value of this type is (text_shapes.h)?
std::string shape_of(const std::string& text, const std::string& type, bool json, Chosen chosen) {
  if (is_integer(type)) return call("integer", text, 0);
  if (is_decimal(type)) return call(json ? "json_decimal" : "decimal", text, scale_of(type));
  if (is_float(type)) return call("float", text, chosen == Chosen::by_detection ? 1 : 0);
  if (type == "BOOLEAN" && json) return text + " IN ('true', 'false')";
  if (type == "DATE") return call("date", text, 0);
  if (type == "TIME") return call("time", text, 6);
  if (type == "TIMESTAMP_S") return call("timestamp", text, 0);
  if (type == "TIMESTAMP_MS") return call("timestamp", text, 3);
  if (type == "TIMESTAMP") return call("timestamp", text, 6);
  if (type == "TIMESTAMP_NS") return call("timestamp", text, 9);
  if (has_zone(type)) return call("zoned_timestamp", text, 6);
  return call("unpadded", text, 0);
}

std::string by_format(const std::string& text, const std::string& format, const std::string& type) {
  return "CAST(try_strptime(" + text + ", " + sql_text(format) + ") AS " + type + ")";
}

bool format_has_zone(const std::string& format) {
  return format.find("%z") != std::string::npos || format.find("%Z") != std::string::npos;
}

}  // namespace

Result<TextColumn> text_column(const Dataset& dataset, const std::string& name,
                               const std::string& type, Chosen chosen) {
  const bool json = is_json(dataset);
  TextColumn out{"VARCHAR", sql_name(name), {}, {}, {}, {}};
  if (is_text(type)) return out;
  if (json && is_nested(type)) {
    out.read_type = type;
    return out;
  }
  // Read as JSON, "12" keeps its quotes and is no number.
  if (json && (is_number(type) || type == "BOOLEAN")) out.read_type = "JSON";
  std::string text = out.read_type == "JSON" ? as_text(out.name) : out.name;
  const auto& options = dataset.text;
  if (type == "DATE" && !options.date_format.empty()) {
    out.value = by_format(text, options.date_format, type);
    return out;
  }
  const bool moment = is_time_point(type) && type != "DATE";
  if (moment && !options.timestamp_format.empty()) {
    if (format_has_zone(options.timestamp_format) != has_zone(type))
      return error("use", "timestamp_format " + options.timestamp_format,
                   (has_zone(type) ? "it has no zone (%z), and a column is "
                                   : "it has a zone, and a column is ") +
                       type);
    out.value = by_format(text, options.timestamp_format, type);
    return out;
  }
  // A point becomes a comma, and so a misfit.
  if (options.decimal_separator != "." && (is_float(type) || is_decimal(type)))
    text = "translate(" + text + ", '.' || " + sql_text(options.decimal_separator) + ", ',.')";
  out.shape = shape_of(text, type, json, chosen);
  out.value = "CASE WHEN " + out.shape + " THEN TRY_CAST(" + text + " AS " + type + ") END";
  if (type == "BIGINT") out.function = "jobward_bigint";
  if (type == "DOUBLE")
    out.function = chosen == Chosen::by_detection ? "jobward_guessed_double" : "jobward_double";
  out.text = std::move(text);
  return out;
}

std::string all_seem_to_fit(const TextColumn& column) {
  return "bool_and(" + (column.shape.empty() ? "NOT " + misfit_condition(column) : column.shape) +
         ")";
}

std::string misfit_condition(const TextColumn& column) {
  return "(" + column.name + " IS NOT NULL AND (" + column.value + ") IS NULL)";
}

std::string guarded_value(const TextColumn& column, const std::string& mark) {
  if (column.value.empty()) return column.name;
  if (!column.function.empty())
    return column.function + "(" + column.text + ", " + sql_text(mark) + ")";
  constexpr const char* kShown = "100";
  return "coalesce(" + column.value + ", CASE WHEN " + column.name + " IS NOT NULL THEN error(" +
         sql_text(mark) + " || left(" + as_text(column.name) + ", " + kShown + ")) END)";
}

std::string misfit_mark(const Dataset& dataset, std::size_t column) {
  return "dataset " + dataset.name + ", column " + std::to_string(column) + ": ";
}

}  // namespace jobward::verify
