// One table of a contract while it is read: every key is asked for by name, and what was never
// asked for is an error. TOML and JSON come as the same flat entries.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/toml.h"
#include "verify/contract.h"

namespace jobward::verify {

// JSON of the same shape; `where` is "FILE#/checks/ids/type". Twice the same name in one object is
// an error, as it is in TOML.
Result<std::vector<TomlEntry>> read_json_entries(std::string_view text, const std::string& file);

// "cannot read contract WHERE: WHAT"
tl::unexpected<Error> contract_error(const std::string& where, const std::string& what);
// "; did you mean X?", or nothing.
std::string hint(std::string_view word, const std::vector<std::string>& known);

std::string lower_case(std::string text);

// All entries, by the table they are in. Borrows them.
class EntryTree {
 public:
  explicit EntryTree(const std::vector<TomlEntry>& entries);
  using Path = std::vector<std::string>;
  // The entries right below a table, in the order of the file.
  [[nodiscard]] const std::vector<const TomlEntry*>& below(const Path& path) const;
  [[nodiscard]] const TomlEntry* at(const Path& path) const;

 private:
  std::map<Path, std::vector<const TomlEntry*>> children_;
  std::map<Path, const TomlEntry*> entries_;
};

// The first wrong thing is kept; what is asked for after it comes out empty. So a reader asks for
// all and looks once, at finish().
class Fields {
 public:
  Fields(const EntryTree& tree, EntryTree::Path path, std::string where);

  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] bool has(const std::string& key) const;
  [[nodiscard]] std::string where_of(const std::string& key) const;

  std::optional<std::string> text(const std::string& key);
  std::string required_text(const std::string& key);
  // Must be there; `what` says what would do.
  void require(const std::string& key, const std::string& what = "");
  // One of the words; the index. Absent: the key is not there.
  std::optional<std::size_t> word(const std::string& key, const std::vector<std::string>& words);
  bool truth(const std::string& key, bool otherwise);
  std::optional<std::int64_t> count(const std::string& key);  // >= 0
  std::optional<double> share(const std::string& key);        // 0.01 or "1%"
  std::optional<double> duration(const std::string& key);     // "24h"
  // A text or an array of them, none empty.
  std::vector<std::string> texts(const std::string& key);
  std::vector<TomlScalar> scalars(const std::string& key);
  std::optional<TomlScalar> scalar(const std::string& key);  // a number or a text
  // "tolerance": rows (10) or a share ("1%").
  Tolerance tolerance();

  // The tables below `key`, by name or by number; none if it is not there. What is no table is an
  // error.
  std::vector<Fields> tables(const std::string& key);
  [[nodiscard]] std::string name() const { return path_.empty() ? std::string() : path_.back(); }
  // Declares that a key may stand here and is read otherwise.
  const TomlEntry* take(const std::string& key);
  [[nodiscard]] const EntryTree& tree() const { return tree_; }
  [[nodiscard]] const EntryTree::Path& path() const { return path_; }

  void fail(const std::string& key, const std::string& what);
  // What was wrong first: a value, or a key that nobody asked for.
  Status finish();
  // The same without looking for keys that nobody asked for.
  [[nodiscard]] Status first_error() const;

 private:
  const EntryTree& tree_;
  EntryTree::Path path_;
  std::string where_;
  std::set<std::string> asked_;
  std::optional<Error> error_;
  bool missing_ = false;  // the error is a missing key: a misspelt one explains it better
};

}  // namespace jobward::verify
