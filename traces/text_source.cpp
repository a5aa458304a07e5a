#include "traces/text_source.h"

#include <cstring>

namespace jobward::traces {
namespace {

constexpr std::size_t kChunk = 64U << 10U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Result<TextSource> TextSource::open(const std::string& path) {
  auto bytes = ByteSource::open(path);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  return TextSource(*std::move(bytes));
}

Result<TextSource> TextSource::from_text(std::string text, const std::string& name) {
  auto bytes = ByteSource::from_text(std::move(text), name);
  if (!bytes) return tl::unexpected(std::move(bytes).error());
  return TextSource(*std::move(bytes));
}

// Reads on behind what has not been given yet, which moves to the front.
Status TextSource::more() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < end_ + kChunk) buffer_.resize(end_ + kChunk);
  const auto got = bytes_.read(buffer_.data() + end_, kChunk);
  if (!got) return tl::unexpected(got.error());
  end_ += *got;
  at_end_ = *got == 0;
  return {};
}

Result<std::optional<TextSource::Line>> TextSource::next() {
  std::size_t searched = 0;
  while (true) {
    const std::string_view given(buffer_.data() + begin_, end_ - begin_);
    const auto found = given.find('\n', searched);
    const bool ended = found != std::string_view::npos;
    searched = ended ? found : given.size();
    if (searched > kLongestLine)
      return error("read", name() + ":" + std::to_string(line_ + 1),
                   "the line is longer than 1 MiB");
    if (!ended && !at_end_) {
      JOBWARD_RETURN_IF_ERROR(more());
      continue;
    }
    if (!ended && searched == 0) return std::optional<Line>{};
    auto text = given.substr(0, searched);
    begin_ += searched + (ended ? 1 : 0);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (++line_ == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    return Line{text, line_};
  }
}

}  // namespace jobward::traces
