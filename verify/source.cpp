#include "verify/source.h"

#include <algorithm>
#include <cctype>

#include "common/files.h"
#include "common/text.h"
#include "verify/contract_fields.h"
#include "verify/csv_header.h"
#include "verify/parquet_files.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

std::vector<std::string> paths_of(const Source& source) {
  std::vector<std::string> out;
  for (const auto& file : source.files)
    out.push_back(file.path);
  return out;
}

bool is_columnar_text(const Dataset& dataset) {
  return dataset.format == Format::csv || dataset.format == Format::tsv;
}

// The engine calls the second of "Id" and "id" "id_1".
bool may_be_renamed(const std::vector<Column>& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const Column& column) {
    const auto line = column.name.rfind('_');
    return line != std::string::npos && line + 1 < column.name.size() &&
           column.name.find_first_not_of("0123456789", line + 1) == std::string::npos;
  });
}

Result<std::vector<Column>> described(Engine& engine, const std::string& relation) {
  auto rows = engine.query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " +
                           relation + ")");
  if (!rows) return tl::unexpected(std::move(rows).error());
  std::vector<Column> out;
  for (const auto& row : *rows)
    out.push_back({row[0].value_or(""), sql_name(row[0].value_or("")), row[1].value_or("")});
  return out;
}

// The header as it is written, where it can be read without the engine.
std::optional<std::vector<std::string>> true_header(const Source& source) {
  const auto& text = source.spec->text;
  if (!text.header || text.encoding == "utf-16") return std::nullopt;
  return read_csv_header(source.files.front().path, text);
}

// Why detection failed; the engine only says that it did, so each file is read plainly until a line
// is wrong.
Error precise(Engine& engine, const Source& source,
              const std::optional<std::vector<std::string>>& names, Error general) {
  if (!names) return general;
  std::vector<std::string> unique;
  for (const auto& name : *names)
    unique.push_back(std::to_string(unique.size()) + " " + name);
  for (const auto& file : source.files) {
    const auto read =
        engine.execute("SELECT count(*) FROM " + sql_plain_reader(*source.spec, file.path, unique));
    if (!read) return read.error();
  }
  return general;
}

// One header for all files: the engine would notice only what it happens to look into.
Status expect_same_headers(const Source& source, const std::vector<std::string>& first) {
  for (std::size_t i = 1; i < source.files.size(); ++i) {
    const auto other = read_csv_header(source.files[i].path, source.spec->text);
    if (other && *other != first)
      return error("read", "the files of " + source.spec->name + " as one table",
                   source.files[i].shown + " has another header than " + source.files[0].shown);
  }
  return {};
}

Status describe_csv(Engine& engine, Source& source) {
  auto columns =
      described(engine, sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer));
  const bool look = !columns || may_be_renamed(*columns) || source.files.size() > 1;
  const auto header = look ? true_header(source) : std::nullopt;
  if (header) JOBWARD_RETURN_IF_ERROR(expect_same_headers(source, *header));
  if (!columns) return tl::unexpected(precise(engine, source, header, std::move(columns).error()));
  const bool named = header && header->size() == columns->size();
  // The types are settled here: no later statement may detect others. The reader knows a renamed
  // column by no name; it stays detected.
  std::vector<TypedColumn> known;
  for (std::size_t i = 0; i < columns->size(); ++i) {
    auto& column = (*columns)[i];
    const std::string of_engine = column.name;
    if (named) column.name = (*header)[i];
    if (of_engine == column.name) known.push_back({column.name, column.type});
  }
  source.relation = sql_reader(*source.spec, paths_of(source), known, source.csv_buffer);
  source.columns = std::move(*columns);
  return {};
}

Status describe_parquet(Engine& engine, Source& source) {
  source.relation = sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer);
  auto files = parquet_columns(engine, source.files);
  if (!files) return tl::unexpected(std::move(files).error());
  source.differences = parquet_differences(*files, source.files);
  // What cannot be read as one table is described by its first file.
  const bool alike = source.differences.empty();
  auto columns = described(
      engine, alike ? source.relation : sql_reader(*source.spec, {source.files[0].path}, {}, 0));
  if (!columns) return tl::unexpected(std::move(columns).error());
  const auto& first = files->front();
  for (std::size_t i = 0; i < std::min(first.size(), columns->size()); ++i)
    (*columns)[i].name = first[i].name;
  source.columns = std::move(*columns);
  return {};
}

Status describe_json(Engine& engine, Source& source) {
  auto columns =
      described(engine, sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer));
  if (!columns) return tl::unexpected(std::move(columns).error());
  std::vector<TypedColumn> known;
  for (const auto& column : *columns)
    known.push_back({column.name, column.type});
  source.relation = sql_reader(*source.spec, paths_of(source), known, source.csv_buffer);
  source.columns = std::move(*columns);
  return {};
}

Status check_declared_types(const Source& source) {
  for (const auto& [name, type] : source.spec->types)
    if (const auto column = source.column(name); !column)
      return tl::unexpected(Error(column.error()).with_context("types"));
  for (const auto& name : source.spec->key)
    if (const auto column = source.column(name); !column)
      return tl::unexpected(Error(column.error()).with_context("key"));
  return {};
}

}  // namespace

Result<const Column*> Source::column(const std::string& name) const {
  const Column* found = nullptr;
  std::vector<std::string> names;
  for (const auto& one : columns) {
    names.push_back(one.name);
    if (one.name != name) continue;
    if (found != nullptr)
      return error("use", "column " + printable(name), "dataset " + spec->name + " has it twice");
    found = &one;
  }
  if (found != nullptr) return found;
  std::string also;
  for (const auto& one : names)
    if (lower_case(one) == lower_case(name)) also = "; " + printable(one) + " differs in case";
  return error(
      "use", "column " + printable(name),
      "dataset " + spec->name + " has no such column" + (also.empty() ? hint(name, names) : also));
}

Result<Source> find_source(const Dataset& dataset, const std::string& directory) {
  Source out;
  out.spec = &dataset;
  auto files = find_files(directory, dataset.paths);
  if (!files) return tl::unexpected(std::move(files).error());
  for (const auto& file : *files)
    if (file.bytes == 0)
      return error("read", file.shown, "it is empty: not even a header is there");
  out.files = std::move(*files);
  return out;
}

Status describe_source(Engine& engine, Source& source) {
  Status done;
  if (is_columnar_text(*source.spec)) {
    done = describe_csv(engine, source);
  } else if (source.spec->format == Format::parquet) {
    done = describe_parquet(engine, source);
  } else if (source.spec->format == Format::jsonl) {
    done = describe_json(engine, source);
  } else {
    auto columns = describe_sqlite(source);
    if (!columns) return tl::unexpected(std::move(columns).error());
    source.columns = std::move(*columns);
  }
  JOBWARD_RETURN_IF_ERROR(done);
  if (source.columns.empty()) return error("read", source.files[0].shown, "it has no columns");
  return check_declared_types(source);
}

Status load_source(Engine& engine, Source& source, const std::vector<std::string>& columns) {
  const std::string table = "jobward_" + source.spec->name;
  std::vector<Column> wanted;
  for (const auto& column : source.columns)
    if (columns.empty() || std::find(columns.begin(), columns.end(), column.name) != columns.end())
      wanted.push_back(column);
  if (source.spec->format == Format::sqlite) {
    JOBWARD_RETURN_IF_ERROR(load_sqlite(engine, source, wanted, table));
  } else {
    std::vector<std::string> names;
    for (const auto& column : wanted)
      names.push_back(column.sql);
    // Only rows are counted.
    const std::string list = names.empty() ? "NULL AS nothing" : joined(names, ", ");
    JOBWARD_RETURN_IF_ERROR(engine.execute("CREATE TEMP TABLE " + sql_name(table) + " AS SELECT " +
                                           list + " FROM " + source.relation));
  }
  source.relation = sql_name(table);
  source.in_memory = true;
  ++source.scans;
  return {};
}

}  // namespace jobward::verify
