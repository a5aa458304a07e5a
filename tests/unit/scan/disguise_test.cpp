// What somebody would do who has to get past the scanner and not to do the work.
#include <catch2/catch.hpp>

#include "tests/unit/scan/scan_helpers.h"

using namespace jobward::scan;

namespace {

const std::string kBoth = "unreached_calls unreached_calls";

// A body that seems to do it all.
std::string atomic(const std::string& body) {
  return judge_of(body_of("record(data)\n" + body, "atomic_write"), "atomic_write");
}

}  // namespace

TEST_CASE("disguise: calls in branches that never run") {
  for (const auto* body :
       {"if False:\n    os.fsync(3)\n    os.replace(path, path)",
        "if 0:\n    os.fsync(3)\n    os.replace(path, path)",
        "if not True:\n    os.fsync(3)\n    os.replace(path, path)",
        "if True:\n    pass\nelse:\n    os.fsync(3)\n    os.replace(path, path)",
        "if path:\n    pass\nelif None:\n    os.fsync(3)\n    os.replace(path, path)",
        "if 1 > 2:\n    os.fsync(3)\n    os.replace(path, path)",
        "if (1 - 1):\n    os.fsync(3)\n    os.replace(path, path)",
        "if data and False:\n    os.fsync(3)\n    os.replace(path, path)",
        "if '':\n    os.fsync(3)\n    os.replace(path, path)",
        "if 'a' == 'b':\n    os.fsync(3)\n    os.replace(path, path)",
        "never = False\nif never:\n    os.fsync(3)\n    os.replace(path, path)",
        "while False:\n    os.fsync(3)\n    os.replace(path, path)",
        "for _ in ():\n    os.fsync(3)\n    os.replace(path, path)",
        "for _ in range(0):\n    os.fsync(3)\n    os.replace(path, path)",
        "False and (os.fsync(3), os.replace(path, path))",
        "True or (os.fsync(3), os.replace(path, path))",
        "x = (os.fsync(3), os.replace(path, path)) if False else 1",
        "[(os.fsync(3), os.replace(path, path)) for _ in []]",
        "[(os.fsync(3), os.replace(path, path)) for _ in data if False]",
        "try:\n    pass\nexcept Exception:\n    os.fsync(3)\n    os.replace(path, path)",
        "if __debug__:\n    return\nos.fsync(3)\nos.replace(path, path)"}) {
    INFO(body);
    CHECK(atomic(body) == kBoth);
  }
}

TEST_CASE("disguise: calls behind the end") {
  for (const auto* body :
       {"return\nos.fsync(3)\nos.replace(path, path)",
        "raise ValueError\nos.fsync(3)\nos.replace(path, path)",
        "if path:\n    return\nelse:\n    return 1\nos.fsync(3)\nos.replace(path, path)",
        "while True:\n    wait()\nos.fsync(3)\nos.replace(path, path)",
        "try:\n    return\nfinally:\n    wait()\nos.fsync(3)\nos.replace(path, path)",
        "with data:\n    return\nos.fsync(3)\nos.replace(path, path)",
        "import sys\nsys.exit(0)\nos.fsync(3)\nos.replace(path, path)",
        "assert False\nos.fsync(3)\nos.replace(path, path)",
        "for _ in data:\n    continue\n    os.fsync(3)\n    os.replace(path, path)"}) {
    INFO(body);
    CHECK(atomic(body) == kBoth);
  }
  // And what only looks like the end is none.
  for (const auto* body :
       {"while True:\n    if path:\n        break\nos.fsync(3)\nos.replace(path, path)",
        "if path:\n    return\nos.fsync(3)\nos.replace(path, path)",
        "try:\n    return go()\nexcept OSError:\n    wait()\nos.fsync(3)\nos.replace(path, path)",
        "for _ in data:\n    return\nos.fsync(3)\nos.replace(path, path)",
        "try:\n    wait()\nfinally:\n    os.fsync(3)\n    os.replace(path, path)",
        "with suppress(E):\n    raise E\nos.fsync(3)\nos.replace(path, path)"}) {
    INFO(body);
    CHECK(atomic(body) == "ok");
  }
}

TEST_CASE("disguise: functions that are never called") {
  for (const auto* body :
       {"def work():\n    os.fsync(3)\n    os.replace(path, path)",
        "work = lambda: (os.fsync(3), os.replace(path, path))",
        "def work():\n    os.fsync(3)\n    os.replace(path, path)\ndata.append(work)",
        "async def work():\n    os.fsync(3)\n    os.replace(path, path)\nwork()",
        "def work():\n    os.fsync(3)\n    os.replace(path, path)\n    yield\nwork()",
        "class W:\n    def go(self):\n        os.fsync(3)\n        os.replace(path, path)\nW()"}) {
    INFO(body);
    CHECK(atomic(body) == kBoth);
  }
  for (const auto* body : {"def work():\n    os.fsync(3)\n    os.replace(path, path)\nwork()",
                           "import asyncio\nasync def work():\n    os.fsync(3)\n    "
                           "os.replace(path, path)\nasyncio.run(work())",
                           "def work():\n    os.fsync(3)\n    os.replace(path, path)\n    "
                           "yield\nfor _ in work():\n    pass",
                           "class W:\n    def __init__(self):\n        os.fsync(3)\n        "
                           "os.replace(path, path)\nW()"}) {
    INFO(body);
    CHECK(atomic(body) == "ok");
  }
}

TEST_CASE("disguise: another os") {
  const std::string rest =
      "def atomic_write(path):\n    record(path)\n    os.fsync(3)\n    os.replace(path, path)\n";
  for (const auto* head :
       {"class os:\n    fsync = replace = staticmethod(print)\n", "os = Fake()\n",
        "import fake as os\n", "import os\nos = None\n",
        "import os\nos.fsync = os.replace = print\n",
        "import os\nsetattr(os, 'fsync', print)\nsetattr(os, 'replace', print)\n",
        "import os\nfor n in names:\n    setattr(os, n, print)\n",
        "import os\nos.__dict__['fsync'] = os.__dict__['replace'] = print\n",
        "import sys\nsys.modules['os'] = Fake()\nimport os\n"}) {
    INFO(head);
    CHECK(judge_of(head + rest, "atomic_write") == kBoth);
  }
  CHECK(judge_of("import os as o\ndef atomic_write(p):\n    o.fsync(3)\n    o.replace(p, p)\n",
                 "atomic_write") == "ok");
  CHECK(judge_of(
            "from os import fsync, replace as r\ndef atomic_write(p):\n    fsync(3)\n    r(p, p)\n",
            "atomic_write") == "ok");
  CHECK(judge_of("import os\ndef atomic_write(os, p):\n    os.fsync(3)\n    os.replace(p, p)\n",
                 "atomic_write") == kBoth);
  CHECK(judge_of("import os\ndef fsync(fd):\n    pass\ndef atomic_write(p):\n    fsync(3)\n    "
                 "os.replace(p, p)\n",
                 "atomic_write") == "unreached_calls");
}

TEST_CASE("disguise: the real function is there, and something else in its place") {
  const std::string real = "def checkpoint(p):\n    save(p)\n";
  const auto check = [&](const std::string& more, const std::string& expected) {
    INFO(more);
    CHECK(judge_of(real + more, "checkpoint") == expected);
  };
  check("def checkpoint(p):\n    pass\n", "empty");
  check("checkpoint = lambda *a: None\n", "constant");
  check("noop = lambda *a: None\ncheckpoint = noop\n", "constant");
  check("def noop(*a):\n    pass\ncheckpoint = noop\n", "empty");
  check("checkpoint = Mock()\n", "replaced");
  check("checkpoint = None\n", "replaced");
  check("from fake import nothing as checkpoint\n", "replaced");
  check("del checkpoint\n", "replaced");
  check("for checkpoint in fakes:\n    break\n", "replaced");
  check("globals()['checkpoint'] = print\n", "replaced");
  check("def init():\n    global checkpoint\n    checkpoint = print\n", "replaced");
  check("class T:\n    checkpoint = lambda self: None\n", "constant");
  check("import m\nm.checkpoint = lambda *a: None\n", "constant");
  check("import m\nsetattr(m, 'checkpoint', print)\n", "replaced");
  check("class T:\n    def checkpoint(self):\n        save(self)\nT.checkpoint = print\n",
        "replaced");
  check(
      "class T:\n    def checkpoint(self):\n        save(self)\n    def __init__(self):\n"
      "        self.checkpoint = print\n",
      "replaced");
  // Variables and settings of that name are nobody's function.
  check("def train(args):\n    checkpoint = load(args)\n    args.checkpoint = True\n", "ok");
  check("class Config:\n    def __init__(self):\n        self.checkpoint = load()\n", "ok");
  CHECK(judge_of("try:\n    from lib import checkpoint\nexcept ImportError:\n    " +
                     std::string("def checkpoint(p):\n        save(p)\n"),
                 "checkpoint") == "ok");
}

TEST_CASE("disguise: decorators that may replace what they decorate") {
  CHECK(judge_of("@noop\ndef checkpoint(p):\n    save(p)\n", "checkpoint") == "replaced");
  CHECK(judge_of("@lib.wrap(1)\ndef checkpoint(p):\n    save(p)\n", "checkpoint") == "replaced");
  CHECK(judge_of("import functools\n@functools.lru_cache(None)\ndef checkpoint(p):\n    save(p)\n",
                 "checkpoint") == "ok");
  StubRules rules;
  rules.markers = {standard_marker("checkpoint")};
  rules.trusted_decorators = {"tenacity.retry"};
  CHECK(words(judged(
            {{"m.py", "from tenacity import retry\n@retry(1)\ndef checkpoint(p):\n    save(p)\n"}},
            {}, rules)) == "ok");
  CHECK(words(judged(
            {{"m.py", "from other import retry\n@retry(1)\ndef checkpoint(p):\n    save(p)\n"}}, {},
            rules)) == "replaced");
}

TEST_CASE("disguise: generators that nobody asks") {
  CHECK(judge_of(body_of("save(data)\nif False:\n    yield"), "checkpoint") == "never_runs");
  CHECK(judge_of("from contextlib import contextmanager\n@contextmanager\ndef checkpoint():\n"
                 "    yield\n",
                 "checkpoint") != "ok");
  CHECK(judge_of("from contextlib import contextmanager\n@contextmanager\ndef checkpoint():\n"
                 "    yield\n    save()\n",
                 "checkpoint") == "ok");
}

TEST_CASE("disguise: sources that Python reads otherwise") {
  const std::string def = "def checkpoint():\n    save()\n";
  CHECK(judge_of("# coding: utf-7\n" + def, "checkpoint") == "problem");
  CHECK(judge_of("#!/bin/x\n# -*- coding: rot13 -*-\n" + def, "checkpoint") == "problem");
  CHECK(judge_of("# -*- coding: UTF-8 -*-\n" + def, "checkpoint") == "ok");
  CHECK(judge_of("# coding: latin-1\n" + def, "checkpoint") == "ok");
  CHECK(judge_of("# coding: latin-1\nx = '\xC3\xA4'\n" + def, "checkpoint") == "problem");
  // "𝒄heckpoint" is checkpoint to Python, and so replaces it.
  CHECK(judge_of(def + "def \xF0\x9D\x92\x84heckpoint():\n    pass\n", "checkpoint") == "problem");
  CHECK(judge_of(def + "gr\xC3\xB6\xC3\x9F"
                       "e = 1\n",
                 "checkpoint") == "ok");
  CHECK(judge_of("def checkpoint():\n    # quiet \r    return None\n    save()\n", "checkpoint") ==
        "constant");
  CHECK(judge_of("def checkpoint():\n  \tsave()\n", "checkpoint") == "problem");
  CHECK(judge_of("\xEF\xBB\xBF" + def, "checkpoint") == "ok");
  CHECK(judge_of("x = '\xFF'\n" + def, "checkpoint") == "problem");
  CHECK(judge_of(def + std::string(1, '\0'), "checkpoint") == "problem");
}
