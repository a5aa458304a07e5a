#include "verify/contract_reader.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"
#include "profiles/file_probe.h"
#include "profiles/paths.h"
#include "profiles/project.h"
#include "verify/check_reader.h"
#include "verify/contract_fields.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

// A contract is written by hand; a longer one is no contract.
constexpr std::size_t kContractLimit = 1U << 20U;
constexpr std::size_t kBesideLimit = 16U << 20U;

bool is_word(const std::string& text, std::string_view also) {
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
           also.find(c) != std::string_view::npos;
  });
}

bool is_dataset_name(const std::string& name) {
  return is_word(name, "-") && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         name[0] != '-';
}

std::optional<Format> format_of_name(const std::string& path) {
  std::string name = lower_case(path);
  for (const char* packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  const std::string extension = name.substr(std::min(name.rfind('.'), name.size()));
  if (extension == ".csv") return Format::csv;
  if (extension == ".tsv") return Format::tsv;
  if (extension == ".parquet") return Format::parquet;
  if (extension == ".jsonl" || extension == ".ndjson") return Format::jsonl;
  if (extension == ".sqlite" || extension == ".sqlite3" || extension == ".db")
    return Format::sqlite;
  return std::nullopt;
}

Format read_format(Fields& fields, const std::vector<std::string>& paths) {
  static const std::vector<std::string> kWords{"csv", "tsv", "parquet", "jsonl", "sqlite"};
  if (const auto given = fields.word("format", kWords)) return static_cast<Format>(*given);
  std::optional<Format> format;
  for (const auto& path : paths) {
    const auto one = format_of_name(path);
    if (!one || (format && format != one)) {
      fields.fail("format",
                  "the file names do not tell the format: say csv, tsv, parquet, jsonl "
                  "or sqlite");
      return Format::csv;
    }
    format = one;
  }
  return format.value_or(Format::csv);
}

void take_one_byte(Fields& fields, const std::string& key, bool may_be_empty, std::string& out) {
  const auto given = fields.text(key);
  if (!given) return;
  if (given->size() > 1 || (given->empty() && !may_be_empty))
    fields.fail(key, "expected one character");
  out = *given;
}

void read_text_options(Fields& fields, TextOptions& out) {
  take_one_byte(fields, "delimiter", false, out.delimiter);
  take_one_byte(fields, "quote", true, out.quote);
  take_one_byte(fields, "escape", true, out.escape);
  take_one_byte(fields, "comment", true, out.comment);
  take_one_byte(fields, "decimal_separator", false, out.decimal_separator);
  out.header = fields.truth("header", true);
  if (const auto lines = fields.count("skip")) {
    if (*lines > 1000000) fields.fail("skip", "that are more than a million lines");
    out.skip = static_cast<int>(std::min<std::int64_t>(*lines, 1000000));
  }
  if (fields.has("null_strings")) {
    // None at all is a choice, too.
    const auto* entry = fields.take("null_strings");
    const auto* list = std::get_if<std::vector<std::string>>(&entry->value);
    if (list != nullptr)
      out.null_strings = *list;
    else
      fields.fail("null_strings", "expected a list of texts, such as [\"\", \"NA\"]");
  }
  out.quoted_nulls = fields.truth("quoted_nulls", true);
  if (const auto word = fields.word("encoding", {"utf-8", "latin-1", "utf-16"}))
    out.encoding = std::vector<std::string>{"utf-8", "latin-1", "utf-16"}[*word];
  out.timestamp_format = fields.text("timestamp_format").value_or("");
  out.date_format = fields.text("date_format").value_or("");
}

void read_types(Fields& fields, Dataset& out) {
  const auto* entry = fields.take("types");
  if (entry == nullptr) return;
  if (!std::holds_alternative<TomlEntry::Table>(entry->value))
    return fields.fail("types", "expected a table, such as { id = \"BIGINT\" }");
  auto path = fields.path();
  path.emplace_back("types");
  for (const auto* one : fields.tree().below(path)) {
    const auto* type = std::get_if<std::string>(&one->value);
    if (type == nullptr || !is_exact_type(*type))
      return fields.fail("types", printable(one->path.back()) +
                                      ": expected a type of the engine, such as \"BIGINT\"");
    out.types.emplace_back(one->path.back(), *type);
  }
}

// Keys that mean nothing for the format are not asked for, hence unknown.
Result<Dataset> read_dataset(Fields& fields) {
  Dataset out;
  out.name = fields.name();
  out.where = fields.where();
  if (!is_dataset_name(out.name))
    return contract_error(out.where,
                          "the name of a dataset has letters, digits, _ and -, and does "
                          "not begin with a digit: " +
                              printable(out.name));
  out.paths = fields.texts("path");
  fields.require("path");
  for (const auto& path : out.paths)
    if (path.empty() || path.find('\0') != std::string::npos) fields.fail("path", "it is empty");
  out.format = read_format(fields, out.paths);
  const bool columns_in_text = out.format == Format::csv || out.format == Format::tsv;
  if (out.format == Format::tsv) out.text.delimiter = "\t";
  if (columns_in_text) read_text_options(fields, out.text);
  if (columns_in_text || out.format == Format::jsonl) read_types(fields, out);
  if (out.format == Format::sqlite)
    out.table = fields.required_text("table");
  else
    out.hive_partitioning = fields.truth("hive_partitioning", false);
  if (out.format == Format::sqlite && out.paths.size() > 1)
    fields.fail("path", "one database is expected");
  out.key = fields.texts("key");
  out.allow_empty = fields.truth("allow_empty", false);
  out.digest_content = fields.word("digest", {"auto", "content"}).value_or(0) == 1;
  JOBWARD_RETURN_IF_ERROR(fields.finish());
  return out;
}

Status read_datasets(Fields& top, Contract& out) {
  for (auto& fields : top.tables("datasets")) {
    auto dataset = read_dataset(fields);
    if (!dataset) return tl::unexpected(std::move(dataset).error());
    for (const auto& other : out.datasets)  // the engine does not tell them apart
      if (lower_case(other.name) == lower_case(dataset->name))
        return contract_error(dataset->where, "datasets " + other.name + " and " + dataset->name +
                                                  " differ only in case");
    out.datasets.push_back(std::move(*dataset));
  }
  return {};
}

Status read_checks(Fields& top, const ReadBeside& read, Contract& out) {
  for (auto& fields : top.tables("checks")) {
    if (!is_word(fields.name(), "-.:"))
      return contract_error(fields.where(),
                            "the id of a check has letters, digits, _ - . and :, "
                            "at most 100: " +
                                printable(fields.name()));
    auto check = read_check(fields, out, read);
    if (!check) return tl::unexpected(std::move(check).error());
    JOBWARD_RETURN_IF_ERROR(fields.finish());
    out.checks.push_back(std::move(*check));
  }
  return {};
}

}  // namespace

Result<Contract> parse_contract(std::string_view text, const std::string& file, Form form,
                                const ReadBeside& read) {
  const auto entries =
      form == Form::toml ? read_toml(text, file, "contract") : read_json_entries(text, file);
  if (!entries) return tl::unexpected(entries.error());
  const EntryTree tree(*entries);
  Fields top(tree, {}, printable(file) + (form == Form::toml ? ":1" : "#"));
  Contract out;
  out.path = file;
  out.id = top.required_text("id");
  if (!out.id.empty() && !is_word(out.id, "-.:/"))
    top.fail("id", "it has letters, digits, _ - . : and /, at most 100");
  static_cast<void>(top.text("description"));
  JOBWARD_RETURN_IF_ERROR(read_datasets(top, out));
  JOBWARD_RETURN_IF_ERROR(read_checks(top, read, out));
  JOBWARD_RETURN_IF_ERROR(top.finish());
  if (out.checks.empty()) return contract_error(top.where(), "it has no checks");
  return out;
}

Result<Contract> read_contract(const std::string& path) {
  auto text = read_file(path, kContractLimit);
  if (!text) return rethrow(std::move(text).error(), "read contract " + printable(path));
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure).lexically_normal();
  if (failure) return error("find", printable(path), failure.message());
  const std::string directory = absolute.parent_path().string();
  std::string lines = sha256_hex(*text) + "  contract\n";
  bool alone = true;
  const auto beside = [&](const std::string& name) {
    auto read = read_file(profiles::absolute_path(directory, name), kBesideLimit);
    alone = false;
    lines += (read ? sha256_hex(*read) : "unreadable") + "  " + name + "\n";
    return read;
  };
  const Form form = absolute.extension() == ".json" ? Form::json : Form::toml;
  auto contract = parse_contract(*text, path, form, beside);
  if (!contract) return contract;
  contract->directory = directory;
  contract->project = profiles::find_project(directory, profiles::RealFileProbe()).root;
  contract->sha256 = sha256_hex(alone ? *text : lines);
  return contract;
}

}  // namespace jobward::verify
