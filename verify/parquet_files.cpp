#include "verify/parquet_files.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "common/text.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

// The schema is a tree, written depth first, each node with the number of its children.
class SchemaWalk {
 public:
  explicit SchemaWalk(const std::vector<Row>& rows) : rows_(rows) {}

  std::vector<ParquetColumn> columns() {
    std::vector<ParquetColumn> out;
    ++at_;  // the root
    while (at_ < rows_.size()) {
      const std::string name = rows_[at_][1].value_or("");
      out.push_back({name, type()});
    }
    return out;
  }

 private:
  std::string type() {
    const auto& row = rows_[at_++];
    const int children = row[3] ? std::atoi(row[3]->c_str()) : 0;
    if (children == 0) return row[2].value_or("");
    std::string out = "nested (";
    for (int i = 0; i < children && at_ < rows_.size(); ++i) {
      const std::string name = rows_[at_][1].value_or("");
      out += (i == 0 ? "" : ", ") + name + " " + type();
    }
    return out + ")";
  }

  const std::vector<Row>& rows_;
  std::size_t at_ = 0;
};

using ByName = std::map<std::string, const ParquetColumn*>;

ByName by_name(const std::vector<ParquetColumn>& columns) {
  ByName out;
  for (const auto& column : columns)
    out.try_emplace(column.name, &column);
  return out;
}

const ParquetColumn* find(const ByName& columns, const std::string& name) {
  const auto found = columns.find(name);
  return found == columns.end() ? nullptr : found->second;
}

}  // namespace

Result<std::vector<std::vector<ParquetColumn>>> parquet_columns(
    Engine& engine, const std::vector<FileFacts>& files) {
  std::vector<std::string> list;
  for (const auto& file : files)
    list.push_back(sql_text(glob_escaped(file.path)));
  auto rows = engine.query("SELECT file_name, name, duckdb_type, " + as_text("num_children") +
                           " FROM parquet_schema([" + joined(list, ", ") + "])");
  if (!rows) return tl::unexpected(std::move(rows).error());
  std::map<std::string, std::vector<Row>> by_file;
  for (auto& row : *rows)
    by_file[row[0].value_or("")].push_back(std::move(row));
  std::vector<std::vector<ParquetColumn>> out;
  for (const auto& file : files)
    out.push_back(SchemaWalk(by_file[file.path]).columns());
  return out;
}

std::vector<std::string> parquet_differences(const std::vector<std::vector<ParquetColumn>>& columns,
                                             const std::vector<FileFacts>& files) {
  std::vector<std::string> out;
  const auto& first = columns.front();
  const auto known = by_name(first);
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const auto here = by_name(columns[i]);
    for (const auto& expected : first) {
      const auto* found = find(here, expected.name);
      if (found == nullptr)
        out.push_back(files[i].shown + " has no column " + printable(expected.name));
      else if (found->type != expected.type)
        out.push_back("column " + printable(expected.name) + " is " + printable(expected.type) +
                      " in " + files[0].shown + " and " + printable(found->type) + " in " +
                      files[i].shown);
    }
    for (const auto& more : columns[i])
      if (find(known, more.name) == nullptr)
        out.push_back(files[i].shown + " has a column " + printable(more.name) + " more");
  }
  return out;
}

std::vector<std::string> parquet_other_order(const std::vector<std::vector<ParquetColumn>>& columns,
                                             const std::vector<FileFacts>& files) {
  std::vector<std::string> out;
  const auto& first = columns.front();
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const auto size = std::min(first.size(), columns[i].size());
    for (std::size_t at = 0; at < size; ++at) {
      if (columns[i][at].name == first[at].name) continue;
      out.push_back("in " + files[i].shown + " stands " + printable(columns[i][at].name) +
                    " in the place of " + printable(first[at].name));
      break;
    }
  }
  return out;
}

}  // namespace jobward::verify
