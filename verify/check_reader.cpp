#include "verify/check_reader.h"

#include <algorithm>
#include <cerrno>

#include "common/identity.h"
#include "common/text.h"
#include "scan/record.h"
#include "scan/request.h"
#include "verify/type_names.h"

namespace jobward::verify {
namespace {

struct Context {
  Fields& fields;
  const Contract& contract;
  const ReadBeside& read;

  void fail(const std::string& key, const std::string& what) { fields.fail(key, what); }

  std::vector<std::string> dataset_names() const {
    std::vector<std::string> out;
    for (const auto& one : contract.datasets)
      out.push_back(one.name);
    return out;
  }
  void require_dataset(const std::string& key, const std::string& name) {
    if (name.empty() || contract.dataset(name) != nullptr) return;
    fail(key, "there is no dataset " + printable(name) + hint(name, dataset_names()));
  }
};

ColumnChoice read_columns(Context& at) {
  ColumnChoice out;
  out.names = at.fields.texts("columns");
  out.pattern = at.fields.text("pattern").value_or("");
  if (out.names.empty() == out.pattern.empty())
    at.fail("columns", "give either columns (a list of names) or pattern (with * and ?)");
  return out;
}

ExpectedColumn read_column(Fields& fields) {
  ExpectedColumn out;
  out.name = fields.required_text("name");
  out.type = fields.text("type").value_or("any");
  if (fields.has("nullable")) out.nullable = fields.truth("nullable", true);
  return out;
}

std::optional<std::string> type_objection(const ExpectedColumn& column) {
  if (is_family(column.type) || is_exact_type(column.type)) return std::nullopt;
  return printable(column.name) + ": unknown type " + printable(column.type) +
         "; a family is written small (integer, text, timestamp, ...), an exact type large "
         "(BIGINT, VARCHAR, ...)" +
         hint(column.type, type_families());
}

void read_column_table(Context& at, SchemaMatch& out) {
  auto path = at.fields.path();
  path.emplace_back("columns");
  for (const auto* one : at.fields.tree().below(path)) {
    const auto* type = std::get_if<std::string>(&one->value);
    if (type == nullptr)
      return at.fail("columns", printable(one->path.back()) +
                                    ": expected a type; what says more goes into a list: "
                                    "[{ name = \"id\", type = \"BIGINT\", nullable = false }]");
    out.columns.push_back({one->path.back(), *type, std::nullopt});
  }
  if (out.exact_order)
    at.fail("columns", "a table has no order; for order = \"exact\" give a list");
}

Status read_column_list(Context& at, SchemaMatch& out) {
  for (auto& fields : at.fields.tables("columns")) {
    out.columns.push_back(read_column(fields));
    JOBWARD_RETURN_IF_ERROR(fields.finish());
  }
  return {};
}

Result<Demand> read_schema(Context& at) {
  SchemaMatch out;
  out.allow_extra = at.fields.word("extra", {"forbid", "allow"}).value_or(0) == 1;
  out.exact_order = at.fields.word("order", {"any", "exact"}).value_or(0) == 1;
  const auto* entry = at.fields.take("columns");
  if (entry == nullptr) {
    at.fields.require("columns");
  } else if (std::holds_alternative<TomlEntry::Table>(entry->value)) {
    read_column_table(at, out);
  } else if (std::holds_alternative<TomlEntry::Tables>(entry->value)) {
    JOBWARD_RETURN_IF_ERROR(read_column_list(at, out));
  } else {
    for (auto& name : at.fields.texts("columns"))
      out.columns.push_back({std::move(name), "any", std::nullopt});
  }
  if (entry != nullptr && out.columns.empty()) at.fail("columns", "there are none");
  std::set<std::string> seen;
  for (const auto& column : out.columns) {
    if (const auto wrong = type_objection(column)) at.fail("columns", *wrong);
    if (!seen.insert(column.name).second)
      at.fail("columns", printable(column.name) + " stands there twice");
  }
  return out;
}

Result<Demand> read_row_count(Context& at) {
  RowCountParity out;
  auto& fields = at.fields;
  out.other = fields.text("other");
  if (out.other) at.require_dataset("other", *out.other);
  out.equal = fields.count("equal");
  out.minimum = fields.count("min");
  out.maximum = fields.count("max");
  out.last_accepted = fields.truth("last_accepted", false);
  const int ways = (out.other ? 1 : 0) + (out.equal ? 1 : 0) +
                   (out.minimum || out.maximum ? 1 : 0) + (out.last_accepted ? 1 : 0);
  if (ways != 1)
    at.fail("", "give exactly one of other (a dataset), equal, min and max, last_accepted");
  if (out.minimum && out.maximum && *out.minimum > *out.maximum)
    at.fail("min", "it is larger than max");
  if (out.last_accepted)
    out.accept_first = fields.word("first", {"fail", "accept"}).value_or(1) == 1;
  if (!out.minimum && !out.maximum) out.tolerance = fields.tolerance();
  return out;
}

Result<Demand> read_alignment(Context& at) {
  KeyAlignment out;
  auto& fields = at.fields;
  out.other = fields.required_text("other");
  at.require_dataset("other", out.other);
  out.left = fields.texts("keys");
  at.fields.require("keys");
  out.right = fields.has("other_keys") ? fields.texts("other_keys") : out.left;
  if (out.left.size() != out.right.size())
    at.fail("other_keys", "as many columns as in keys are expected");
  const auto mode = fields.word("mode", {"equal", "left_subset", "right_subset"});
  out.mode = static_cast<KeyAlignment::Mode>(mode.value_or(0));
  out.allow_duplicates = fields.word("duplicates", {"forbid", "allow"}).value_or(0) == 1;
  out.allow_null_keys = fields.word("null_keys", {"forbid", "equal"}).value_or(0) == 1;
  out.ignore_case = fields.truth("ignore_case", false);
  out.ignore_blanks = fields.truth("ignore_blanks", false);
  out.tolerance = fields.tolerance();
  return out;
}

Result<Demand> read_null_rate(Context& at) {
  NullRateCeiling out;
  out.columns = read_columns(at);
  at.fields.require("ceiling");
  out.ceiling = at.fields.share("ceiling").value_or(0);
  const std::vector<std::string> words{"NULL", "NaN", "empty", "blank"};
  at.fields.require(
      "counts",
      "what counts as null, a list of \"NULL\", \"NaN\", \"empty\" (a text of length 0), "
      "\"blank\" (a text of white space only)");
  for (const auto& word : at.fields.texts("counts")) {
    if (word == "NULL")
      out.counts.null = true;
    else if (word == "NaN")
      out.counts.nan = true;
    else if (word == "empty")
      out.counts.empty = true;
    else if (word == "blank")
      out.counts.blank = true;
    else
      at.fail("counts", "unknown word " + printable(word) + hint(word, words));
  }
  return out;
}

Result<Demand> read_unique(Context& at) {
  Unique out;
  out.columns = at.fields.texts("columns");
  at.fields.require("columns");
  const auto nulls = at.fields.word("nulls", {"ignore", "equal", "fail"});
  out.nulls = static_cast<Unique::Nulls>(nulls.value_or(0));
  out.ignore_case = at.fields.truth("ignore_case", false);
  out.ignore_blanks = at.fields.truth("ignore_blanks", false);
  out.tolerance = at.fields.tolerance();
  return out;
}

Result<Demand> read_range(Context& at) {
  ValueRange out;
  out.columns = read_columns(at);
  out.minimum = at.fields.scalar("min");
  out.maximum = at.fields.scalar("max");
  if (!out.minimum && !out.maximum) at.fail("min", "give min, max or both");
  out.exclusive = at.fields.truth("exclusive", false);
  out.allow_nan = at.fields.word("nan", {"fail", "ignore"}).value_or(0) == 1;
  out.tolerance = at.fields.tolerance();
  return out;
}

Result<Demand> read_allowed(Context& at) {
  AllowedValues out;
  out.columns = read_columns(at);
  out.values = at.fields.scalars("values");
  at.fields.require("values");
  out.allow_null = at.fields.word("nulls", {"fail", "ignore"}).value_or(1) == 1;
  out.ignore_case = at.fields.truth("ignore_case", false);
  out.tolerance = at.fields.tolerance();
  return out;
}

Result<Demand> read_freshness(Context& at) {
  // Clocks of machines that are set over the network differ by less.
  constexpr double kClockSkewSeconds = 300;
  Freshness out;
  out.column = at.fields.required_text("column");
  at.fields.require("max_age", "for instance \"24h\"");
  out.max_age_seconds = at.fields.duration("max_age").value_or(0);
  out.max_future_seconds = at.fields.duration("max_future").value_or(kClockSkewSeconds);
  out.timezone = at.fields.text("timezone").value_or("");
  if (const auto unit = at.fields.word("unit", {"s", "ms", "us", "ns"}))
    out.unit = static_cast<Freshness::Unit>(*unit + 1);
  return out;
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// As sha256sum(1) writes it: digest, a blank, a blank or an asterisk, name.
void read_manifest(Context& at, FileDigestCheck& out) {
  const auto text = at.read(out.manifest);
  if (!text) return at.fail("manifest", text.error().message());
  int number = 0;
  for (const auto line : split(*text, '\n')) {
    ++number;
    if (line.empty()) continue;
    const std::string digest(line.substr(0, 64));
    const bool formed = is_digest(digest) && line.size() > 66 && line[64] == ' ';
    if (!formed)
      return at.fail("manifest", printable(out.manifest) + ":" + std::to_string(number) +
                                     " is no line of sha256sum(1)");
    out.listed.emplace_back(std::string(line.substr(66)), digest);
  }
  if (out.listed.empty()) at.fail("manifest", printable(out.manifest) + " is empty");
}

Result<Demand> read_file_digest(Context& at) {
  FileDigestCheck out;
  out.sha256 = at.fields.text("sha256").value_or("");
  out.manifest = at.fields.text("manifest").value_or("");
  if (out.sha256.empty() == out.manifest.empty())
    at.fail("sha256", "give either sha256 (of one file) or manifest (a file of sha256sum's lines)");
  else if (!out.sha256.empty() && !is_digest(out.sha256))
    at.fail("sha256", "expected 64 hexadecimal digits in lower case");
  else if (!out.manifest.empty())
    read_manifest(at, out);
  return out;
}

scan::StubRequest request_of(const Stubs& demand) {
  scan::StubRequest out;
  out.markers = demand.markers;
  out.required = demand.required;
  return out;
}

Result<Demand> read_stubs(Context& at) {
  Stubs out;
  out.markers = at.fields.texts("markers");
  out.paths = at.fields.texts("paths");
  at.fields.require("markers", "for instance [\"checkpoint\"]");
  at.fields.require("paths");
  out.required = at.fields.texts("require");
  out.trusted_decorators = at.fields.texts("trust_decorators");
  out.known_stubs = at.fields.texts("known_stubs");
  // The scan reads them again; here they become a part of the contract's digest. One that is not
  // there is an error of the check.
  for (const auto& path : out.known_stubs) {
    const auto text = at.read(path);
    if (!text && text.error().errnum == EISDIR)
      at.fail("known_stubs", printable(path) + " is a directory; name its files");
    out.known_digests.push_back(text ? sha256_hex(*text) : "");
  }
  out.against = at.fields.text("against").value_or("");
  auto request = request_of(out);
  request.required.clear();
  if (const auto words = scan::check_words(request); !words)
    at.fail("markers", words.error().message());
  else if (const auto calls = scan::check_words(request_of(out)); !calls)
    at.fail("require", calls.error().message());
  if (out.against.empty()) return out;
  auto text = at.read(out.against);
  if (!text)
    at.fail("against", text.error().message());
  else if (auto record = scan::read_record(*text, out.against); !record)
    at.fail("against", record.error().message());
  out.record = text.value_or("");
  return out;
}

Result<Demand> read_sql(Context& at) {
  CustomSql out;
  out.datasets = at.fields.texts("datasets");
  at.fields.require("datasets", "which datasets the query reads");
  for (const auto& name : out.datasets)
    at.require_dataset("datasets", name);
  out.query = at.fields.text("query").value_or("");
  out.file = at.fields.text("query_file").value_or("");
  if (out.query.empty() == out.file.empty()) {
    at.fail("query", "give either query or query_file");
  } else if (!out.file.empty()) {
    auto text = at.read(out.file);
    if (!text) at.fail("query_file", text.error().message());
    out.query = text.value_or("");
  }
  out.max_rows = at.fields.count("max_rows").value_or(0);
  return out;
}

struct Kind {
  const char* name;
  bool on_dataset;
  Result<Demand> (*read)(Context&);
};

constexpr Kind kKinds[] = {
    {"schema_match", true, read_schema},     {"row_count_parity", true, read_row_count},
    {"key_alignment", true, read_alignment}, {"null_rate_ceiling", true, read_null_rate},
    {"unique", true, read_unique},           {"value_range", true, read_range},
    {"allowed_values", true, read_allowed},  {"freshness", true, read_freshness},
    {"file_digest", true, read_file_digest}, {"stubs", false, read_stubs},
    {"custom_sql", false, read_sql}};

}  // namespace

Result<Check> read_check(Fields& fields, const Contract& contract, const ReadBeside& read) {
  Context at{fields, contract, read};
  Check out;
  out.id = fields.name();
  out.where = fields.where();
  const auto given = fields.required_text("severity");
  static const std::vector<std::string> kSeverities(kSeverityNames.begin(), kSeverityNames.end());
  if (const auto severity = parse_severity(given))
    out.severity = *severity;
  else
    fields.fail("severity", "expected exactly one of HARD_FAIL, WARN, INFO, not \"" +
                                printable(given) + "\"" + hint(given, kSeverities));
  static_cast<void>(fields.text("description"));
  const auto type = fields.required_text("type");
  if (type.empty()) return tl::unexpected(fields.first_error().error());
  std::vector<std::string> names;
  for (const auto& kind : kKinds) {
    names.emplace_back(kind.name);
    if (type != kind.name) continue;
    if (kind.on_dataset) {
      out.dataset = fields.required_text("dataset");
      at.require_dataset("dataset", out.dataset);
    }
    auto demand = kind.read(at);
    if (!demand) return tl::unexpected(std::move(demand).error());
    out.demand = std::move(*demand);
    return out;
  }
  fields.fail("type", "there is no check " + printable(type) + hint(type, names));
  return tl::unexpected(fields.finish().error());
}

}  // namespace jobward::verify
