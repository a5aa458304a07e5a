#include "scan/body_hash.h"

#include "common/identity.h"

namespace jobward::scan {
namespace {

// Each token with its length before it, so that no two sequences read alike; blocks and other inner
// nodes in brackets, since Python's blocks have no tokens of their own.
class Canonical {
 public:
  explicit Canonical(const SyntaxTree& tree) : tree_(tree) {}
  void add(Index node);
  void add_body(Index body);
  void word(std::string_view text) {
    out_ += std::to_string(text.size());
    out_ += ':';
    out_ += text;
  }
  [[nodiscard]] std::string digest() const { return sha256_hex(out_); }

 private:
  void add_token(Index node);
  [[nodiscard]] bool is_left_out(Index node) const;

  const SyntaxTree& tree_;
  std::string out_;
};

bool Canonical::is_left_out(Index node) const {
  const Kind kind = tree_.kind(node);
  if (kind == Kind::comment || kind == Kind::line_continuation) return true;
  if (kind == Kind::type && tree_[node].field == Field::type) return true;
  if (tree_[node].named) return false;
  const auto text = tree_.text(node);
  if (text == ",") return true;  // brackets tell what it told
  if (text == ";") return true;
  const Kind parent = tree_.kind(tree_[node].parent);
  return text == ":" && (parent == Kind::typed_parameter ||
                         parent == Kind::typed_default_parameter || parent == Kind::assignment);
}

void Canonical::add_token(Index node) {
  auto text = tree_.text(node);
  if (tree_.kind(node) == Kind::string_end) return;
  if (tree_.kind(node) == Kind::string_start) {
    // The prefix counts, the quotes do not.
    text = text.substr(0, text.find_first_of("'\""));
    word("string");
  }
  word(text);
}

void Canonical::add(Index node) {
  if (is_left_out(node)) return;
  if (tree_.kind(node) == Kind::parenthesized_expression) {
    const auto inner = tree_.first_named(node);
    if (inner != kNoNode) add(inner);
    return;
  }
  if (tree_[node].next == node + 1) return add_token(node);
  std::vector<Index> parts;
  for (Index at = node + 1; at < tree_[node].next; at = tree_[at].next)
    if (!is_left_out(at)) parts.push_back(at);
  // x: int is x once the annotation is gone; but `x, = y` is not `x = y`.
  const Kind kind = tree_.kind(node);
  const bool bare = parts.size() == 1 && kind != Kind::pattern_list &&
                    kind != Kind::expression_list && kind != Kind::block;
  if (!bare) out_ += '(';
  for (const Index part : parts)
    add(part);
  if (!bare) out_ += ')';
}

void Canonical::add_body(Index body) {
  if (body == kNoNode) return;
  if (tree_.kind(body) != Kind::block) return add(body);
  bool first = true;
  out_ += '(';
  for (const Index statement : tree_.children(body)) {
    const Index inside = tree_.first_named(statement);
    const bool docstring = first && tree_.kind(statement) == Kind::expression_statement &&
                           inside != kNoNode && tree_.kind(inside) == Kind::string;
    first = false;
    if (!docstring) add(statement);
  }
  out_ += ')';
}

}  // namespace

std::string body_digest(const Module& module, const Function& function) {
  Canonical out(module.tree);
  out.add_body(function.body);
  return out.digest();
}

std::string definition_digest(const Module& module, const Function& function) {
  Canonical out(module.tree);
  out.word(function.is_async ? "async" : "");
  for (const Index decorator : function.decorators)
    if (decorator != kNoNode) out.add(decorator);
  if (const Index parameters = module.tree.child(function.node, Field::parameters);
      parameters != kNoNode)
    out.add(parameters);
  out.add_body(function.body);
  return out.digest();
}

}  // namespace jobward::scan
