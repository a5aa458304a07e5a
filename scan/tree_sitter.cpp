// The one place that uses tree-sitter. Its parser and its cursor do not call themselves, so that
// hostile nesting costs memory and no stack.
#include <tree_sitter/api.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "scan/source_text.h"
#include "scan/syntax.h"

extern "C" const TSLanguage* tree_sitter_python();

namespace jobward::scan {
namespace {

constexpr std::uint64_t kParseMicroseconds = 10'000'000;

struct KindName {
  std::string_view name;
  Kind kind;
};
constexpr std::array kKinds{
    KindName{"argument_list", Kind::argument_list},
    KindName{"as_pattern", Kind::as_pattern},
    KindName{"as_pattern_target", Kind::as_pattern_target},
    KindName{"assert_statement", Kind::assert_statement},
    KindName{"assignment", Kind::assignment},
    KindName{"attribute", Kind::attribute},
    KindName{"augmented_assignment", Kind::augmented_assignment},
    KindName{"await", Kind::await},
    KindName{"aliased_import", Kind::aliased_import},
    KindName{"binary_operator", Kind::binary_operator},
    KindName{"block", Kind::block},
    KindName{"boolean_operator", Kind::boolean_operator},
    KindName{"break_statement", Kind::break_statement},
    KindName{"call", Kind::call},
    KindName{"case_pattern", Kind::case_pattern},
    KindName{"class_definition", Kind::class_definition},
    KindName{"comment", Kind::comment},
    KindName{"comparison_operator", Kind::comparison_operator},
    KindName{"concatenated_string", Kind::concatenated_string},
    KindName{"conditional_expression", Kind::conditional_expression},
    KindName{"continue_statement", Kind::continue_statement},
    KindName{"decorated_definition", Kind::decorated_definition},
    KindName{"decorator", Kind::decorator},
    KindName{"default_parameter", Kind::default_parameter},
    KindName{"delete_statement", Kind::delete_statement},
    KindName{"dictionary", Kind::dictionary},
    KindName{"dictionary_comprehension", Kind::dictionary_comprehension},
    KindName{"dictionary_splat_pattern", Kind::dictionary_splat_pattern},
    KindName{"dotted_name", Kind::dotted_name},
    KindName{"elif_clause", Kind::elif_clause},
    KindName{"ellipsis", Kind::ellipsis},
    KindName{"else_clause", Kind::else_clause},
    KindName{"except_clause", Kind::except_clause},
    KindName{"except_group_clause", Kind::except_group_clause},
    KindName{"exec_statement", Kind::exec_statement},
    KindName{"expression_statement", Kind::expression_statement},
    KindName{"expression_list", Kind::expression_list},
    KindName{"false", Kind::false_literal},
    KindName{"finally_clause", Kind::finally_clause},
    KindName{"float", Kind::floating},
    KindName{"for_in_clause", Kind::for_in_clause},
    KindName{"for_statement", Kind::for_statement},
    KindName{"function_definition", Kind::function_definition},
    KindName{"future_import_statement", Kind::future_import_statement},
    KindName{"generator_expression", Kind::generator_expression},
    KindName{"global_statement", Kind::global_statement},
    KindName{"identifier", Kind::identifier},
    KindName{"if_clause", Kind::if_clause},
    KindName{"if_statement", Kind::if_statement},
    KindName{"import_from_statement", Kind::import_from_statement},
    KindName{"import_statement", Kind::import_statement},
    KindName{"integer", Kind::integer},
    KindName{"interpolation", Kind::interpolation},
    KindName{"keyword_argument", Kind::keyword_argument},
    KindName{"lambda", Kind::lambda},
    KindName{"lambda_parameters", Kind::lambda_parameters},
    KindName{"line_continuation", Kind::line_continuation},
    KindName{"list", Kind::list},
    KindName{"list_comprehension", Kind::list_comprehension},
    KindName{"list_pattern", Kind::list_pattern},
    KindName{"list_splat_pattern", Kind::list_splat_pattern},
    KindName{"match_statement", Kind::match_statement},
    KindName{"module", Kind::module},
    KindName{"named_expression", Kind::named_expression},
    KindName{"none", Kind::none},
    KindName{"nonlocal_statement", Kind::nonlocal_statement},
    KindName{"not_operator", Kind::not_operator},
    KindName{"pair", Kind::pair},
    KindName{"parameters", Kind::parameters},
    KindName{"parenthesized_expression", Kind::parenthesized_expression},
    KindName{"pass_statement", Kind::pass_statement},
    KindName{"pattern_list", Kind::pattern_list},
    KindName{"print_statement", Kind::print_statement},
    KindName{"raise_statement", Kind::raise_statement},
    KindName{"relative_import", Kind::relative_import},
    KindName{"return_statement", Kind::return_statement},
    KindName{"set_comprehension", Kind::set_comprehension},
    KindName{"string", Kind::string},
    KindName{"string_content", Kind::string_content},
    KindName{"string_end", Kind::string_end},
    KindName{"string_start", Kind::string_start},
    KindName{"subscript", Kind::subscript},
    KindName{"true", Kind::true_literal},
    KindName{"try_statement", Kind::try_statement},
    KindName{"tuple", Kind::tuple},
    KindName{"tuple_pattern", Kind::tuple_pattern},
    KindName{"type", Kind::type},
    KindName{"typed_default_parameter", Kind::typed_default_parameter},
    KindName{"typed_parameter", Kind::typed_parameter},
    KindName{"unary_operator", Kind::unary_operator},
    KindName{"while_statement", Kind::while_statement},
    KindName{"wildcard_import", Kind::wildcard_import},
    KindName{"with_item", Kind::with_item},
    KindName{"with_statement", Kind::with_statement},
    KindName{"yield", Kind::yield_expression},
};

struct FieldName {
  std::string_view name;
  Field field;
};
constexpr std::array kFields{
    FieldName{"alias", Field::alias},
    FieldName{"alternative", Field::alternative},
    FieldName{"argument", Field::argument},
    FieldName{"arguments", Field::arguments},
    FieldName{"attribute", Field::attribute},
    FieldName{"body", Field::body},
    FieldName{"condition", Field::condition},
    FieldName{"consequence", Field::consequence},
    FieldName{"definition", Field::definition},
    FieldName{"function", Field::function},
    FieldName{"left", Field::left},
    FieldName{"module_name", Field::module_name},
    FieldName{"name", Field::name},
    FieldName{"object", Field::object},
    FieldName{"operator", Field::operator_word},
    FieldName{"operators", Field::operators},
    FieldName{"parameters", Field::parameters},
    FieldName{"right", Field::right},
    FieldName{"superclasses", Field::superclasses},
    FieldName{"type", Field::type},
    FieldName{"value", Field::value},
};

struct Deleter {
  void operator()(TSParser* parser) const { ts_parser_delete(parser); }
  void operator()(TSTree* tree) const { ts_tree_delete(tree); }
};

// The grammar's numbers of kinds and fields, once a program.
struct Grammar {
  Grammar() {
    const TSLanguage* language = tree_sitter_python();
    kinds.resize(ts_language_symbol_count(language), Kind::other);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const auto symbol = static_cast<TSSymbol>(i);
      if (ts_language_symbol_type(language, symbol) != TSSymbolTypeRegular) continue;
      const std::string_view name = ts_language_symbol_name(language, symbol);
      for (const auto& known : kKinds)
        if (known.name == name) kinds[i] = known.kind;
    }
    fields.resize(ts_language_field_count(language) + 1, Field::none);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const char* name = ts_language_field_name_for_id(language, static_cast<TSFieldId>(i));
      for (const auto& known : kFields)
        if (name != nullptr && known.name == name) fields[i] = known.field;
    }
  }
  std::vector<Kind> kinds;
  std::vector<Field> fields;
};
const Grammar& grammar() {
  static const Grammar the;
  return the;
}

Node node_of(const TSTreeCursor& cursor, Index parent) {
  const TSNode at = ts_tree_cursor_current_node(&cursor);
  Node out;
  out.begin = ts_node_start_byte(at);
  out.end = ts_node_end_byte(at);
  out.parent = parent;
  out.symbol = ts_node_symbol(at);
  out.named = ts_node_is_named(at);
  const auto field = ts_tree_cursor_current_field_id(&cursor);
  if (out.symbol < grammar().kinds.size()) out.kind = grammar().kinds[out.symbol];
  if (field < grammar().fields.size()) out.field = grammar().fields[field];
  return out;
}

struct Cursor {
  explicit Cursor(const TSTree* tree) : at(ts_tree_cursor_new(ts_tree_root_node(tree))) {}
  ~Cursor() { ts_tree_cursor_delete(&at); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  TSTreeCursor at;
};

// Absent: nested too deeply, and `where` is the byte at which it becomes so.
std::optional<std::vector<Node>> flatten(const TSTree* tree, std::uint32_t& where) {
  std::vector<Node> nodes;
  std::vector<Index> open;  // the ancestors of what comes next
  Cursor cursor(tree);
  nodes.push_back(node_of(cursor.at, 0));
  while (true) {
    const auto last = static_cast<Index>(nodes.size() - 1);
    if (ts_tree_cursor_goto_first_child(&cursor.at)) {
      open.push_back(last);
      if (open.size() > kMaxDepth) {
        where = nodes[last].begin;
        return std::nullopt;
      }
      nodes.push_back(node_of(cursor.at, last));
      continue;
    }
    nodes[last].next = last + 1;
    while (!ts_tree_cursor_goto_next_sibling(&cursor.at)) {
      if (open.empty()) return nodes;
      ts_tree_cursor_goto_parent(&cursor.at);
      nodes[open.back()].next = static_cast<Index>(nodes.size());
      open.pop_back();
    }
    nodes.push_back(node_of(cursor.at, open.empty() ? 0 : open.back()));
  }
}

// The line of the first error, found from the root along the children that have one.
std::size_t error_line(const TSTree* tree) {
  TSNode at = ts_tree_root_node(tree);
  while (true) {
    if (ts_node_is_missing(at) || ts_node_symbol(at) == static_cast<TSSymbol>(-1)) break;
    const auto count = ts_node_child_count(at);
    Cursor cursor(tree);
    ts_tree_cursor_reset(&cursor.at, at);
    bool deeper = false;
    if (count > 0 && ts_tree_cursor_goto_first_child(&cursor.at)) {
      do {
        const TSNode child = ts_tree_cursor_current_node(&cursor.at);
        deeper = ts_node_has_error(child) || ts_node_is_missing(child);
        if (deeper) at = child;
      } while (!deeper && ts_tree_cursor_goto_next_sibling(&cursor.at));
    }
    if (!deeper) break;
  }
  return std::size_t{ts_node_start_point(at).row} + 1;
}

// Python counts a tab up to the next multiple of eight, this parser as eight: behind spaces the two
// may see other blocks. 0: no statement begins so.
std::size_t mixed_indentation(const SyntaxTree& tree) {
  for (Index node = 1; node < tree.size(); ++node) {
    const Kind parent = tree.kind(tree[node].parent);
    if (!tree[node].named || (parent != Kind::block && parent != Kind::module)) continue;
    const auto line = tree.line(node);
    const auto text = tree.line_text(line);
    const auto indent = text.substr(0, text.find_first_not_of(" \t\f"));
    if (indent.find(" \t") != std::string_view::npos) return line;
  }
  return 0;
}

std::optional<SourceProblem> find_problem(const SyntaxTree& tree, const std::string& file) {
  if (const auto line = mixed_indentation(tree); line > 0)
    return SourceProblem{file, line, "a tab behind spaces in the indentation; use one of them"};
  for (Index node = 0; node < tree.size(); ++node)
    if (tree.kind(node) == Kind::identifier && is_disguised(tree.text(node)))
      return SourceProblem{file, tree.line(node),
                           "an identifier that Python reads as another (it normalizes look-alike "
                           "letters); write it in plain letters"};
  return std::nullopt;
}

}  // namespace

bool can_parse() { return true; }
std::string_view how_to_parse() { return ""; }

tl::expected<SyntaxTree, SourceProblem> parse_python(std::string text, const std::string& file) {
  auto source = normalize_source(std::move(text), file);
  if (!source) return tl::unexpected(std::move(source).error());
  const std::unique_ptr<TSParser, Deleter> parser(ts_parser_new());
  if (!ts_parser_set_language(parser.get(), tree_sitter_python()))
    return tl::unexpected(
        SourceProblem{file, 0, "this build's grammar is of another version than its tree-sitter"});
  ts_parser_set_timeout_micros(parser.get(), kParseMicroseconds);
  // The tree has offsets into the text, which is moved on below, and no pointers.
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.InnerPointer)
  const std::unique_ptr<TSTree, Deleter> tree(ts_parser_parse_string(
      parser.get(), nullptr, source->data(), static_cast<std::uint32_t>(source->size())));
  if (!tree) return tl::unexpected(SourceProblem{file, 0, "parsing took longer than 10 seconds"});
  if (ts_node_has_error(ts_tree_root_node(tree.get())))
    return tl::unexpected(SourceProblem{file, error_line(tree.get()), "a syntax error"});
  std::uint32_t where = 0;
  auto nodes = flatten(tree.get(), where);
  const bool too_deep = !nodes;
  SyntaxTree out(*std::move(source), nodes ? *std::move(nodes) : std::vector<Node>(1));
  if (too_deep)
    return tl::unexpected(SourceProblem{
        file, out.line_at(where),
        "nested deeper than " + std::to_string(kMaxDepth) + " levels, which is not judged"});
  if (auto problem = find_problem(out, file)) return tl::unexpected(*std::move(problem));
  return out;
}

}  // namespace jobward::scan
