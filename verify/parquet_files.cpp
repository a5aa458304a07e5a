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

const ParquetColumn* find(const std::vector<ParquetColumn>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ParquetColumn& one) { return one.name == name; });
  return found == columns.end() ? nullptr : &*found;
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
  for (std::size_t i = 1; i < columns.size(); ++i) {
    for (const auto& expected : first) {
      const auto* found = find(columns[i], expected.name);
      if (found == nullptr)
        out.push_back(files[i].shown + " has no column " + printable(expected.name));
      else if (found->type != expected.type)
        out.push_back("column " + printable(expected.name) + " is " + printable(expected.type) +
                      " in " + files[0].shown + " and " + printable(found->type) + " in " +
                      files[i].shown);
    }
    for (const auto& more : columns[i])
      if (find(first, more.name) == nullptr)
        out.push_back(files[i].shown + " has a column " + printable(more.name) + " more");
  }
  return out;
}

}  // namespace jobward::verify
