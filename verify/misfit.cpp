// Where a text stands that does not fit its column: the engine tells that there is one, not where.
#include <algorithm>
#include <cstdlib>

#include "common/text.h"
#include "verify/source.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

std::optional<std::size_t> column_of(const Source& source, const Error& error) {
  const auto message = error.message();
  for (std::size_t i = 0; i < source.texts.size(); ++i)
    if (message.find(misfit_mark(*source.spec, i)) != std::string::npos) return i;
  return std::nullopt;
}

std::string reader_of(const Source& source, const FileFacts& file) {
  return sql_reader(*source.spec, {file.path}, source.reader_columns, source.csv_buffer);
}

// Line ends within the fields of the records before this one; absent: it cannot be told.
std::optional<std::int64_t> line_ends_before(Engine& engine, const Source& source,
                                             const FileFacts& file, std::int64_t record) {
  std::vector<std::string> names;
  for (const auto& column : source.reader_columns)
    names.push_back(sql_name(column.name));
  const auto rows = engine.query(
      "SELECT CAST(coalesce(sum(length(t) - length(replace(t, chr(10), ''))), 0) AS VARCHAR) FROM "
      "(SELECT concat_ws('', " +
      joined(names, ", ") + ") AS t FROM " + reader_of(source, file) + " LIMIT " +
      std::to_string(record - 1) + ")");
  if (!rows || !rows->front()[0]) return std::nullopt;
  return std::strtoll(rows->front()[0]->c_str(), nullptr, 10);
}

std::string place_of(Engine& engine, const Source& source, const FileFacts& file,
                     std::int64_t record) {
  const auto& text = source.spec->text;
  if (source.spec->format == Format::jsonl) return "line " + std::to_string(record);
  const auto within = text.comment.empty() ? line_ends_before(engine, source, file, record)
                                           : std::optional<std::int64_t>();
  if (!within) return "record " + std::to_string(record);
  std::int64_t line = text.skip + record + *within;
  if (text.header) ++line;
  for (const auto& column : source.columns)
    if (text.header) line += std::count(column.name.begin(), column.name.end(), '\n');
  return "line " + std::to_string(line);
}

struct Misfit {
  std::int64_t record = 0;
  std::string text;
};

std::optional<Misfit> first_misfit(Engine& engine, const Source& source, const FileFacts& file,
                                   const TextColumn& column) {
  const auto rows =
      engine.query("SELECT CAST(jobward_record AS VARCHAR), left(" + as_text(column.name) +
                   ", 100) FROM (SELECT row_number() OVER () AS jobward_record, * FROM " +
                   reader_of(source, file) + ") WHERE " + misfit_condition(column) +
                   " ORDER BY jobward_record LIMIT 1");
  if (!rows || rows->empty()) return std::nullopt;
  return Misfit{std::strtoll((*rows)[0][0].value_or("0").c_str(), nullptr, 10),
                (*rows)[0][1].value_or("")};
}

}  // namespace

Error located(Engine& engine, const Source& source, const Error& general) {
  const auto number = column_of(source, general);
  if (!number) return general;
  const auto& column = source.columns[*number];
  for (const auto& file : source.files) {
    const auto found = first_misfit(engine, source, file, source.texts[*number]);
    if (!found) continue;
    return error("read", file.shown,
                 place_of(engine, source, file, found->record) + ": column " +
                     printable(column.name) + " has \"" + printable(found->text) +
                     "\", which is no " + column.type +
                     " as it is written (the dataset's types say how a column is read)")
        .value();
  }
  return general;
}

}  // namespace jobward::verify
