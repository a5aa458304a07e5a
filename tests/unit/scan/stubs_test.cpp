#include "scan/stubs.h"

#include <catch2/catch.hpp>

#include "tests/unit/scan/scan_helpers.h"

using namespace jobward::scan;

namespace {

const std::string kAtomic =
    "import os\n"
    "import tempfile\n"
    "\n"
    "def atomic_write(path, data):\n"
    "    fd, tmp = tempfile.mkstemp(dir=os.path.dirname(path))\n"
    "    with os.fdopen(fd, 'w') as file:\n"
    "        file.write(data)\n"
    "        file.flush()\n"
    "        os.fsync(file.fileno())\n"
    "    os.replace(tmp, path)\n";

std::string atomic(const std::string& body) {
  return judge_of(body_of(body, "atomic_write"), "atomic_write");
}

}  // namespace

TEST_CASE("stubs: bodies that do nothing are told apart") {
  const auto check = [](const std::string& body, const std::string& expected) {
    INFO(body);
    CHECK(judge_of(body_of(body), "checkpoint") == expected);
  };
  check("pass", "empty");
  check("...", "empty");
  check("\"\"\"Writes a checkpoint.\"\"\"", "empty");
  check("'text'\n# comment\n42\nNone", "empty");
  check("return", "constant");
  check("return None", "constant");
  check("return True", "constant");
  check("return {'ok': [1, -2]}", "constant");
  check("done = True\nreturn done", "only_returns");
  check("print('saved', path)", "only_logs");
  check("log.info('saved %s', path)\nreturn True", "only_logs");
  check("logging.getLogger('x').warning('saved')", "only_logs");
  check("raise NotImplementedError", "only_raises");
  check("raise NotImplementedError('later')", "only_raises");
  check("raise RuntimeError(path)", "only_raises");
  check("return path", "only_returns");
  check("return len(data) + 1", "only_returns");
  check("if data:\n    return path\nreturn str(path)", "only_returns");
  check("result = {}\nresult['path'] = path\nreturn result", "only_returns");
}

TEST_CASE("stubs: bodies that do something pass") {
  for (const auto* body :
       {"save(path, data)", "open(path, 'w').write(data)", "path.write_text(data)",
        "log.info('x')\nos.makedirs(path)", "global state\nstate = data", "os.environ['x'] = path",
        "del data[path]", "data.saved = path",
        "if os.path.exists(path):\n    raise FileExistsError(path)\nstore(data)"}) {
    INFO(body);
    CHECK(judge_of(body_of(body), "checkpoint") == "ok");
  }
}

TEST_CASE("stubs: a function that only calls stubs is one") {
  CHECK(judge_of("def _write(p):\n    pass\n\ndef checkpoint(p):\n    _write(p)\n", "checkpoint") ==
        "delegates_to_stub");
  CHECK(judge_of("def checkpoint(p):\n    _write(p)\n\ndef _write(p):\n    more(p)\n",
                 "checkpoint") == "ok");
  CHECK(judge_of("def a():\n    b()\ndef b():\n    a()\ndef checkpoint():\n    a()\n",
                 "checkpoint") == "delegates_to_stub");
}

TEST_CASE("stubs: atomic_write has to reach a rename and an fsync") {
  CHECK(judge_of(kAtomic, "atomic_write") == "ok");
  const auto report =
      judged({{"m.py", body_of("open(path, 'w').write(data)", "atomic_write")}}, {"atomic_write"});
  REQUIRE(report.functions.size() == 1);
  REQUIRE(report.functions[0].faults.size() == 2);
  CHECK(report.functions[0].faults[0].message.find("a rename") != std::string::npos);
  CHECK(report.functions[0].faults[1].message.find("an fsync") != std::string::npos);
  CHECK(report.functions[0].line == 5);
  CHECK(atomic("os.fsync(data)\nos.rename(path, path)") == "ok");
  CHECK(atomic("os.fsync(data)\npath.replace(data)") == "ok");
  // A text's replace takes two arguments, a data frame's rename names them.
  CHECK(atomic("os.fsync(data)\npath.replace('a', 'b')") == "unreached_calls");
  CHECK(atomic("os.fsync(data)\ndata.rename(columns={})") == "unreached_calls");
}

TEST_CASE("stubs: calls are followed through the files") {
  const std::string helpers =
      "import os\n"
      "class Writer:\n"
      "    def __enter__(self):\n        return self\n"
      "    def __exit__(self, *a):\n        self._commit()\n"
      "    def _commit(self):\n        _sync(self.fd)\n        os.rename(self.tmp, self.path)\n"
      "def _sync(fd):\n    os.fdatasync(fd)\n";
  CHECK(words(judged({{"lib/helpers.py", helpers},
                      {"lib/io.py",
                       "from .helpers import Writer\n"
                       "def atomic_write(path, data):\n"
                       "    with Writer(path) as w:\n        w.write(data)\n"}},
                     {"atomic_write"})) == "ok");
  CHECK(words(judged({{"lib/helpers.py", helpers},
                      {"lib/io.py",
                       "from lib import helpers\n"
                       "def atomic_write(path, data):\n"
                       "    w = helpers.Writer(path)\n    w._commit()\n"}},
                     {"atomic_write"})) == "ok");
  // The file alone does not tell what Writer does.
  CHECK(judge_of("from helpers import Writer\ndef atomic_write(p):\n    Writer(p).go()\n",
                 "atomic_write") == "unreached_calls unreached_calls");
}

TEST_CASE("stubs: what a function is given is run by those that run it") {
  const std::string body =
      "import os, threading, concurrent.futures\n"
      "def _do(p):\n    os.fsync(3)\n    os.replace('a', p)\n";
  const auto check = [&](const std::string& call, const std::string& expected) {
    INFO(call);
    CHECK(judge_of(body + "def with_retry(f, *a):\n    return f(*a)\ndef atomic_write(p):\n    " +
                       call + "\n",
                   "atomic_write") == expected);
  };
  check("threading.Thread(target=_do).start()", "ok");
  check("pool.submit(_do, p).result()", "ok");
  check("with_retry(_do, p)", "ok");
  check("with_retry(lambda: _do(p))", "ok");
  check("(lambda: _do(p))()", "ok");
  check("print(_do)", "only_logs");
  check("unknown(_do)", "unreached_calls unreached_calls");
}

TEST_CASE("stubs: a marker that nobody carries is a fault") {
  CHECK(judge_of("x = 1\n", "checkpoint") == "missing");
  const auto hinted = [](const std::string& source) {
    const auto report = judged({{"m.py", source}}, {"checkpoint"});
    return report.markers.size() == 1 ? report.markers[0].fault.message : "";
  };
  CHECK(hinted("from torch import checkpoint\n").find("only imported, at m.py:1") !=
        std::string::npos);
  CHECK(hinted("if False:\n    def checkpoint():\n        save()\n").find("never runs") !=
        std::string::npos);
  CHECK(hinted("checkpoint = make()\n").find("cannot") == std::string::npos);
  CHECK(hinted("class checkpoint:\n    pass\n").find("class") != std::string::npos);
  CHECK(judge_of("", "checkpoint") == "missing");
}

TEST_CASE("stubs: a comment or a decorator marks a function of another name") {
  CHECK(judge_of("# jobward: marker checkpoint, resume\ndef save():\n    pass\n", "checkpoint") ==
        "empty");
  CHECK(judge_of("# jobward: marker resume\n\n# more\n@property\ndef save(self):\n    pass\n",
                 "resume") == "empty");
  CHECK(judge_of("def save():  # jobward: marker checkpoint\n    write()\n", "checkpoint") == "ok");
  CHECK(judge_of("@marker('checkpoint')\ndef save():\n    pass\n", "checkpoint") == "empty");
  CHECK(judge_of("x = 1  # jobward: marker checkpoint\ny = 2\n", "checkpoint") == "missing");
}

TEST_CASE("stubs: methods, nested and asynchronous functions are judged where they are") {
  const auto report =
      judged({{"m.py",
               "class A:\n    def resume(self):\n        self.load()\n    class B:\n"
               "        async def resume(self):\n            return None\n"
               "def outer():\n    def resume():\n        pass\n    return resume\n"}},
             {"resume"});
  REQUIRE(report.functions.size() == 3);
  CHECK(report.functions[0].function == "A.resume");
  CHECK(report.functions[0].faults.empty());
  CHECK(report.functions[1].function == "A.B.resume");
  CHECK(report.functions[1].faults.at(0).reason == StubReason::constant);
  CHECK(report.functions[2].function == "outer.<locals>.resume");
  CHECK(report.functions[2].faults.at(0).reason == StubReason::empty);
}

TEST_CASE("stubs: bodies that are named as stubs are known again in any formatting") {
  auto known = bodies_of({"stubs.py", "def f(a):\n    send( 'x' , a, )  # nothing\n"});
  REQUIRE(known.has_value());
  StubRules rules;
  rules.markers = {standard_marker("checkpoint")};
  rules.known_stubs = *known;
  CHECK(words(judged({{"m.py", "def checkpoint(a):\n    '''Doc.'''\n    send(\"x\", a)\n"}}, {},
                     rules)) == "known_stub");
  CHECK(words(judged({{"m.py", "def checkpoint(a):\n    send('y', a)\n"}}, {}, rules)) == "ok");
}

TEST_CASE("stubs: demands can be made of any marker") {
  StubRules rules;
  rules.markers = {{"checkpoint", {{"a save", {"torch.save", ".save_pretrained"}}}}};
  const auto check = [&](const std::string& source) {
    return words(judged({{"m.py", source}}, {}, rules));
  };
  CHECK(check("import torch as t\ndef checkpoint(m):\n    t.save(m, 'x')\n") == "ok");
  CHECK(check("from torch import save\ndef checkpoint(m):\n    save(m, 'x')\n") == "ok");
  CHECK(check("def checkpoint(m):\n    m.save_pretrained('x', y=1)\n") == "ok");
  CHECK(check("def checkpoint(m):\n    m.store('x')\n") == "unreached_calls");
}
