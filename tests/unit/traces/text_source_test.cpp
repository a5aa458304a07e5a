#include "traces/text_source.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

using jobward::test::TemporaryDirectory;
using namespace jobward::traces;
using Lines = std::vector<std::string>;

namespace {

struct ReadLines {
  Lines lines;
  std::string error;
};

ReadLines read_lines(jobward::Result<TextSource> source) {
  ReadLines out;
  if (!source) return {{}, source.error().message()};
  while (true) {
    const auto line = source->next();
    if (!line) out.error = line.error().message();
    if (!line || !*line) return out;
    out.lines.emplace_back((*line)->text);
    CHECK((*line)->number == out.lines.size());
  }
}
ReadLines lines_of(const std::string& text) {
  return read_lines(TextSource::from_text(text, "FILE"));
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(text.size() + 1000, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

// Text that does not shrink much, over several of zlib's blocks and our chunks.
std::string many_lines(Lines& lines) {
  std::string text;
  unsigned state = 1;
  for (int i = 0; i < 40000; ++i) {
    state = state * 1664525U + 1013904223U;
    lines.push_back(std::to_string(state));
    text += lines.back() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("text source: Lines end with LF or CRLF, the last one with either or nothing") {
  CHECK(lines_of("a\nb\r\nc").lines == Lines{"a", "b", "c"});
  CHECK(lines_of("a\n\nb\n").lines == Lines{"a", "", "b"});
  CHECK(lines_of("\n").lines == Lines{""});
  CHECK(lines_of("a\rb\n").lines == Lines{"a\rb"});
}

TEST_CASE("text source: A byte order mark is not part of the first line") {
  CHECK(lines_of("\xEF\xBB\xBFjob,x\n\xEF\xBB\xBF").lines == Lines{"job,x", "\xEF\xBB\xBF"});
}

TEST_CASE("text source: Gzip is known by its content, whatever the name") {
  const TemporaryDirectory directory;
  Lines expected;
  const auto text = many_lines(expected);
  const auto packed = read_lines(TextSource::open(directory.write("a.csv", gzip(text))));
  CHECK(packed.error.empty());
  CHECK(packed.lines == expected);
  const auto plain = read_lines(TextSource::open(directory.write("b.gz", text)));
  CHECK(plain.error.empty());
  CHECK(plain.lines == expected);
}

TEST_CASE("text source: Gzip files that were put one after another are one text") {
  CHECK(lines_of(gzip("a\nb") + gzip("c\n") + gzip("d\n")).lines == Lines{"a", "bc", "d"});
  const auto padded = lines_of(gzip("a\n") + std::string(512, '\0'));
  CHECK(padded.lines == Lines{"a"});
  CHECK(padded.error.empty());
}

TEST_CASE("text source: Gzip data that is cut off is an error, wherever it is cut") {
  const TemporaryDirectory directory;
  Lines expected;
  const auto packed = gzip(many_lines(expected));
  for (const std::size_t size :
       {std::size_t{2}, std::size_t{9}, std::size_t{11}, packed.size() / 2, packed.size() - 1}) {
    CAPTURE(size);
    const auto file = directory.write("cut.gz", packed.substr(0, size));
    const auto read = read_lines(TextSource::open(file));
    CHECK_THAT(read.error, Catch::Contains(file) && Catch::Contains("cut off"));
    CHECK(read.lines.size() <= expected.size());
  }
}

TEST_CASE("text source: Gzip data that is damaged is an error") {
  auto packed = gzip("a long line with some text in it\nand another one\n");
  SECTION("in its middle") { packed[14] = static_cast<char>(packed[14] ^ 0x55); }
  SECTION("in its checksum") {
    packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  }
  CHECK_THAT(lines_of(packed).error, Catch::Contains("FILE") && Catch::Contains("damaged"));
  CHECK_THAT(lines_of(gzip("a\n") + "rubbish").error, Catch::Contains("not gzip follows"));
}

TEST_CASE("text source: A line over 1 MiB is an error with its number") {
  const std::string longest(kLongestLine, 'x');
  CHECK(lines_of("a\n" + longest + "\nb").lines.size() == 3);
  for (const auto* end : {"", "\nb\n"}) {
    const auto read = lines_of("a\n" + longest + "x" + end);
    CHECK(read.lines == Lines{"a"});
    CHECK_THAT(read.error, Catch::Contains("FILE:2") && Catch::Contains("1 MiB"));
  }
  // A gzip file of a few bytes may hold as much as it likes.
  CHECK_THAT(lines_of(gzip(std::string(std::size_t{3} << 20U, 'x'))).error,
             Catch::Contains("FILE:1"));
}

TEST_CASE("text source: What cannot be read is named with the reason") {
  const TemporaryDirectory directory;
  const auto reason = [](const std::string& path) {
    return read_lines(TextSource::open(path)).error;
  };
  CHECK_THAT(reason(directory.path("none.csv")),
             Catch::Contains("none.csv") && Catch::Contains(std::strerror(ENOENT)));
  CHECK_THAT(reason(directory.make_directory("folder")),
             Catch::Contains("folder") && Catch::Contains(std::strerror(EISDIR)));
  CHECK_THAT(reason(directory.write("nothing.csv", "")),
             Catch::Contains("nothing.csv") && Catch::Contains("empty"));
  CHECK_THAT(reason(directory.path("a\x1b[0m\nb")), Catch::Contains("a\\x1b[0m\\x0ab"));
}

TEST_CASE("text source: Other packings and encodings are named") {
  CHECK_THAT(lines_of("\xFD"
                      "7zXZ....")
                 .error,
             Catch::Contains("xz"));
  CHECK_THAT(lines_of("BZh91AY").error, Catch::Contains("bzip2"));
  CHECK_THAT(lines_of("\x28\xB5\x2F\xFD....").error, Catch::Contains("zstd"));
  CHECK_THAT(lines_of("PK\x03\x04....").error, Catch::Contains("zip"));
  CHECK_THAT(lines_of(std::string("\xFF\xFEj\0o\0", 6)).error, Catch::Contains("UTF-16"));
}
