// Python source as a flat tree, so that the parser (tree-sitter) is used in one place only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace jobward::scan {

// What the analysis tells apart; everything else is `other`.
enum class Kind : std::uint8_t {
  other,
  argument_list,
  as_pattern,
  as_pattern_target,
  assert_statement,
  assignment,
  attribute,
  augmented_assignment,
  await,
  aliased_import,
  binary_operator,
  block,
  boolean_operator,
  break_statement,
  call,
  case_pattern,
  class_definition,
  comment,
  comparison_operator,
  concatenated_string,
  conditional_expression,
  continue_statement,
  decorated_definition,
  decorator,
  default_parameter,
  delete_statement,
  dictionary,
  dictionary_comprehension,
  dictionary_splat_pattern,
  dotted_name,
  elif_clause,
  ellipsis,
  else_clause,
  except_clause,
  except_group_clause,
  exec_statement,
  expression_statement,
  expression_list,
  false_literal,
  finally_clause,
  floating,
  for_in_clause,
  for_statement,
  function_definition,
  future_import_statement,
  generator_expression,
  global_statement,
  identifier,
  if_clause,
  if_statement,
  import_from_statement,
  import_statement,
  integer,
  interpolation,
  keyword_argument,
  lambda,
  lambda_parameters,
  line_continuation,
  list,
  list_comprehension,
  list_pattern,
  list_splat_pattern,
  match_statement,
  module,
  named_expression,
  none,
  nonlocal_statement,
  not_operator,
  pair,
  parameters,
  parenthesized_expression,
  pass_statement,
  pattern_list,
  print_statement,
  raise_statement,
  relative_import,
  return_statement,
  set_comprehension,
  string,
  string_content,
  string_end,
  string_start,
  subscript,
  true_literal,
  try_statement,
  tuple,
  tuple_pattern,
  type,
  typed_default_parameter,
  typed_parameter,
  unary_operator,
  while_statement,
  wildcard_import,
  with_item,
  with_statement,
  yield_expression,
};

// The role of a child, where the grammar names one.
enum class Field : std::uint8_t {
  none,
  alias,
  alternative,
  argument,
  arguments,
  attribute,
  body,
  condition,
  consequence,
  definition,
  function,
  left,
  module_name,
  name,
  object,
  operator_word,
  operators,
  parameters,
  right,
  superclasses,
  type,
  value,
};

// In the order of the text, parents before children. `next` is the index behind the last
// descendant, so that the first child of i, if i + 1 < next, is i + 1 and its sibling is its next.
struct Node {
  std::uint32_t begin = 0;  // bytes of the text
  std::uint32_t end = 0;
  std::uint32_t parent = 0;  // of the root: itself
  std::uint32_t next = 0;
  std::uint16_t symbol = 0;  // the grammar's own number: the same only within one build
  Kind kind = Kind::other;
  Field field = Field::none;
  bool named = false;  // else a word or sign of the language
};

using Index = std::uint32_t;
inline constexpr Index kNoNode = UINT32_MAX;

// A file's tree. Immutable; the nodes' texts point into it. Never empty: node 0 is the module.
class SyntaxTree {
 public:
  SyntaxTree(std::string text, std::vector<Node> nodes);

  [[nodiscard]] const Node& operator[](Index node) const { return nodes_[node]; }
  [[nodiscard]] Index size() const { return static_cast<Index>(nodes_.size()); }
  [[nodiscard]] Kind kind(Index node) const { return nodes_[node].kind; }
  [[nodiscard]] const std::string& source() const { return text_; }
  [[nodiscard]] std::string_view text(Index node) const;
  [[nodiscard]] std::size_t line(Index node) const { return line_at(nodes_[node].begin); }
  [[nodiscard]] std::size_t line_at(std::size_t byte) const;  // from 1
  [[nodiscard]] std::string_view line_text(std::size_t line) const;
  [[nodiscard]] std::size_t lines() const { return line_starts_.size(); }

  // The first child in that role; kNoNode: there is none.
  [[nodiscard]] Index child(Index node, Field field) const;
  [[nodiscard]] Index first_named(Index node) const;
  // Named children but comments and line continuations.
  [[nodiscard]] std::vector<Index> children(Index node) const;

 private:
  std::string text_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> line_starts_;
};

// Deeper nesting than this is not judged: no program that people write comes near, and what walks
// the tree may then call itself once a level.
inline constexpr std::size_t kMaxDepth = 2000;

// Why a source cannot be judged. `line` from 1; 0: the file as a whole.
struct SourceProblem {
  std::string file;
  std::size_t line = 0;
  std::string message;  // printable
};

// Is the grammar in this build? It is fetched, not part of Debian; see scripts/fetch-grammars.
bool can_parse();
// What to do when it is not.
std::string_view how_to_parse();

// The tree of one Python file, or why there is none: no UTF-8, another declared encoding, a syntax
// error, nested too deeply, too long to parse within ten seconds. Line ends become "\n", a byte
// order mark goes, as Python itself does it. What only Python itself refuses (a return outside of a
// function) is not noticed.
tl::expected<SyntaxTree, SourceProblem> parse_python(std::string text, const std::string& file);

}  // namespace jobward::scan
