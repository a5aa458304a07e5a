"""`jobward verify` within bounds: memory, disk, signals; what a query may do; what a digest stands for."""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_contract_guard
import verify_case
from verify_case import VerifyTest

MIB = 1 << 20


# Runs its arguments but the first; the exit status and the peak of the resident memory in KiB go into the file that is
# the first. A small process of its own: ru_maxrss begins with what the parent had at its peak.
MEASURE = ("import os, sys\n"
           "_, status, usage = os.wait4(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ), 0)\n"
           "open(sys.argv[1], 'w').write(f'{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}')\n")


class Bounds(VerifyTest):
    def measured(self, contract, *options):
        """The run as `verify` gives it, with the peak of its memory."""
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            subprocess.run([harness.PYTHON, "-I", "-S", "-c", MEASURE, self.path("peak"), harness.BINARY, "verify", "--json",
                            *options, contract], env=self.env, cwd=self.work, stdout=out, stderr=err, check=True)
        status, kibibytes = map(int, harness.read_bytes(self.path("peak")).split())
        output, errors = harness.read_bytes(self.path("out")), harness.read_bytes(self.path("err"))
        return status, kibibytes * 1024, harness.strict_json(output) if output else None, errors

    def query(self, sql, **more):
        return {"type": "custom_sql", "datasets": ["t"], "query": sql, **more}


class Memory(Bounds):
    def test_what_the_engine_does_not_account_for_is_within_the_cap(self):
        self.make("t.parquet", "SELECT 1 AS i")
        contract = self.contract({"t": "t.parquet"}, {
            "large": self.query("SELECT * FROM t WHERE len(range(20000000)) = 5"),
            "small": self.query("SELECT * FROM t WHERE i > 5")})
        status, peak, json_, errors = self.measured(contract, "--memory", "200M")
        self.assertEqual(status, 2, errors)
        large, small = json_["reports"][0]["checks"]
        self.assert_error(large, "within the memory of a check", "--memory")
        self.assert_passed(small)
        self.assertLess(peak, 216 * MIB)

    def test_many_threads_need_no_more(self):
        self.make("t.parquet", "SELECT i FROM range(300000) r(i)")
        contract = self.contract({"t": "t.parquet"}, {"one": self.query("SELECT * FROM t WHERE i < 0")})
        status, peak, json_, errors = self.measured(contract, "--memory", "128M", "--threads", "32")
        self.assertEqual(status, 0, (json_, errors))
        self.assertLess(peak, 140 * MIB)

    def test_text_that_grows_ends_in_an_error_and_no_signal(self):
        self.make("t.parquet", "SELECT i FROM range(2000) r(i)")
        for sql in ("SELECT len(string_agg(repeat('x', 1000000), '')) AS n FROM t", "SELECT list(repeat('x', 1000000)) FROM t",
                    "SELECT repeat('x', 2000000000) FROM t", "SELECT i, list(range(100000)) OVER () FROM t"):
            with self.subTest(sql=sql):
                status, peak, json_, errors = self.measured(self.contract({"t": "t.parquet"}, {"one": self.query(sql)}),
                                                            "--memory", "200M")
                self.assertIn(status, (1, 2), errors)
                self.assertTrue(json_, errors)
                self.assertLess(peak, 216 * MIB)

    def test_what_spills_stays_within_the_cap(self):
        self.make("t.parquet", "SELECT hash(i) AS id, 'name' || i AS name FROM range(3000000) r(i)")
        contract = self.contract({"t": "t.parquet"}, {
            "one": {"type": "unique", "dataset": "t", "columns": ["id", "name"]}})
        status, peak, json_, errors = self.measured(contract, "--memory", "256M")
        self.assertEqual(status, 0, (json_, errors))
        self.assertLess(peak, 272 * MIB)


class Spilling(Bounds):
    def make_large(self):
        self.make("t.parquet", "SELECT hash(i) AS id, 'name' || i AS name FROM range(3000000) r(i)")
        return self.contract({"t": "t.parquet"}, {"one": {"type": "unique", "dataset": "t", "columns": ["id", "name"]}})

    def test_its_size_is_bounded(self):
        run = self.verify("--memory", "200M", "--spill", "1M", self.make_large())
        self.assert_error(run.json["reports"][0]["checks"][0], "--spill")
        self.assertEqual(self.verify("--spill", "much", self.path("contract.toml")).returncode, 2)

    def test_what_a_killed_process_left_is_swept_away(self):
        contract = self.make_large()
        process = subprocess.Popen([harness.BINARY, "verify", "--memory", "160M", contract], env=self.env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        left = harness.wait_until(lambda: glob.glob(self.env["TMPDIR"] + "/jobward-verify-*"), "a directory for spilling")
        process.kill()
        process.wait()
        self.assertTrue(os.path.isdir(left[0]))
        used = self.env["TMPDIR"] + "/jobward-verify-abcdef"
        other = self.env["TMPDIR"] + "/jobward-verify-mine"
        os.mkdir(used)
        os.mkdir(other)
        lock = os.open(used, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.make("small.parquet", "SELECT 1 AS i")
        self.assertEqual(self.verify(self.contract({"t": "small.parquet"}, {"one": self.query("SELECT * FROM t WHERE i > 1")})).returncode, 0)
        self.assertEqual(sorted(os.listdir(self.env["TMPDIR"])), ["jobward-verify-abcdef", "jobward-verify-mine"])
        os.close(lock)
        os.rmdir(used)
        os.rmdir(other)


class OwnQueries(Bounds):
    def setUp(self):
        super().setUp()
        self.make("t.parquet", "SELECT i, [i, i + 1] AS l FROM range(3) r(i)")
        self.make("o.parquet", "SELECT 1 AS secret")

    def result(self, sql):
        return self.check({"t": "t.parquet"}, self.query(sql))

    def test_what_changes_the_engine_is_refused(self):
        for name in ("enable_logging(storage = 'stdout')", "enable_peg_parser()", "truncate_duckdb_logs()", "duckdb_settings()",
                     "checkpoint()", "query('SELECT 1')", "query_table('t')", "read_text('/etc/passwd')", "pragma_version()"):
            with self.subTest(name=name):
                function = name.partition("(")[0]
                self.assert_error(self.result(f"SELECT * FROM {name}"), function, "which a check may not")
                self.assert_error(self.result(f"SELECT * FROM t WHERE i IN (WITH a AS (FROM {name}) SELECT 1 FROM a)"), function)
        for name in ("write_log('x')", "setseed(0.5)", "nextval('s')", "json_serialize_plan('SELECT 1')", "system.main.write_log('x')"):
            with self.subTest(name=name):
                self.assert_error(self.result(f"SELECT * FROM t WHERE {name} IS NULL"), "it calls")
                self.assert_error(self.result(f"SELECT {name} FROM t ORDER BY 1"), "it calls")

    def test_only_the_named_datasets_are_read(self):
        def both(sql):
            run = self.verify(self.contract({"t": "t.parquet", "o": "o.parquet"}, {
                "other": {"type": "custom_sql", "datasets": ["o"], "query": "SELECT * FROM o WHERE secret > 5"},
                "one": self.query(sql)}))
            self.assert_passed(run.json["reports"][0]["checks"][0])
            return run.json["reports"][0]["checks"][1]
        for sql in ("SELECT * FROM o", "SELECT * FROM t, o", "WITH o AS (SELECT * FROM o) SELECT * FROM o",
                    "SELECT (WITH o AS (SELECT 1) SELECT 1) FROM o", "FROM temp.main.o", "FROM information_schema.tables",
                    "FROM jobward_o", "SELECT * FROM (DESCRIBE o)", "FROM duckdb_logs", "SHOW TABLES", "FROM 'o.parquet'",
                    "WITH RECURSIVE o AS (SELECT secret FROM o UNION ALL SELECT secret + 1 FROM o WHERE secret < 3) FROM o"):
            with self.subTest(sql=sql):
                self.assertEqual(both(sql)["status"], "error")

    def test_plain_analysis_is_not_refused(self):
        for sql in ("WITH o AS (SELECT 5 AS i) SELECT T.i FROM T JOIN o ON t.i = o.i",
                    "SELECT * FROM t, unnest(t.l) AS u(x), range(2) r(n), generate_series(1, 2) WHERE x > 100",
                    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r WHERE n > 5",
                    "WITH a AS MATERIALIZED (SELECT * FROM t), b AS (SELECT * FROM a) SELECT * FROM b WHERE i > 100",
                    "SELECT i, row_number() OVER (ORDER BY i) AS n FROM t QUALIFY n > 3 LIMIT 5",
                    "SELECT * FROM (VALUES (1), (2)) v(a) WHERE a NOT IN (SELECT i FROM t) AND a < 2",
                    "FROM (PIVOT t ON i IN (7) USING count(*)) WHERE \"7\" > 0",
                    "SELECT * FROM t WHERE list_transform(l, lambda x: x + 1)[1] > 100 -- the end\n;",
                    "SELECT * FROM (SUMMARIZE t) WHERE column_name = 'none'",
                    "SELECT i FROM t EXCEPT SELECT i FROM t", "SELECT * FROM json_each('[1]') WHERE value::INT > 1"):
            with self.subTest(sql=sql):
                self.assert_passed(self.result(sql))

    def test_what_is_no_single_query(self):
        self.assert_error(self.result("DROP TABLE t"), "it is no SELECT")
        self.assert_error(self.result("SELECT 1; SELECT 2"), "it has 2 statements")
        self.assert_error(self.result("SELEC 1"), "syntax error")
        self.assert_error(self.result("SELECT * FROM t WHERE i = ?"), "parameters")
        self.assert_error(self.result("SELECT 1) AS (SELECT 2"))

    def test_a_dataset_without_rows_proves_nothing(self):
        self.write("e.csv", "a,b\n")
        check = {"type": "custom_sql", "datasets": ["e"], "query": "SELECT * FROM e WHERE a = 'x'"}
        self.assert_failed(self.check({"e": "e.csv"}, check), "e has no rows")
        self.assert_passed(self.check({"e": {"path": "e.csv", "allow_empty": True}}, check))
        both = {**check, "datasets": ["e", "t"]}
        self.assert_failed(self.check({"e": "e.csv", "t": "t.parquet"}, both), "e has no rows")
        self.assert_failed(self.check({"t": "t.parquet", "e": "e.csv"}, {**both, "datasets": ["t", "e"]}), "e has no rows")


class Breakdowns(Bounds):
    """A library that does what the engine's should not, and leaves all else to the engine's."""
    CODE = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        __attribute__((constructor)) static void hello(void) { puts("hello from the library"); write(1, "noise", 5); }
        static long asked;
        const char* duckdb_library_version(void) { return "v1.5.6"; }
        void duckdb_free(void* what) { free(what); }
        unsigned long duckdb_nparams(void* prepared) { (void)prepared; SIGNAL; return asked; }
        """

    def setUp(self):
        super().setUp()
        if not shutil.which("cc"):
            self.skipTest("NOT RUN: this test needs a C compiler, cc")
        self.make("t.parquet", "SELECT 1 AS i")

    def library(self, signal_):
        self.write("noise.c", self.CODE.replace("SIGNAL", signal_))
        path = self.env["JOBWARD_DUCKDB"]
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.path("noise.so"), self.path("noise.c"), "-Wl,--no-as-needed",
                        path, "-Wl,-rpath," + os.path.dirname(path)], check=True)
        # The directories above it must be of the user: those of the test's own are.
        self.env["JOBWARD_DUCKDB"] = self.path("noise.so")

    def test_what_a_library_prints_is_not_the_result(self):
        self.library("")
        run = self.verify(self.contract({"t": "t.parquet"}, {"one": self.query("SELECT * FROM t WHERE i > 1")}))
        self.assertEqual(run.returncode, 0, run)
        self.assertIn(b"noise", run.stderr)
        self.assertIn(b"hello from the library", run.stderr)

    def test_a_library_that_breaks_down_is_an_error(self):
        for signal_, name in (("abort()", b"SIGABRT"), ("*(volatile int*)8 = 1", b"SIGSEGV")):
            with self.subTest(signal=signal_):
                self.env["JOBWARD_DUCKDB"] = verify_case.LIBRARY
                self.library(signal_)
                run = self.jobward("verify", "--json", self.contract({"t": "t.parquet"}, {"one": self.query("SELECT * FROM t WHERE i > 1")}))
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertIn(name, run.stderr)
                self.assertIn(b"nothing was checked to its end", run.stderr)
                shutil.rmtree(glob.glob(self.env["TMPDIR"] + "/*")[0])


class Reservations(Bounds):
    def test_what_running_jobs_have_reserved_is_theirs(self):
        self.make("t.parquet", "SELECT 1 AS i")
        contract = self.contract({"t": "t.parquet"}, {"one": {"type": "row_count_parity", "dataset": "t", "equal": 1}})

        def cap():
            return self.verify(contract).json["reports"][0]["memory_cap_bytes"]
        reserved = int(json.loads(self.jobward("estimate", "--json", "--", "true").stdout)["room"]["free_bytes"] * 0.6)
        before = cap()
        run = subprocess.Popen([harness.BINARY, "run", "--quiet", "--best-effort", "--mem", str(reserved), "--", *self.waiting_job()],
                               env=self.env, cwd=self.work)
        harness.wait_for_pid(self.path("pid"))
        during = cap()
        self.touch("finish")
        self.assertEqual(run.wait(timeout=20), 0)
        # Others use memory meanwhile, but not that much.
        self.assertLess(during, before - reserved / 4)


class Pinned(Bounds):
    def digest(self, contract):
        return json.loads(self.verify(contract).stdout)["reports"][0]["contract_sha256"]

    def test_the_digest_covers_what_is_read_beside_it(self):
        self.make("t.csv", "SELECT 1 AS i")
        alone = self.contract({"t": "t.csv"}, {"one": self.query("SELECT * FROM t WHERE i > 1")})
        self.assertEqual(self.digest(alone), hashlib.sha256(harness.read_bytes(alone)).hexdigest())
        self.write("check.sql", "SELECT * FROM t WHERE i > 1")
        contract = self.contract({"t": "t.csv"}, {"one": {"type": "custom_sql", "datasets": ["t"], "query_file": "check.sql"}})
        sha = lambda path: hashlib.sha256(harness.read_bytes(self.path(path))).hexdigest()
        lines = f"{sha('contract.toml')}  contract\n{sha('check.sql')}  check.sql\n"
        before = self.digest(contract)
        self.assertEqual(before, hashlib.sha256(lines.encode()).hexdigest())
        self.write("check.sql", "SELECT * FROM t WHERE i > 2")
        run = self.verify("--expect-sha256", before, contract)
        self.assertEqual(run.returncode, 2)
        self.assertIn("its content is not the expected one", run.json["error"])

    def test_a_job_cannot_rewrite_the_query(self):
        self.make("t.csv", "SELECT 1 AS i")
        self.write("check.sql", "SELECT * FROM t")
        contract = self.contract({"t": "t.csv"}, {"one": {"type": "custom_sql", "datasets": ["t"], "query_file": "check.sql"}})
        run = self.jobward("run", "--verify", contract, "--", "sh", "-c", "echo 'SELECT * FROM t WHERE false' > check.sql")
        self.assertEqual(run.returncode, 1, run)
        self.assertIn(b"its content is not the expected one", run.stderr + run.stdout)

    def test_manifest_record_and_known_stubs_are_covered(self):
        self.make("t.csv", "SELECT 1 AS i")
        self.write("m.py", "def checkpoint():\n    open('x', 'w').write('1')\n")
        self.write("known.py", "def f():\n    nothing()\n")
        digest = hashlib.sha256(harness.read_bytes(self.path("t.csv"))).hexdigest()
        self.write("SUMS", f"{digest}  t.csv\n")
        checks = {"files": {"type": "file_digest", "dataset": "t", "manifest": "SUMS"},
                  "stubs": {"type": "stubs", "markers": ["checkpoint"], "paths": ["m.py"], "known_stubs": ["known.py"]}}
        seen = {self.digest(self.contract({"t": "t.csv"}, checks))}
        self.write("known.py", "def f():\n    other()\n")
        seen.add(self.digest(self.contract({"t": "t.csv"}, checks)))
        self.write("SUMS", f"{digest}  ./t.csv\n")
        seen.add(self.digest(self.contract({"t": "t.csv"}, checks)))
        self.assertEqual(len(seen), 3)


class Digests(Bounds):
    def pad(self, name, size):
        """Makes a Parquet file large to hash, and as quick to check as before: a hole before its footer."""
        content = harness.read_bytes(self.path(name))
        footer = int.from_bytes(content[-8:-4], "little") + 8
        with open(self.path(name), "r+b") as file:
            file.seek(len(content) - footer + size)
            file.write(content[-footer:])

    def test_a_file_that_changes_while_it_is_hashed(self):
        self.make("t.parquet", "SELECT 1 AS i")
        self.pad("t.parquet", 1 << 30)
        path = self.path("t.parquet")
        facts = os.stat(path)
        datasets = {"t": {"path": "t.parquet", "digest": "content"}}
        check = {"type": "row_count_parity", "dataset": "t", "equal": 1}
        seconds = self.check(datasets, check)["report"]["seconds"]

        # The check itself is over at once: this changes the file while it is hashed, and sets its time back.
        def check_beside_changes(first_after):
            over = threading.Event()

            def change():
                over.wait(first_after)
                while not over.wait(0.05):
                    with open(path, "r+b") as file:
                        file.seek(1000000)
                        file.write(b"x")
                    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            thread = threading.Thread(target=change)
            thread.start()
            try:
                return self.check(datasets, check)
            finally:
                over.set()
                thread.join()
        # Where the machine is busy for a while, hashing may be over before the first change.
        for part in (0.25, 0.2, 0.15, 0.1):
            result = check_beside_changes(seconds * part)
            if "digest" not in result["report"]["datasets"][0]:
                break
        self.assert_error(result, "it was changed while it was read")
        self.assertNotIn("digest", result["report"]["datasets"][0])

    def test_a_database_with_a_log_has_no_digest(self):
        path = self.path("t.db")
        with contextlib.closing(sqlite3.connect(path)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE t(i INTEGER)")
            writer.commit()
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            digest = hashlib.sha256(harness.read_bytes(path)).hexdigest()
            datasets = {"t": {"path": "t.db", "table": "t"}}
            check = {"type": "file_digest", "dataset": "t", "sha256": digest}
            self.assert_passed(self.check(datasets, check))
            writer.execute("INSERT INTO t VALUES (1)")
            writer.commit()
            self.assertGreater(os.stat(path + "-wal").st_size, 0)
            self.assert_error(self.check(datasets, check), "t.db-wal", "checkpoint")
            result = self.check(datasets, {"type": "row_count_parity", "dataset": "t", "equal": 1})
            self.assert_passed(result)
            dataset = result["report"]["datasets"][0]
            self.assertNotIn("digest", dataset)
            self.assertIn("t.db-wal", dataset["no_digest"])

    def test_one_file_under_two_names(self):
        self.write("a.csv", "i\n1\n")
        os.link(self.path("a.csv"), self.path("b.csv"))
        os.symlink("a.csv", self.path("c.csv"))
        for other in ("b.csv", "c.csv"):
            result = self.check({"t": {"path": ["a.csv", other]}}, {"type": "row_count_parity", "dataset": "t", "equal": 2})
            self.assert_error(result, "it is the same file as", "a.csv")


class AcceptedCounts(Bounds):
    CHECKS = {"rows": {"type": "row_count_parity", "dataset": "t", "last_accepted": True, "tolerance": 0}}

    def git(self, *arguments, cwd):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments], cwd=cwd, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_linked_worktrees_share_them(self):
        os.mkdir(self.path("main"))
        self.git("init", cwd=self.path("main"))
        self.write("main/t.csv", "i\n1\n2\n")
        self.contract({"t": "t.csv"}, self.CHECKS, name="main/contract.toml")
        self.git("add", ".", cwd=self.path("main"))
        self.git("commit", "-m", "x", cwd=self.path("main"))
        self.git("worktree", "add", self.path("linked"), cwd=self.path("main"))
        self.assertEqual(self.verify(self.path("main/contract.toml")).returncode, 0)
        self.write("linked/t.csv", "i\n1\n")
        run = self.verify(self.path("linked/contract.toml"))
        self.assert_failed(run.json["reports"][0]["checks"][0], "the last accepted count is 2")

    def test_a_count_that_is_not_on_record_is_not_accepted(self):
        self.write("t.csv", "i\n1\n2\n")
        contract = self.contract({"t": "t.csv"}, self.CHECKS)
        self.assertEqual(self.verify("--dry-run", contract).returncode, 0)
        self.make("o.parquet", "SELECT 1 AS i")
        self.assertEqual(self.verify(self.contract({"o": "o.parquet"}, {"one": {"type": "row_count_parity", "dataset": "o", "equal": 1}},
                                                   name="other.toml", contract_id="other")).returncode, 0)
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'no'); END")
            connection.commit()
        run = self.verify(contract)
        self.assertEqual(run.returncode, 2, run)
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            connection.execute("DROP TRIGGER refuse")
            connection.commit()
            self.assertEqual(connection.execute("SELECT count(*) FROM accepted_rows").fetchone()[0], 0)

    def test_the_messages_say_what_can_be_done(self):
        self.write("t.csv", "i\n1\n2\n")
        first = {"rows": {**self.CHECKS["rows"], "first": "fail"}}
        run = self.verify(self.contract({"t": "t.csv"}, first))
        self.assert_failed(run.json["reports"][0]["checks"][0], 'first = "accept"', "jobward approve")
        self.assertEqual(self.verify(self.contract({"t": "t.csv"}, self.CHECKS)).returncode, 0)
        self.write("t.csv", "i\n1\n")
        run = self.verify(self.contract({"t": "t.csv"}, self.CHECKS))
        self.assert_failed(run.json["reports"][0]["checks"][0], "a larger tolerance", "jobward approve")


class OperatorAllows(test_contract_guard.Contracts):
    """What the messages of row_count_parity tell to do."""
    CONTRACT = """id = "orders"
[datasets.orders]
path = "orders.csv"
[checks.rows]
type = "row_count_parity"
severity = "HARD_FAIL"
dataset = "orders"
last_accepted = true
tolerance = 0
first = "accept"
"""

    def allow_once(self, *changes):
        """Loosened for one check, approved, checked, and written back."""
        with open(self.path("contract.toml")) as file:
            strict = file.read()
        self.edit(*changes)
        once, _ = self.decisions(self.refusal())
        self.assertEqual(self.approve(once, "anna").returncode, 0)
        self.verify(0)
        self.write("contract.toml", strict)
        self.verify(0)

    def test_a_first_count_and_a_lawful_jump(self):
        self.write("contract.toml", self.CONTRACT)
        self.policy("")
        self.key("anna")
        self.verify(0)
        self.edit(('"accept"', '"fail"'))
        self.verify(0)
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            connection.execute("DELETE FROM accepted_rows")
            connection.commit()
        self.assertIn('first = "accept"', self.verify(1)["reports"][0]["checks"][0]["message"])
        self.allow_once(('"fail"', '"accept"'))
        self.orders(20)
        self.assertIn("a larger tolerance", self.verify(1)["reports"][0]["checks"][0]["message"])
        self.allow_once(("tolerance = 0", "tolerance = 10"))
        self.orders(21)
        self.verify(1)


class Signals(Bounds):
    def interrupted(self, contract, seconds=3.0, ready=0.5):
        process = subprocess.Popen([harness.BINARY, "verify", contract], env=self.env, cwd=self.work,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(ready)
        self.assertIsNone(process.poll(), "it has ended before it could be interrupted")
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT, errors)
        self.assertLess(time.monotonic() - begin, seconds)
        self.assertIn(b"interrupted", errors)
        self.assertEqual(output, b"")

    def test_while_a_large_file_is_hashed(self):
        with open(self.path("t.bin"), "wb") as file:
            file.truncate(20 << 30)
        self.interrupted(self.contract({"t": {"path": "t.bin", "format": "csv"}},
                                       {"one": {"type": "file_digest", "dataset": "t", "sha256": "0" * 64}}))

    def test_while_sqlite_looks_at_values(self):
        with contextlib.closing(sqlite3.connect(self.path("t.db"))) as connection:
            # A view without an end: what SQLite works on must not decide when it stops.
            connection.execute("CREATE VIEW t AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i FROM r")
            connection.commit()
        self.interrupted(self.contract({"t": {"path": "t.db", "table": "t"}},
                                       {"one": {"type": "row_count_parity", "dataset": "t", "equal": 1}}))

    def test_while_files_are_looked_for(self):
        for i in range(300):
            os.makedirs(self.path(f"d/{i}"))
        for i in range(30000):
            with open(self.path(f"d/{i % 300}/{i}.txt"), "w"):
                pass
        pattern = "d/" + "**/" * 12 + "*.csv"
        self.interrupted(self.contract({"t": pattern}, {"one": {"type": "row_count_parity", "dataset": "t", "equal": 1}}))

    def test_while_sources_are_scanned(self):
        body = "".join(f"def f{i}(a, b):\n    return a + b * {i} if a else [x for x in range(b)]\n" for i in range(3000))
        for i in range(400):
            self.write(f"src/m{i}.py", body)
        self.interrupted(self.contract({"t": "none.csv"}, {"one": {"type": "stubs", "markers": ["checkpoint"], "paths": ["src"]}}))

    def test_a_terminal_sees_how_far_hashing_is(self):
        with open(self.path("t.bin"), "wb") as file:
            file.truncate(20 << 30)
        contract = self.contract({"t": {"path": "t.bin", "format": "csv"}},
                                 {"one": {"type": "file_digest", "dataset": "t", "sha256": "0" * 64}})
        master, slave = os.openpty()
        process = subprocess.Popen([harness.BINARY, "verify", contract], env=self.env, cwd=self.work,
                                   stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        seen = b""
        deadline = time.monotonic() + 20
        while b" %" not in seen and time.monotonic() < deadline:
            seen += os.read(master, 4096)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        os.close(master)
        self.assertIn(b"check one, ", seen)


class OneBadValue(Bounds):
    def results(self, datasets, checks):
        run = self.verify(self.contract(datasets, checks))
        return {check["id"]: check for check in run.json["reports"][0]["checks"]}

    CHECKS = {"rows": {"type": "row_count_parity", "dataset": "t", "equal": 30000},
              "good": {"type": "null_rate_ceiling", "dataset": "t", "columns": ["good"], "ceiling": 0, "counts": ["NULL"]},
              "bad": {"type": "null_rate_ceiling", "dataset": "t", "columns": ["bad"], "ceiling": 0, "counts": ["NULL"]}}

    def test_in_a_csv(self):
        # Further down than where types are detected.
        self.make("t.csv", "SELECT i AS good, CASE WHEN i = 29999 THEN 'oops' ELSE i::VARCHAR END AS bad FROM range(30000) r(i)")
        got = self.results({"t": "t.csv"}, self.CHECKS)
        self.assert_passed(got["rows"])
        self.assert_passed(got["good"])
        self.assert_error(got["bad"], "bad")
        # Also where it is to be read once and kept.
        more = {**self.CHECKS, "sql": {"type": "custom_sql", "datasets": ["t"], "query": "SELECT good FROM t WHERE good < 0"}}
        got = self.results({"t": "t.csv"}, more)
        self.assert_passed(got["good"])
        self.assert_passed(got["sql"])
        self.assert_error(got["bad"], "bad")

    def test_in_a_table_of_sqlite(self):
        self.make_sqlite("t.db", "CREATE TABLE t(good INTEGER, bad INTEGER)", "INSERT INTO t VALUES (1, 1), (2, 'oops')")
        checks = {**self.CHECKS, "rows": {**self.CHECKS["rows"], "equal": 2},
                  "sql": {"type": "custom_sql", "datasets": ["t"], "query": "SELECT good FROM t WHERE good < 0"},
                  "schema": {"type": "schema_match", "dataset": "t", "columns": {"good": "integer", "bad": "integer"}},
                  "keys": {"type": "key_alignment", "dataset": "t", "other": "t", "keys": ["bad"]}}
        got = self.results({"t": {"path": "t.db", "table": "t"}}, checks)
        self.assert_passed(got["rows"])
        self.assert_passed(got["good"])
        for name in ("bad", "sql", "schema", "keys"):
            self.assert_error(got[name], "row 2 of table t", "bad is BIGINT")

    def test_a_broken_file_fails_all(self):
        self.write("t.csv", "good,bad\n1,2\n3\n" + "1,2\n" * 100)
        for result in self.results({"t": "t.csv"}, self.CHECKS).values():
            self.assertEqual(result["status"], "error")

    def test_a_time_that_is_none_blames_the_unit(self):
        self.make("t.parquet", "SELECT 9223372036854775807::BIGINT AS at, 1 AS good")
        checks = {"fresh": {"type": "freshness", "dataset": "t", "column": "at", "unit": "s", "max_age": "1h"},
                  "good": {**self.CHECKS["good"]}}
        got = self.results({"t": "t.parquet"}, checks)
        self.assert_failed(got["fresh"], "is unit right?")
        self.assert_passed(got["good"])


class Shown(Bounds):
    def test_evidence_with_verbose(self):
        self.write("t.csv", "i\n1\n2\n")
        contract = self.contract({"t": "t.csv"}, {"one": {"type": "row_count_parity", "dataset": "t", "equal": 2}})
        plain = self.jobward("verify", contract).stdout.decode()
        more = self.jobward("verify", "--verbose", contract).stdout.decode()
        digest = hashlib.sha256(harness.read_bytes(self.path("t.csv"))).hexdigest()
        self.assertNotIn("DuckDB", plain)
        for words in ("DuckDB v", "SHA-256 " + digest, "2 rows", "contract SHA-256"):
            self.assertIn(words, more)


if __name__ == "__main__":
    harness.main()
