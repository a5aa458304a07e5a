#include "agent/setup/json_text.h"

#include <algorithm>

#include "common/text.h"

namespace jobward::setup {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::size_t past_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kBlanks, at), text.size());
}

std::size_t past_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

std::size_t past_value(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '"') return past_string(text, at);
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = past_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth <= 1) return depth == 0 ? at : at + 1;
      --depth;
    }
    if (depth == 0 && (c == ',' || kBlanks.find(c) != std::string_view::npos)) return at;
    ++at;
  }
  return at;
}

// How the file is written: what a level is indented by, and how a line ends.
struct Style {
  int width = 2;
  char with = ' ';
  std::string newline = "\n";
  bool one_line = false;
};

Style style_of(std::string_view text) {
  Style out;
  const auto whole = trim(text);
  const auto line = whole.find('\n');
  if (line == std::string_view::npos) {
    // Nothing in it yet: nothing to be like.
    out.one_line = !parts_of(text, root_of(text)).empty();
    return out;
  }
  if (line > 0 && whole[line - 1] == '\r') out.newline = "\r\n";
  const auto inner = whole.substr(line + 1);
  if (inner.starts_with('\t')) {
    out.with = '\t';
    out.width = 1;
    return out;
  }
  const auto blanks = inner.find_first_not_of(' ');
  if (blanks != std::string_view::npos && blanks >= 1 && blanks <= 8)
    out.width = static_cast<int>(blanks);
  return out;
}

std::string rendered(const Json& value, const Style& style, const std::string& base) {
  const auto text = value.dump(style.one_line ? -1 : style.width, style.with, false,
                               Json::error_handler_t::replace);
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += style.newline + base;
    else
      out += c;
  }
  return out;
}

// The blanks that the line of this position begins with.
std::string indentation_at(std::string_view text, std::size_t at) {
  const auto newline = text.rfind('\n', at);
  const auto begin = newline == std::string_view::npos ? 0 : newline + 1;
  const auto end = std::min(text.find_first_not_of(" \t", begin), at);
  return std::string(text.substr(begin, end - begin));
}

std::string member(const std::string* name, const std::string& value, const Style& style) {
  if (name == nullptr) return value;
  return Json(*name).dump(-1, ' ', false, Json::error_handler_t::replace) +
         (style.one_line ? ":" : ": ") + value;
}

}  // namespace

std::size_t root_of(std::string_view text) {
  return past_blanks(text, text.starts_with("\xEF\xBB\xBF") ? 3 : 0);
}

std::vector<Part> parts_of(std::string_view text, std::size_t container) {
  std::vector<Part> out;
  if (container >= text.size()) return out;
  const bool object = text[container] == '{';
  if (!object && text[container] != '[') return out;
  auto at = past_blanks(text, container + 1);
  while (at < text.size() && text[at] != '}' && text[at] != ']') {
    Part part;
    part.begin = at;
    if (object) {
      at = past_string(text, at);
      const auto name = Json::parse(text.substr(part.begin, at - part.begin), nullptr, false);
      if (name.is_string()) part.name = name.get<std::string>();
      at = past_blanks(text, past_blanks(text, at) + 1);  // the colon
    }
    part.value = at;
    part.end = past_value(text, at);
    at = past_blanks(text, part.end);
    if (at < text.size() && text[at] == ',') at = past_blanks(text, at + 1);
    out.push_back(std::move(part));
  }
  return out;
}

Json value_of(std::string_view text, const Part& part) {
  return Json::parse(text.substr(part.value, part.end - part.value), nullptr, false);
}

void append_part(std::string& text, std::size_t container, const std::string* name,
                 const Json& value) {
  auto style = style_of(text);
  const auto parts = parts_of(text, container);
  if (parts.empty()) {
    const auto end = past_value(text, container);
    const auto outer = indentation_at(text, container);
    const auto inner = outer + std::string(static_cast<std::size_t>(style.width), style.with);
    const auto part = member(name, rendered(value, style, inner), style);
    const auto filling =
        style.one_line ? part : style.newline + inner + part + style.newline + outer;
    text.replace(container + 1, end - container - 2, filling);
    return;
  }
  // As the last one begins: on a line of its own, or behind a blank.
  const auto& last = parts.back();
  const auto before = parts.size() == 1 ? container + 1 : parts[parts.size() - 2].end;
  const auto comma = parts.size() == 1 ? before : text.find(',', before) + 1;
  auto lead = text.substr(comma, last.begin - comma);
  const auto newline = lead.rfind('\n');
  if (newline == std::string::npos) {
    style.one_line = true;
    if (lead.empty() && text.find(": ", container) < last.end) lead = " ";
  } else {
    style.one_line = false;
  }
  const auto base = newline == std::string::npos ? std::string() : lead.substr(newline + 1);
  text.insert(last.end, "," + lead + member(name, rendered(value, style, base), style));
}

void erase_part(std::string& text, std::size_t container, std::size_t index) {
  const auto parts = parts_of(text, container);
  if (index >= parts.size()) return;
  if (parts.size() == 1) {
    const auto end = past_value(text, container);
    text.erase(container + 1, end - container - 2);
  } else if (index == 0) {
    text.erase(parts[0].begin, parts[1].begin - parts[0].begin);
  } else {
    text.erase(parts[index - 1].end, parts[index].end - parts[index - 1].end);
  }
}

void replace_value(std::string& text, const Part& part, const Json& value) {
  auto style = style_of(text);
  text.replace(part.value, part.end - part.value,
               rendered(value, style, indentation_at(text, part.begin)));
}

}  // namespace jobward::setup
