#include "profiles/fingerprint.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace jobward::profiles;
using jobward::Level;
using Words = std::vector<std::string>;

namespace {

const Project kProject{"/p", "/p"};

Program script(Words arguments) {
  return {"train.py", "/p/train.py", "python3 train.py", std::move(arguments)};
}
Program binary(Words arguments) { return {"gcc", "", "gcc", std::move(arguments)}; }

std::string exact(const Words& arguments) { return fingerprint(script(arguments), kProject).exact; }
std::string masked(const Words& arguments) {
  return fingerprint(script(arguments), kProject).masked;
}

}  // namespace

TEST_CASE("fingerprint: Keys are 32 hexadecimal digits and differ between levels") {
  const auto print = fingerprint(script({}), kProject);
  std::set<std::string> keys;
  for (const auto& key : {print.exact, print.masked, print.program}) {
    CHECK(key.size() == 32);
    CHECK(key.find_first_not_of("0123456789abcdef") == std::string::npos);
    keys.insert(key);
  }
  CHECK(keys.size() == 3);
}

TEST_CASE("fingerprint: Keys by level") {
  const Fingerprint print{"e", "m", "p"};
  CHECK(print.key(Level::exact) == "e");
  CHECK(print.key(Level::masked) == "m");
  CHECK(print.key(Level::program) == "p");
  CHECK(print.key(Level::everything) == "everything");
  CHECK(print.key(Level::none).empty());
}

TEST_CASE("fingerprint: Keys do not change from one build to the next") {
  // Computed with sha256sum over "exact\0/p\0python3 train.py\0--epochs\0" "3" and so on.
  const auto print = fingerprint(script({"--epochs", "3"}), kProject);
  CHECK(print.exact == "82e554063599e4ac3e588834444ba85f");
  CHECK(print.masked == "6bddfd91614d4e45eb4cbef43bd3ebaa");
  CHECK(print.program == "b3f1039b17c54d08eac5e47e5d44d3da");
}

TEST_CASE("fingerprint: The exact key is word for word") {
  CHECK(exact({"a", "b"}) == exact({"a", "b"}));
  CHECK(exact({"a", "b"}) != exact({"a b"}));
  CHECK(exact({"a", "b"}) != exact({"b", "a"}));
  CHECK(exact({"a\nb"}) != exact({"a", "b"}));
  CHECK(exact({"\xff"}) != exact({"\xfe"}));
  CHECK(exact({}) != exact({""}));
  CHECK(exact({"--epochs", "3"}) != exact({"--epochs", "9"}));
}

TEST_CASE("fingerprint: The masked key ignores what varies from run to run") {
  CHECK(masked({"--data", "a.txt", "--epochs", "3"}) ==
        masked({"--data", "b.txt", "--epochs", "9"}));
  CHECK(masked({"--model", "small"}) != masked({"--model", "large"}));
  CHECK(masked({"build"}) != masked({"test"}));
  CHECK(masked({"--fast"}) != masked({"--slow"}));
  CHECK(masked({"3"}) != masked({"3", "3"}));
}

TEST_CASE("fingerprint: Exact and masked keys belong to a project and a program") {
  const Project other{"/q", "/q"};
  CHECK(fingerprint(script({}), kProject).exact != fingerprint(script({}), other).exact);
  CHECK(fingerprint(binary({}), kProject).masked != fingerprint(binary({}), other).masked);
  CHECK(fingerprint(script({}), kProject).exact != fingerprint(binary({}), kProject).exact);
}

TEST_CASE("fingerprint: Linked worktrees share their keys") {
  const Project worktree{"/elsewhere", "/p"};
  const auto here = fingerprint(script({"1"}), kProject);
  const auto there = fingerprint(script({"1"}), worktree);
  CHECK(here.exact == there.exact);
  CHECK(here.program == there.program);
}

TEST_CASE("fingerprint: The program key is a script's in its project, a binary's on the machine") {
  const Project other{"/q", "/q"};
  CHECK(fingerprint(script({"1"}), kProject).program ==
        fingerprint(script({"x"}), kProject).program);
  CHECK(fingerprint(script({}), kProject).program != fingerprint(script({}), other).program);
  CHECK(fingerprint(binary({}), kProject).program == fingerprint(binary({"x"}), other).program);
}

TEST_CASE("fingerprint: What is masked in an argument") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"12", "<n>"},
      {"-5", "<n>"},
      {"+5", "<n>"},
      {"0.1", "<n>"},
      {".5", "<n>"},
      {"1.", "<n>"},
      {"1e-3", "<n>"},
      {"1E+10", "<n>"},
      {"8G", "<n>"},
      {"1.5GiB", "<n>"},
      {"10ms", "<n>"},
      {"2h30m", "<n>"},
      {"50%", "<n>"},
      {"100M/s", "<n>"},
      {"0x1F", "<n>"},
      {"3.11.4", "<n>"},
      {"0,1,2", "<n>"},
      {"0-15", "<n>"},
      {"640x480", "<n>"},
      {"12:30:00", "<n>"},
      {"20240131", "<n>"},
      {"2024-01-31", "<date>"},
      {"2024/01/31", "<date>"},
      {"2024-01-31T12:30:00", "<date>"},
      {"2024-01-31 12:30:00.123+02:00", "<date>"},
      {"20240131T123000Z", "<date>"},
      {"20240131_123000", "<date>"},
      {"run-2024-01-31", "run-<date>"},
      {"run_20240131_v", "run_<date>_v"},
      {"123e4567-e89b-12d3-a456-426614174000", "<uuid>"},
      {"job-123E4567-E89B-12D3-A456-426614174000", "job-<uuid>"},
      {"00000000-0000-0000-0000-000000000000", "<uuid>"},
      {"a1b2c3d", "<hash>"},
      {"DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "<hash>"},
      {"sha256:e3b0c44298fc1c14", "<hash>"},
      {"abcdefabcdefabcdef", "<hash>"},
      {"/tmp/x", "<path>"},
      {"a/b", "<path>"},
      {"~", "<path>"},
      {"~/x", "<path>"},
      {".", "<path>"},
      {"..", "<path>"},
      {".env", "<path>"},
      {"a.txt", "<path>"},
      {"data.tar.gz", "<path>"},
      {"A.JPG", "<path>"},
      {"x.R", "<path>"},
      {"x.parquet", "<path>"},
      {"out-2024-01-31.csv", "<path>"},
      {"s3://bucket/key=3", "<path>"},
      {"--out=/tmp/x7", "--out=<path>"},
      {"--lr=1e-3", "--lr=<n>"},
      {"-n=3", "-n=<n>"},
      {"lr=0.1", "lr=<n>"},
      {"data=a.txt", "data=<path>"},
      {"--set=lr=3", "--set=lr=<n>"},
      {"--model=small", "--model=small"},
      {"--day=2024-01-31", "--day=<date>"},
      {"--out=", "--out="},
      {"-j8", "-j<n>"},
      {"-I/usr/include", "-I<path>"},
      {"-I../x", "-I<path>"},
  };
  for (const auto& [argument, expected] : cases) {
    CAPTURE(argument);
    CHECK(mask_argument(argument) == expected);
  }
}

TEST_CASE("fingerprint: What is kept in an argument") {
  for (const std::string argument : {"",
                                     "-",
                                     "--",
                                     "small",
                                     "build",
                                     "--epochs",
                                     "--fast",
                                     "-x",
                                     "-xvf",
                                     "resnet50",
                                     "gpt-4o",
                                     "v1.2.3",
                                     "3.11-slim",
                                     "c++20",
                                     "-std=c++20",
                                     "7b",
                                     "4x",
                                     "x86_64",
                                     "utf-8",
                                     "feedface",
                                     "ed2551",
                                     "torch.float32",
                                     "torch.optim.Adam",
                                     "a..",
                                     "1..2",
                                     "2024-13-41x",
                                     "--layer3",
                                     "\xff\xfe",
                                     "=",
                                     "=x",
                                     "a=",
                                     "naïve",
                                     "hello world\n"}) {
    CAPTURE(argument);
    CHECK(mask_argument(argument) == argument);
  }
}

TEST_CASE("fingerprint: Long hostile arguments are masked in reasonable time") {
  for (const std::string unit : {"a=", "1,", "-", "2024-01-", "0x", "1e", ".", "a."}) {
    std::string argument;
    while (argument.size() < 130000)
      argument += unit;
    CHECK(!mask_argument(argument).empty());
  }
}

TEST_CASE("fingerprint: A kind that somebody named has a key of its own") {
  const auto kind = kind_fingerprint("FASTQC", "fastqc");
  CHECK(kind.exact.empty());
  // Computed with sha256sum over "kind\0masked\0FASTQC" and "kind\0program\0fastqc".
  CHECK(kind.masked == "4dfc01c8ffb316f85763c65f47433f1f");
  CHECK(kind.program == "1c7605951a8489c17c332b1a69a5d8d4");
  CHECK(kind_fingerprint("FASTQC").masked == kind.masked);
  CHECK(kind_fingerprint("FASTQC").program.empty());
  CHECK(kind_fingerprint("fastqc").masked != kind.program);
  CHECK(kind.masked != fingerprint(binary({}), {"/p", "FASTQC"}).masked);
}
