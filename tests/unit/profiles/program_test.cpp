#include "profiles/program.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_file_probe.h"

using jobward::profiles::find_program;
using jobward::profiles::Program;
using Words = std::vector<std::string>;

namespace {

const std::string kRoot = "/home/u/proj";

Program find(const Words& argv, const jobward::test::FakeFileProbe& files = {}) {
  return find_program({argv, kRoot + "/sub"}, kRoot, files);
}

// The script train.py of the working directory, with these arguments.
void check_train(const Words& argv, const Words& arguments = {"--epochs", "3"}) {
  CAPTURE(argv);
  const auto program = find(argv);
  CHECK(program.name == "train.py");
  CHECK(program.script_path == "/home/u/proj/sub/train.py");
  CHECK(program.identity == "python3 sub/train.py");
  CHECK(program.arguments == arguments);
}

// The binary gcc with the argument -c.
void check_gcc(const Words& argv) {
  CAPTURE(argv);
  const auto program = find(argv);
  CHECK(program.name == "gcc");
  CHECK(program.identity == "gcc");
  CHECK(program.script_path.empty());
  CHECK(program.arguments == Words{"-c"});
}

}  // namespace

TEST_CASE("program: A binary is its base name, wherever it lies") {
  check_gcc({"gcc", "-c"});
  check_gcc({"/usr/bin/gcc", "-c"});
  check_gcc({"./gcc", "-c"});
}

TEST_CASE("program: An empty command is an empty program") {
  const auto program = find({});
  CHECK(program.name.empty());
  CHECK(program.identity.empty());
  CHECK(program.arguments.empty());
}

TEST_CASE("program: A Python script is found behind the interpreter's options") {
  check_train({"python3", "train.py", "--epochs", "3"});
  check_train({"python", "-u", "-W", "ignore", "train.py", "--epochs", "3"});
  check_train({"/venv/bin/python3.11", "-Xdev", "-uB", "./train.py", "--epochs", "3"});
  check_train({"python3", "-X", "dev", "--", "train.py", "--epochs", "3"});
  check_train({"python3", "--check-hash-based-pycs", "never", "../sub/train.py", "--epochs", "3"});
}

TEST_CASE("program: A script outside the project keeps its absolute path") {
  const auto program = find({"python3", "/opt/tool.py"});
  CHECK(program.script_path == "/opt/tool.py");
  CHECK(program.identity == "python3 /opt/tool.py");
}

TEST_CASE("program: A sibling of the project with the same prefix is outside it") {
  CHECK(find({"python3", "/home/u/proj2/x.py"}).identity == "python3 /home/u/proj2/x.py");
}

TEST_CASE("program: A Python module is its own program") {
  for (const auto& argv :
       {Words{"python3", "-m", "pytest", "-x"}, Words{"python3", "-mpytest", "-x"},
        Words{"python3", "-um", "pytest", "-x"}}) {
    const auto program = find(argv);
    CHECK(program.name == "python3 -m pytest");
    CHECK(program.identity == "python3 -m pytest");
    CHECK(program.script_path.empty());
    CHECK(program.arguments == Words{"-x"});
  }
  CHECK(find({"python", "-m", "pytest"}).name == "python -m pytest");
  CHECK(find({"python", "-m", "pytest"}).identity == "python3 -m pytest");
}

TEST_CASE("program: Program text is told apart by what it says, and does not show it") {
  const auto one = find({"python3", "-c", "print(1)", "x"});
  const auto other = find({"python3", "-c", "print(2)", "x"});
  CHECK(one.name == "python3 -c");
  CHECK(one.arguments == Words{"x"});
  CHECK(one.identity != other.identity);
  CHECK(one.identity.find("print") == std::string::npos);
  CHECK(find({"python3.12", "-Bc", "print(1)", "x"}).identity == one.identity);
}

TEST_CASE("program: An interpreter without a script is itself") {
  CHECK(find({"python3"}).identity == "python3");
  CHECK(find({"python3.11"}).name == "python3.11");
  CHECK(find({"python3", "--version"}).arguments == Words{"--version"});
  CHECK(find({"python3", "-", "a"}).identity == "python3 -");
  CHECK(find({"python3", "-", "a"}).arguments == Words{"a"});
  CHECK(find({"bash"}).identity == "bash");
  CHECK(find({"bash", "-c"}).identity == "bash");
}

TEST_CASE("program: Python 2 is another program") {
  CHECK(find({"python2.7", "train.py"}).identity == "python2 sub/train.py");
}

TEST_CASE("program: Wrappers are looked through") {
  const std::vector<Words> wrappers{
      {"env"},
      {"env", "-i", "A=b", "-u", "X"},
      {"env", "-", "A=b", "C=d e"},
      {"env", "A=b", "--"},
      {"/usr/bin/env", "--unset=X", "--"},
      {"nice"},
      {"nice", "-n", "5"},
      {"nice", "-n5"},
      {"nice", "-5"},
      {"nice", "--adjustment", "5"},
      {"ionice", "-c2", "-n7"},
      {"ionice", "-c", "3", "-t"},
      {"time"},
      {"time", "-p"},
      {"/usr/bin/time", "-v"},
      {"/usr/bin/time", "-f", "%M", "-o", "out"},
      {"timeout", "10"},
      {"timeout", "-k", "5", "10"},
      {"timeout", "--kill-after=5", "--signal", "INT", "1.5h"},
      {"nohup"},
      {"setsid", "-w"},
      {"stdbuf", "-oL"},
      {"stdbuf", "-o", "L", "--error=0"},
      {"taskset", "-c", "0-3"},
      {"taskset", "0x3"},
      {"chrt", "-f", "50"},
      {"chrt", "--idle"},
      {"chrt", "-d", "-T", "5", "0"},
      {"sudo", "-E"},
      {"sudo", "-u", "x", "-H", "A=b"},
      {"sudo", "--user=x", "--"},
      {"uv", "run"},
      {"uv", "--quiet", "run", "--with", "x", "--python", "3.12"},
      {"poetry", "run"},
      {"pipenv", "run"},
      {"pdm", "run", "-p", "dir"},
      {"hatch", "-e", "test", "run"},
      {"conda", "run", "-n", "env", "--no-capture-output"},
      {"mamba", "run", "-p", "/opt/env"},
      {"jobward", "run", "--mem", "8G", "--no-time", "--"},
      {"env", "A=b", "nice", "-n", "5", "timeout", "9", "nohup"},
  };
  for (auto argv : wrappers) {
    argv.insert(argv.end(), {"gcc", "-c"});
    check_gcc(argv);
  }
}

TEST_CASE("program: Wrappers and interpreters combine") {
  check_train({"env", "A=b", "nice", "-n", "5", "python3", "-u", "train.py", "--epochs", "3"});
  check_train({"uv", "run", "--with", "x", "python", "train.py", "--epochs", "3"});
  check_train({"uv", "run", "train.py", "--epochs", "3"});
  check_train({"uv", "run", "-s", "train.py", "--epochs", "3"});
  check_train({"jobward", "run", "--mem", "8G", "--", "python3", "train.py", "--epochs", "3"});
  check_train({"sh", "-c", "exec nice python3 train.py --epochs 3"});
}

TEST_CASE("program: uv runs modules as python does") {
  const auto program = find({"uv", "run", "-m", "pkg.main", "--fast"});
  CHECK(program.identity == "python3 -m pkg.main");
  CHECK(program.arguments == Words{"--fast"});
}

TEST_CASE("program: A wrapper that changes directory moves the script") {
  CHECK(find({"env", "-C", "/data", "python3", "x.py"}).script_path == "/data/x.py");
  CHECK(find({"env", "--chdir=deep", "python3", "x.py"}).identity == "python3 sub/deep/x.py");
  CHECK(find({"uv", "--directory", "/data", "run", "x.py"}).script_path == "/data/x.py");
}

TEST_CASE("program: A wrapper with nothing to run is the program") {
  for (const auto& argv :
       {Words{"env"}, Words{"env", "A=b"}, Words{"nice", "-n", "5"}, Words{"timeout", "5"},
        Words{"taskset", "-p", "123"}, Words{"ionice", "-p", "1"}, Words{"uv", "sync"}, Words{"uv"},
        Words{"poetry", "install"}, Words{"jobward", "run", "--mem", "8G"},
        Words{"jobward", "run", "--"}, Words{"env", "-S", "python3 x.py"}, Words{"sudo", "-l"}}) {
    CAPTURE(argv);
    const auto program = find(argv);
    CHECK(program.identity == argv.front());
    CHECK(program.arguments == Words(argv.begin() + 1, argv.end()));
  }
}

TEST_CASE("program: A shell script is a script") {
  for (const auto& argv :
       {Words{"bash", "run.sh", "a"}, Words{"bash", "-euo", "pipefail", "run.sh", "a"},
        Words{"bash", "--norc", "+e", "-x", "run.sh", "a"}}) {
    CAPTURE(argv);
    const auto program = find(argv);
    CHECK(program.identity == "bash sub/run.sh");
    CHECK(program.script_path == "/home/u/proj/sub/run.sh");
    CHECK(program.arguments == Words{"a"});
  }
}

TEST_CASE("program: sh -c of one simple command is that command") {
  for (const std::string text :
       {"python3 train.py --epochs 3", "  python3 'train.py' --epochs \"3\" ;\n",
        "A=b C='d e' python3 train.py --epochs 3",
        "python3 train.py --epochs 3 >log 2>&1 </dev/null",
        "python3 tr\\ain.py \\\n --epochs 3 &> log"}) {
    check_train({"bash", "-c", text});
    check_train({"sh", "-lc", text});
    check_train({"bash", "-e", "-o", "pipefail", "-c", text});
  }
}

TEST_CASE("program: Words in the text keep what they are") {
  CHECK(find({"sh", "-c", "gcc '$A' \"b c\" \"\" $HOME/x *.c 2"}).arguments ==
        Words{"$A", "b c", "", "$HOME/x", "*.c", "2"});
}

TEST_CASE("program: Any other sh -c text is its own program") {
  for (const std::string text : {"a && python3 train.py",
                                 "a | b",
                                 "a; b",
                                 "a\nb",
                                 "a &",
                                 "(a)",
                                 "{ a; }",
                                 "a $(b)",
                                 "a `b`",
                                 "a \"$(b)\"",
                                 "python3 \"$0\" \"$@\"",
                                 "if a; then b; fi",
                                 "cd x",
                                 "source x",
                                 "a <<E\nE",
                                 "a 'b",
                                 "a \"b",
                                 "$PYTHON x.py",
                                 "A=b",
                                 "",
                                 "  ",
                                 "a > ",
                                 "# a",
                                 "a <(b)",
                                 "a <<<b",
                                 "a > >(b)",
                                 "a #c"}) {
    CAPTURE(text);
    const auto program = find({"bash", "-c", text, "arg"});
    CHECK(program.name == "bash -c");
    CHECK(program.identity.starts_with("bash -c "));
    CHECK(program.script_path.empty());
    CHECK(program.arguments == Words{"arg"});
  }
  CHECK(find({"bash", "-c", "a; b"}).identity != find({"bash", "-c", "a; c"}).identity);
}

TEST_CASE("program: Other interpreters and their options") {
  struct Case {
    Words argv;
    std::string identity;
    Words arguments;
  };
  const std::vector<Case> cases{
      {{"node", "--max-old-space-size=1", "x.js", "a"}, "node sub/x.js", {"a"}},
      {{"nodejs", "-r", "dotenv", "x.js"}, "node sub/x.js", {}},
      {{"perl", "-w", "-I", "lib", "-Mstrict", "x.pl", "a"}, "perl sub/x.pl", {"a"}},
      {{"perl", "-pi.bake", "x.pl"}, "perl sub/x.pl", {}},
      {{"ruby3.1", "-rjson", "-W2", "x.rb"}, "ruby sub/x.rb", {}},
      {{"Rscript", "--vanilla", "x.R", "9"}, "Rscript sub/x.R", {"9"}},
      {{"julia", "-t", "4", "-O3", "--project=.", "x.jl"}, "julia sub/x.jl", {}},
      {{"java", "-Xmx8g", "-jar", "x.jar", "a"}, "java sub/x.jar", {"a"}},
      {{"java", "-cp", ".", "Main", "a"}, "java Main", {"a"}},
      {{"java", "--class-path=.", "Main.java"}, "java sub/Main.java", {}},
      {{"java", "-m", "mod/pkg.Main", "a"}, "java -m mod/pkg.Main", {"a"}},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.argv);
    const auto program = find(expected.argv);
    CHECK(program.identity == expected.identity);
    CHECK(program.arguments == expected.arguments);
  }
  CHECK(find({"java", "-jar", "x.jar"}).script_path == "/home/u/proj/sub/x.jar");
  CHECK(find({"perl", "-0777ne", "print", "f"}).name == "perl -e");
  CHECK(find({"perl", "-0777ne", "print", "f"}).arguments == Words{"f"});
  CHECK(find({"node", "--eval=1", "f"}).arguments == Words{"f"});
}

TEST_CASE("program: A script run directly counts as its interpreter's") {
  jobward::test::FakeFileProbe files;
  files.add_file("/home/u/proj/sub/train.py", "#!/usr/bin/env -S python3.11 -u\nimport os\n");
  files.add_file("/home/u/proj/sub/odd", "#!\n");
  files.add_file("/home/u/proj/sub/tool", "#!/opt/x/weird --flag\n");
  files.add_file("/home/u/proj/sub/uvx", "#!/usr/bin/env -S uv run --script\n");
  files.add_file("/home/u/proj/sub/binary",
                 "\x7f"
                 "ELF");

  const auto program = find({"nice", "./train.py", "--epochs", "3"}, files);
  CHECK(program.name == "train.py");
  CHECK(program.script_path == "/home/u/proj/sub/train.py");
  CHECK(program.identity == "python3 sub/train.py");
  CHECK(program.arguments == Words{"--epochs", "3"});

  CHECK(find({"./odd"}, files).identity == "sub/odd");
  CHECK(find({"./tool"}, files).identity == "weird sub/tool");
  CHECK(find({"./uvx"}, files).identity == "python3 sub/uvx");
  CHECK(find({"./binary"}, files).identity == "binary");
  CHECK(find({"./binary"}, files).script_path.empty());
  CHECK(find({"train.py"}, files).script_path.empty());  // looked up in PATH, which is not ours
}

TEST_CASE("program: Bytes that are no text, and long chains, do no harm") {
  CHECK(find({"\xff\n/\xfe", "a\nb"}).identity == "\xfe");
  Words chain(100000, "nice");
  chain.emplace_back("gcc");
  CHECK(find(chain).identity == "gcc");
}
