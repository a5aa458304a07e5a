#include "agent/mcp/fields.h"

#include <algorithm>

#include "common/text.h"

namespace jobward::mcp {
namespace {

constexpr std::size_t kMostWords = 10000;

Json type_of(Kind kind) {
  Json texts{{"type", "array"}, {"items", {{"type", "string"}}}};
  switch (kind) {
    case Kind::text:
      return {{"type", "string"}};
    case Kind::number:
      return {{"type", "number"}};
    case Kind::integer:
      return {{"type", "integer"}};
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::texts:
      return texts;
    case Kind::command:
      return {{"anyOf", Json::array({Json{{"type", "string"}}, texts})}};
    case Kind::numbers:
      return {{"type", "object"}, {"additionalProperties", {{"type", "number"}}}};
    case Kind::object:
      return {{"type", "object"}};
    case Kind::objects:
      return {{"type", "array"}, {"items", {{"type", "object"}}}};
  }
  return Json::object();
}

bool are_texts(const Json& value) {
  return value.is_array() && value.size() <= kMostWords &&
         std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_string(); });
}

bool are_numbers(const Json& value) {
  return value.is_object() &&
         std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_number(); });
}

bool fits(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::text:
      return value.is_string();
    case Kind::number:
      return value.is_number();
    case Kind::integer:
      return value.is_number_integer();
    case Kind::boolean:
      return value.is_boolean();
    case Kind::texts:
      return are_texts(value);
    case Kind::command:
      return value.is_string() || (are_texts(value) && !value.empty());
    case Kind::numbers:
      return are_numbers(value);
    case Kind::object:
      return value.is_object();
    case Kind::objects:
      return value.is_array();
  }
  return false;
}

const char* words_for(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "a text";
    case Kind::number:
      return "a number";
    case Kind::integer:
      return "a whole number";
    case Kind::boolean:
      return "true or false";
    case Kind::texts:
      return "an array of texts";
    case Kind::command:
      return "a command line as one text, or its words as an array of texts (at least one)";
    case Kind::numbers:
      return "an object of numbers";
    case Kind::object:
      return "an object";
    case Kind::objects:
      return "an array of objects";
  }
  return "something else";
}

std::string number_text(double value) { return Json(value).dump(); }

// No program can be given one: what stands behind it would be lost.
bool has_nul(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().find('\0') != std::string::npos;
  return value.is_array() && std::any_of(value.begin(), value.end(), has_nul);
}

std::string objection(const Field& field, const Json& value) {
  if (has_nul(value)) return field.name + " has a NUL character in it";
  if (!fits(field.kind, value)) return field.name + " has to be " + words_for(field.kind);
  if (value.is_number()) {
    const double number = value.get<double>();
    if (field.least && number < *field.least)
      return field.name + " has to be at least " + number_text(*field.least);
    if (field.most && number > *field.most)
      return field.name + " has to be at most " + number_text(*field.most);
  }
  if (field.choices.empty()) return {};
  const auto text = value.get<std::string>();
  if (std::find(field.choices.begin(), field.choices.end(), text) != field.choices.end()) return {};
  std::string list;
  for (const auto& choice : field.choices)
    list += (list.empty() ? "" : ", ") + choice;
  return field.name + " is one of: " + list;
}

}  // namespace

Json schema_of(const Fields& fields, bool open) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& field : fields) {
    Json one = type_of(field.kind);
    one["description"] = field.description;
    if (!field.choices.empty()) one["enum"] = field.choices;
    if (field.least) one["minimum"] = *field.least;
    if (field.most) one["maximum"] = *field.most;
    properties[field.name] = std::move(one);
    if (field.required) required.push_back(field.name);
  }
  Json out{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = std::move(required);
  if (!open) out["additionalProperties"] = false;
  return out;
}

std::string objection(const Fields& fields, const Json& arguments) {
  if (!arguments.is_object()) return "arguments has to be an object";
  std::vector<std::string> names;
  for (const auto& field : fields) {
    names.push_back(field.name);
    const auto value = arguments.find(field.name);
    if (value == arguments.end()) {
      if (field.required) return field.name + " is missing: " + field.description;
    } else if (auto problem = objection(field, *value); !problem.empty()) {
      return problem;
    }
  }
  for (const auto& [name, value] : arguments.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string text = "there is no argument \"" + printable(name) + "\"";
    if (const auto nearest = nearest_word(name, names)) text += "; did you mean " + *nearest + "?";
    return text;
  }
  return {};
}

}  // namespace jobward::mcp
