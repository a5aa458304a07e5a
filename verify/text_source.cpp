// CSV, TSV and JSON lines: which columns they have, of which types, and how they are read.
#include <algorithm>
#include <map>

#include "common/text.h"
#include "verify/contract_fields.h"
#include "verify/csv_header.h"
#include "verify/source.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

// The engine calls the second of "Id" and "id" "id_1".
bool may_be_renamed(const std::vector<Column>& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const Column& column) {
    const auto line = column.name.rfind('_');
    return line != std::string::npos && line + 1 < column.name.size() &&
           column.name.find_first_not_of("0123456789", line + 1) == std::string::npos;
  });
}

// Columns of a CSV, which has them by place: "c0", "c1", all text.
std::vector<TypedColumn> numbered(std::size_t count) {
  std::vector<TypedColumn> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({"c" + std::to_string(i), "VARCHAR"});
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
  const auto texts = numbered(names->size());
  for (const auto& file : source.files) {
    const auto read = engine.execute(
        "SELECT count(*) FROM " + sql_reader(*source.spec, {file.path}, texts, source.csv_buffer));
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

// A type as the engine spells it: INT is INTEGER.
Result<std::string> spelled(Engine& engine, const std::string& type) {
  auto rows = engine.query("SELECT typeof(CAST(NULL AS " + type + "))");
  if (!rows) return error("use", "type " + printable(type), "the engine has no such type");
  return rows->front()[0].value_or("");
}

// The types that the contract gives, by column.
Result<std::map<std::string, std::string>> declared_types(Engine& engine, const Source& source) {
  std::map<std::string, std::string> out;
  for (const auto& [name, type] : source.spec->types) {
    auto known = spelled(engine, type);
    if (!known) return tl::unexpected(Error(known.error()).with_context("types"));
    out[name] = std::move(*known);
  }
  return out;
}

// What a detected column may be. Of JSON the engine takes times with a zone for times without one.
std::vector<std::string> candidates(const Dataset& dataset, const std::string& type) {
  const bool moment = is_time_point(type) && type != "DATE";
  const auto& format = dataset.text.timestamp_format;
  if (moment && !format.empty()) {
    const bool zone =
        format.find("%z") != std::string::npos || format.find("%Z") != std::string::npos;
    return {zone ? "TIMESTAMP WITH TIME ZONE" : "TIMESTAMP"};
  }
  if (type == "TIMESTAMP") return {type, "TIMESTAMP WITH TIME ZONE"};
  return {type};
}

// The engine's guess holds if the first rows are written exactly so; else the column is text.
class Detection {
 public:
  explicit Detection(const Source& source) : source_(source) {}

  // `name`: in the reader.
  Status consider(std::size_t column, const std::string& name, const std::string& type) {
    for (const auto& candidate : candidates(*source_.spec, type)) {
      auto text = text_column(*source_.spec, name, candidate, Chosen::by_detection);
      if (!text) return tl::unexpected(std::move(text).error());
      if (text->value.empty()) return {};
      conditions_.push_back(as_text(all_seem_to_fit(*text)));
      guesses_.push_back({column, candidate, std::move(*text)});
    }
    return {};
  }

  // Settles the types of the columns that were considered.
  Status settle(Engine& engine, std::vector<Column>& columns, std::vector<TypedColumn> reader) {
    if (guesses_.empty()) return {};
    for (const auto& guess : guesses_) {
      reader[guess.column].type = guess.text.read_type;
      columns[guess.column].type = "VARCHAR";
    }
    const auto relation = sql_reader(*source_.spec, paths_of(source_), reader, source_.csv_buffer);
    auto rows = engine.query("SELECT " + joined(conditions_, ", ") + " FROM (SELECT * FROM " +
                             relation + " LIMIT 20480)");
    if (!rows) return tl::unexpected(std::move(rows).error());
    for (std::size_t i = guesses_.size(); i-- > 0;)  // the first that holds comes last
      if (rows->front()[i].value_or("true") == "true")
        columns[guesses_[i].column].type = guesses_[i].type;
    return {};
  }

 private:
  struct Guess {
    std::size_t column;
    std::string type;
    TextColumn text;
  };
  const Source& source_;
  std::vector<Guess> guesses_;
  std::vector<std::string> conditions_;
};

// Settles the types, once: no later statement may detect others. `names`: of the columns in the
// reader; what comes after them are the names of directories.
Status read_as_texts(Engine& engine, Source& source, std::vector<Column> columns,
                     const std::vector<std::string>& names) {
  const auto declared = declared_types(engine, source);
  if (!declared) return tl::unexpected(declared.error());
  Detection detection(source);
  std::vector<TypedColumn> reader;
  for (std::size_t i = 0; i < names.size(); ++i) {
    reader.push_back({names[i], "VARCHAR"});
    const auto given = declared->find(columns[i].name);
    if (given != declared->end())
      columns[i].type = given->second;
    else
      JOBWARD_RETURN_IF_ERROR(detection.consider(i, names[i], columns[i].type));
  }
  JOBWARD_RETURN_IF_ERROR(detection.settle(engine, columns, reader));
  std::vector<std::string> list;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    TextColumn text{"VARCHAR", columns[i].sql, {}, {}, {}, {}};
    const auto given = declared->find(columns[i].name);
    const bool chosen = given != declared->end();
    if (i < names.size()) {
      auto read = text_column(*source.spec, names[i], columns[i].type,
                              chosen ? Chosen::by_contract : Chosen::by_detection);
      if (!read) return tl::unexpected(std::move(read).error());
      text = std::move(*read);
      reader[i].type = text.read_type;
    } else if (chosen) {
      columns[i].type = given->second;
      text.name = "CAST(" + text.name + " AS " + given->second + ")";
    }
    list.push_back(guarded_value(text, misfit_mark(*source.spec, i)));
    source.texts.push_back(std::move(text));
  }
  source.set_columns(std::move(columns));
  source.set_relation(sql_reader(*source.spec, paths_of(source), reader, source.csv_buffer),
                      std::move(list));
  source.reader_columns = std::move(reader);
  return {};
}

// How many of the columns are in the files themselves: the rest are named by directories.
Result<std::size_t> count_in_files(Engine& engine, const Source& source, std::size_t all) {
  if (!source.spec->hive_partitioning) return all;
  Dataset plain = *source.spec;
  plain.hive_partitioning = false;
  const auto columns =
      described(engine, sql_reader(plain, paths_of(source), {}, source.csv_buffer));
  if (!columns) return tl::unexpected(columns.error());
  return std::min(columns->size(), all);
}

// The contract may name columns that the first lines do not have.
Status add_later_keys(Engine& engine, const Source& source, std::vector<Column>& columns,
                      std::size_t at) {
  const auto is_there = [&](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const Column& one) { return one.name == name; });
  };
  std::vector<std::string> unseen;
  for (const auto& [name, type] : source.spec->types)
    if (!is_there(name)) unseen.push_back(name);
  if (unseen.empty() && !may_be_renamed(columns)) return {};
  const auto keys = json_keys(engine, source);
  if (!keys) return tl::unexpected(keys.error());
  for (const auto& name : unseen)
    if (std::binary_search(keys->begin(), keys->end(), name))
      columns.insert(columns.begin() + static_cast<std::ptrdiff_t>(at++),
                     Column{name, sql_name(name), "VARCHAR"});
  return {};
}

}  // namespace

Status describe_csv(Engine& engine, Source& source) {
  auto columns =
      described(engine, sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer));
  const auto header = true_header(source);
  if (header) JOBWARD_RETURN_IF_ERROR(expect_same_headers(source, *header));
  if (!columns) return tl::unexpected(precise(engine, source, header, std::move(columns).error()));
  const auto count = count_in_files(engine, source, columns->size());
  if (!count) return tl::unexpected(count.error());
  if (header && header->size() == *count)
    for (std::size_t i = 0; i < *count; ++i)
      (*columns)[i].name = (*header)[i];
  std::vector<std::string> names;
  for (auto& column : numbered(*count))
    names.push_back(std::move(column.name));
  return read_as_texts(engine, source, std::move(*columns), names);
}

Status describe_json(Engine& engine, Source& source) {
  auto columns =
      described(engine, sql_reader(*source.spec, paths_of(source), {}, source.csv_buffer));
  if (!columns) return tl::unexpected(std::move(columns).error());
  const auto count = count_in_files(engine, source, columns->size());
  if (!count) return tl::unexpected(count.error());
  const auto directories = columns->size() - *count;
  JOBWARD_RETURN_IF_ERROR(add_later_keys(engine, source, *columns, *count));
  std::vector<std::string> names;
  for (std::size_t i = 0; i + directories < columns->size(); ++i)
    names.push_back((*columns)[i].name);
  return read_as_texts(engine, source, std::move(*columns), names);
}

Result<std::vector<std::string>> json_keys(Engine& engine, const Source& source) {
  std::vector<std::string> list;
  for (const auto& file : source.files)
    list.push_back(sql_text(glob_escaped(file.path)));
  auto rows = engine.query(
      "SELECT DISTINCT key FROM (SELECT unnest(keys) AS key FROM (SELECT DISTINCT json_keys(json) "
      "AS "
      "keys FROM read_ndjson_objects([" +
      joined(list, ", ") + "])))");
  if (!rows) return tl::unexpected(std::move(rows).error());
  std::vector<std::string> out;
  std::map<std::string, std::string> folded;
  for (auto& row : *rows) {
    const auto& key = out.emplace_back(row[0].value_or(""));
    if (const auto [twin, is_new] = folded.try_emplace(lower_case(key), key); !is_new)
      return error("read", "dataset " + source.spec->name,
                   "its keys " + printable(twin->second) + " and " + printable(key) +
                       " differ only in case, and would be read as one column");
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace jobward::verify
