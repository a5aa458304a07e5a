#include "verify/source.h"

#include <algorithm>
#include <set>

#include "common/text.h"
#include "verify/compressed.h"
#include "verify/contract_fields.h"
#include "verify/parquet_files.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

bool is_columnar_text(const Dataset& dataset) {
  return dataset.format == Format::csv || dataset.format == Format::tsv;
}

// Columns as they are, but filters on them cannot reach the reader, which would leave out what its
// statistics say is not there: they are written by whoever wrote the file, and may be wrong.
std::vector<std::string> unpruned(const std::vector<Column>& columns) {
  std::vector<std::string> out;
  for (const auto& column : columns)
    out.push_back("struct_extract(struct_pack(v := " + column.sql + "), 'v')");
  return out;
}

Status describe_parquet(Engine& engine, Source& source) {
  const std::string reader = sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer);
  auto files = parquet_columns(engine, source.files);
  if (!files) return tl::unexpected(std::move(files).error());
  source.differences = parquet_differences(*files, source.files);
  source.other_order = parquet_other_order(*files, source.files);
  // What cannot be read as one table is described by its first file.
  const bool alike = source.differences.empty();
  auto columns =
      described(engine, alike ? reader : sql_reader(*source.spec, {source.files[0].path}, {}, 0));
  if (!columns) return tl::unexpected(std::move(columns).error());
  const auto& first = files->front();
  for (std::size_t i = 0; i < std::min(first.size(), columns->size()); ++i)
    (*columns)[i].name = first[i].name;
  source.set_columns(std::move(*columns));
  source.set_relation(reader, unpruned(source.columns));
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

Status expect_whole_files(Engine& engine, const Source& source) {
  const auto format = source.spec->format;
  if (format == Format::parquet || format == Format::sqlite) return {};
  const Engine::Busy busy(engine);
  for (const auto& file : source.files)
    if (is_compressed(file.path))
      JOBWARD_RETURN_IF_ERROR(
          expect_whole(file.path, file.shown, [&busy] { return busy.stopped(); }));
  return {};
}

}  // namespace

std::vector<std::string> paths_of(const Source& source) {
  std::vector<std::string> out;
  for (const auto& file : source.files)
    out.push_back(file.path);
  return out;
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

void Source::set_columns(std::vector<Column> all) {
  columns = std::move(all);
  places_.clear();
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (const auto [place, is_new] = places_.try_emplace(columns[i].name, Place{i, 1}); !is_new)
      ++place->second.times;
}

void Source::set_relation(std::string reader, std::vector<std::string> values) {
  reader_ = std::move(reader);
  values_ = std::move(values);
  read_only({});
}

void Source::read_only(const std::vector<std::string>& names) {
  if (values_.empty() || in_memory) return;
  const std::set<std::string> wanted(names.begin(), names.end());
  std::vector<std::string> list;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (names.empty() || wanted.contains(columns[i].name))
      list.push_back(values_[i] + " AS " + columns[i].sql);
  relation = "(SELECT " + joined(list, ", ") + " FROM " + reader_ + ")";
}

Result<const Column*> Source::column(const std::string& name) const {
  const auto found = places_.find(name);
  if (found != places_.end() && found->second.times == 1) return &columns[found->second.first];
  if (found != places_.end())
    return error("use", "column " + printable(name), "dataset " + spec->name + " has it twice");
  std::vector<std::string> names;
  std::string also;
  for (const auto& one : columns) {
    if (lower_case(one.name) == lower_case(name))
      also = "; " + printable(one.name) + " differs in case";
    names.push_back(one.name);
  }
  return error(
      "use", "column " + printable(name),
      "dataset " + spec->name + " has no such column" + (also.empty() ? hint(name, names) : also));
}

Result<Source> find_source(const Dataset& dataset, const std::string& directory, const Tick& tick) {
  Source out;
  out.spec = &dataset;
  auto files = find_files(directory, dataset.paths, tick);
  if (!files) return tl::unexpected(std::move(files).error());
  for (const auto& file : *files)
    if (file.bytes == 0)
      return error("read", file.shown, "it is empty: not even a header is there");
  out.files = std::move(*files);
  return out;
}

Status describe_source(Engine& engine, Source& source) {
  Status done = expect_whole_files(engine, source);
  JOBWARD_RETURN_IF_ERROR(done);
  if (is_columnar_text(*source.spec)) {
    done = describe_csv(engine, source);
  } else if (source.spec->format == Format::parquet) {
    done = describe_parquet(engine, source);
  } else if (source.spec->format == Format::jsonl) {
    done = describe_json(engine, source);
  } else {
    auto columns = describe_sqlite(engine, source);
    if (!columns) return tl::unexpected(std::move(columns).error());
    source.set_columns(std::move(*columns));
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
