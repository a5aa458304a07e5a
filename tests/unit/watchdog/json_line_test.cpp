#include "watchdog/json_line.h"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "common/text.h"

using namespace jobward;
using namespace jobward::watchdog;
using nlohmann::json;

namespace {

// The value that a strict reader gets; fails where the line is not valid JSON on one line.
json read_strictly(const JsonLine& line) {
  REQUIRE_FALSE(line.is_cut());
  CHECK(line.view().find('\n') == std::string_view::npos);
  CHECK(line.view().find('\0') == std::string_view::npos);
  return json::parse(line.view());
}

std::string through(std::string_view value) {
  JsonLine line;
  line.open().text("v", value).close();
  return read_strictly(line)["v"].get<std::string>();
}

}  // namespace

TEST_CASE("json_line: Every byte, alone and after a letter, gives valid JSON") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string one(1, static_cast<char>(byte));
    CHECK(through(one) == utf8_lossy(one));
    CHECK(through("a" + one + "b") == utf8_lossy("a" + one + "b"));
  }
}

TEST_CASE("json_line: Any two bytes") {
  for (int first = 0xC0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      CHECK(through(text) == utf8_lossy(text));
    }
}

TEST_CASE("json_line: Random bytes give valid JSON, and valid UTF-8 comes back as it was") {
  std::mt19937_64 random(20260725);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto left = random() % 40; left > 0; --left) {
      // Many that begin or go on with a sequence.
      const auto kind = random() % 4;
      const auto byte = kind == 0   ? random() % 256
                        : kind == 1 ? 0x80 + random() % 64
                                    : 0xC0 + random() % 64;
      text += static_cast<char>(kind == 3 ? 0x20 + random() % 96 : byte);
    }
    const auto read = through(text);
    if (is_utf8(text)) REQUIRE(read == text);
    REQUIRE(is_utf8(read));
  }
}

TEST_CASE("json_line: Numbers, flags and nesting") {
  JsonLine line;
  line.open();
  line.number("most", std::numeric_limits<std::uint64_t>::max());
  line.signed_number("least", std::numeric_limits<std::int64_t>::min());
  line.boolean("yes", true).boolean("no", false);
  line.percent("absent", {}).percent("half", 0.5).percent("small", 0.0009).percent("whole", 1.0);
  line.open("list", '[');
  line.open().number("n", 1).close();
  line.open().close();
  line.close(']');
  line.open("empty", '[').close(']');
  line.text("a\"b", "c").close();
  const auto read = read_strictly(line);
  CHECK(read["most"] == std::numeric_limits<std::uint64_t>::max());
  CHECK(read["least"] == std::numeric_limits<std::int64_t>::min());
  CHECK(read["yes"] == true);
  CHECK(read["no"] == false);
  CHECK_FALSE(read.contains("absent"));
  CHECK(read["half"] == 50.0);
  CHECK(read["small"].get<double>() == Approx(0.09));
  CHECK(read["whole"] == 100.0);
  CHECK(read["list"].size() == 2);
  CHECK(read["list"][0]["n"] == 1);
  CHECK(read["empty"].empty());
  CHECK(read["a\"b"] == "c");
}

TEST_CASE("json_line: A line that does not fit says so, and the next one begins anew") {
  JsonLine line;
  line.open();
  const std::string long_text(JsonLine::kMost, 'x');
  line.text("v", long_text).close();
  CHECK(line.is_cut());
  line.clear();
  line.open().text("v", "x").close();
  CHECK(read_strictly(line)["v"] == "x");
  line.clear();
  line.open().text("v", std::string(JsonLine::kMost - 64, 'x')).close();
  CHECK(read_strictly(line)["v"].get<std::string>().size() == JsonLine::kMost - 64);
}

TEST_CASE("json_line: Sizes as people read them") {
  const auto words = [](std::uint64_t bytes) {
    FixedText<64> out;
    return std::string(add_bytes(out, bytes).view());
  };
  CHECK(words(0) == "0 B");
  CHECK(words(1023) == "1023 B");
  CHECK(words(1024) == "1.00 KiB");
  CHECK(words((std::uint64_t{3} << 30U) / 2) == "1.50 GiB");
  CHECK(words(std::uint64_t{312} << 20U) == "312 MiB");
  CHECK(words(std::uint64_t{20} << 30U) == "20.0 GiB");
  CHECK(words(std::numeric_limits<std::uint64_t>::max()) == "16777215 TiB");
}
