#include "scan/syntax.h"

#include <algorithm>
#include <utility>

namespace jobward::scan {

SyntaxTree::SyntaxTree(std::string text, std::vector<Node> nodes)
    : text_(std::move(text)), nodes_(std::move(nodes)) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
}

std::string_view SyntaxTree::text(Index node) const {
  const Node& at = nodes_[node];
  return std::string_view(text_).substr(at.begin, at.end - at.begin);
}

std::size_t SyntaxTree::line_at(std::size_t byte) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), byte);
  return static_cast<std::size_t>(after - line_starts_.begin());
}

std::string_view SyntaxTree::line_text(std::size_t line) const {
  const std::size_t begin = line_starts_[line - 1];
  const std::size_t end = line < line_starts_.size() ? line_starts_[line] - 1 : text_.size();
  return std::string_view(text_).substr(begin, end - begin);
}

Index SyntaxTree::child(Index node, Field field) const {
  for (Index at = node + 1; at < nodes_[node].next; at = nodes_[at].next)
    if (nodes_[at].field == field) return at;
  return kNoNode;
}

Index SyntaxTree::first_named(Index node) const {
  for (Index at = node + 1; at < nodes_[node].next; at = nodes_[at].next)
    if (nodes_[at].named && nodes_[at].kind != Kind::comment) return at;
  return kNoNode;
}

std::vector<Index> SyntaxTree::children(Index node) const {
  std::vector<Index> out;
  for (Index at = node + 1; at < nodes_[node].next; at = nodes_[at].next)
    if (nodes_[at].named && nodes_[at].kind != Kind::comment &&
        nodes_[at].kind != Kind::line_continuation)
      out.push_back(at);
  return out;
}

}  // namespace jobward::scan
