#include "verify/sql_guard.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "common/text.h"
#include "verify/contract_fields.h"
#include "verify/sql.h"

namespace jobward::verify {
namespace {

using Json = nlohmann::json;
using Names = std::set<std::string>;  // in lower case, as the engine compares them

std::string text_at(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Of all the engine has: these make rows of what they are given. Others read files, tell of the
// engine or set it, and one runs SQL that is given as a text.
bool is_plain_table_function(const std::string& name) {
  static const Names kPlain{"generate_series", "json_each",  "json_tree", "range",
                            "repeat",          "repeat_row", "unnest"};
  return kPlain.contains(name);
}

// They write somewhere, set what later calls give, or look into SQL that is given as a text.
bool has_effects(const std::string& name) {
  static const Names kEffects{"currval",
                              "json_deserialize_sql",
                              "json_serialize_plan",
                              "nextval",
                              "pg_sleep",
                              "setseed",
                              "sleep_ms",
                              "write_log"};
  return kEffects.contains(name);
}

// Goes through the whole tree; keeps what is wrong first.
class Walk {
 public:
  explicit Walk(const std::vector<std::string>& datasets) : listed_(joined(datasets, ", ")) {}
  std::optional<std::string> problem;

  // `known`: the names that a table may have here.
  void visit(const Json& node, const Names& known) {
    if (problem) return;
    if (node.is_object()) return object(node, known);
    if (!node.is_array()) return;
    for (const auto& one : node)
      visit(one, known);
  }

 private:
  void object(const Json& node, const Names& known) {
    const auto type = text_at(node, "type");
    const bool is_expression = node.contains("class");
    if (is_expression && text_at(node, "class") == "FUNCTION") function(node);
    if (!is_expression && type == "TABLE_FUNCTION") return table_function(node, known);
    if (!is_expression && type == "BASE_TABLE") table(node, known);
    if (!is_expression && type == "SHOW_REF" && !text_at(node, "table_name").empty())
      object_to("it asks what tables there are");
    // What WITH names is known to what comes after it, and to itself where it is recursive.
    Names inner = known;
    if (const auto with = node.find("cte_map"); with != node.end()) name_all(*with, inner);
    const auto own = lower_case(text_at(node, "cte_name"));
    for (const auto& [key, value] : node.items()) {
      if (key == "cte_map") continue;
      const bool sees_itself = !own.empty() && (key == "right" || key == "child");
      Names here = inner;
      if (sees_itself) here.insert(own);
      visit(value, here);
    }
  }

  void name_all(const Json& with, Names& names) {
    const auto list = with.find("map");
    if (list == with.end() || !list->is_array()) return;
    for (const auto& one : *list) {
      visit(one, names);
      names.insert(lower_case(text_at(one, "key")));
    }
  }

  void table(const Json& node, const Names& known) {
    const auto name = text_at(node, "table_name");
    const bool qualified =
        !text_at(node, "schema_name").empty() || !text_at(node, "catalog_name").empty();
    if (!qualified && known.contains(lower_case(name))) return;
    object_to("it reads " +
              printable((qualified ? text_at(node, "schema_name") + "." : "") + name) +
              ", and may read only its datasets: " + listed_);
  }

  void table_function(const Json& node, const Names& known) {
    const auto call = node.find("function");
    const auto name = call != node.end() ? lower_case(text_at(*call, "function_name")) : "";
    if (!is_plain_table_function(name))
      return object_to("it reads from the function " + printable(name) +
                       ", which a check may not: it reads its datasets, and of functions range, "
                       "generate_series, unnest, repeat, json_each and json_tree");
    visit(call->value("children", Json::array()), known);
    visit(node.value("sample", Json()), known);
  }

  void function(const Json& node) {
    const auto name = lower_case(text_at(node, "function_name"));
    if (has_effects(name))
      object_to("it calls " + printable(name) +
                ", and a check changes nothing and waits for nothing");
  }

  void object_to(std::string what) {
    if (!problem) problem = std::move(what);
  }

  std::string listed_;
};

}  // namespace

std::optional<std::string> objection_to_query(const std::string& tree,
                                              const std::vector<std::string>& datasets) {
  const auto json = Json::parse(tree, nullptr, false);
  if (!json.is_object()) return "the engine cannot say what it reads";
  const auto statements = json.find("statements");
  if (statements == json.end() || !statements->is_array() || json.value("error", true)) {
    if (text_at(json, "error_type") == "not implemented")
      return "it is no SELECT; checks only read";
    return condensed(text_at(json, "error_message"));
  }
  if (statements->empty()) return "it is empty";
  if (statements->size() > 1)
    return "it has " + std::to_string(statements->size()) + " statements, and one is allowed";
  Names names;
  for (const auto& name : datasets)
    names.insert(lower_case(name));
  Walk walk(datasets);
  walk.visit(*statements, names);
  return walk.problem;
}

Status expect_reading_query(Engine& engine, const std::string& sql,
                            const std::vector<std::string>& datasets) {
  auto tree = engine.query("SELECT " + as_text("json_serialize_sql(" + sql_text(sql) + ")"));
  if (!tree) return tl::unexpected(std::move(tree).error());
  const auto& text = tree->at(0).at(0);
  if (const auto wrong = objection_to_query(text.value_or(""), datasets))
    return error("use", "the query", *wrong);
  return {};
}

}  // namespace jobward::verify
