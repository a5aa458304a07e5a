#!/usr/bin/env python3
"""What `jobward verify` costs against the plainest SQL for the same question in the same engine.

    bench/verify_speed.py [--rows 10000000] [--rounds 5] [--binary build/release/bin/jobward] [--duckdb libduckdb.so]

Makes ROWS x 5 columns as Parquet and CSV in a temporary directory, with DuckDB. Each check is a process of its own, from start
to result; its plain SQL too: a process that loads the library, opens a database with the same settings, runs the query and ends
(its own clock, without Python's start). In turns, the median of the rounds. Only the ratios mean anything.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
from duckdb_engine import Engine  # noqa: E402

PLAIN = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
begin = time.perf_counter()
from duckdb_engine import Engine
engine = Engine(sys.argv[2], json.loads(sys.argv[3]))
engine.rows(sys.argv[4])
print(time.perf_counter() - begin)
"""


def reader(path):
    return f"read_parquet('{path}')" if path.endswith(".parquet") else f"read_csv('{path}', header = true)"


def cases(kind, rows):
    """(name, checks of the contract, the plainest SQL; {t} and {o} are the two tables)."""
    typed = "SELECT count(id), count(a), count(b), count(c) FROM {t}" if kind == "csv" else "DESCRIBE SELECT * FROM {t}"
    null = lambda column: {"type": "null_rate_ceiling", "columns": [column], "ceiling": 0.5, "counts": ["NULL"]}
    yield "schema_match", [{"type": "schema_match", "extra": "allow",
                            "columns": {"id": "integer", "a": "integer", "b": "float", "c": "text"}}], typed
    yield "row_count_parity", [{"type": "row_count_parity", "equal": rows}], "SELECT count(*) FROM {t}"
    yield "key_alignment", [{"type": "key_alignment", "other": "o", "keys": ["id"]}], (
        "SELECT (SELECT count(*) FROM {t} ANTI JOIN {o} USING (id)), (SELECT count(*) FROM {o} ANTI JOIN {t} USING (id)), "
        "(SELECT count(*) - count(DISTINCT id) FROM {t}), (SELECT count(*) - count(DISTINCT id) FROM {o})")
    yield "null_rate_ceiling", [null("a")], "SELECT count(*) FILTER (WHERE a IS NULL) / count(*) FROM {t}"
    yield "unique", [{"type": "unique", "columns": ["id"]}], "SELECT count(*) - count(DISTINCT id) FROM {t}"
    yield "value_range", [{"type": "value_range", "columns": ["a"], "min": 0, "max": 1000}], "SELECT min(a), max(a) FROM {t}"
    yield "allowed_values", [{"type": "allowed_values", "columns": ["c"], "values": [f"name{i}" for i in range(100)]}], (
        "SELECT count(*) FILTER (WHERE c NOT IN (" + ", ".join(f"'name{i}'" for i in range(100)) + ")) FROM {t}")
    yield "freshness", [{"type": "freshness", "column": "ts", "timezone": "UTC", "max_age": "100000d"}], "SELECT max(ts) FROM {t}"
    yield "custom_sql", [{"type": "custom_sql", "datasets": ["t"], "query": "SELECT * FROM t WHERE b > 2"}], "SELECT * FROM {t} WHERE b > 2"
    yield "null_rate_ceiling x 5", [null(column) for column in ("id", "a", "b", "c", "ts")], None


def contract(directory, name, kind, checks):
    document = {"id": "bench", "datasets": {"t": {"path": f"t.{kind}"}, "o": {"path": f"o.{kind}"}}, "checks": {}}
    for number, check in enumerate(checks):
        where = {} if check["type"] == "custom_sql" else {"dataset": "t"}
        document["checks"][str(number)] = {"severity": "HARD_FAIL", **where, **check}
    path = os.path.join(directory, f"{name.replace(' ', '_')}-{kind}.json")
    with open(path, "w") as file:
        json.dump(document, file)
    return path


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.env = {**os.environ, "JOBWARD_DUCKDB": options.duckdb, "TMPDIR": directory}
        # A check reads the data; by default the engine answers some questions from what Parquet files say of themselves.
        self.settings = {"threads": options.threads}
        if not options.trust_statistics:
            self.settings["disabled_optimizers"] = "statistics_propagation"

    def verify(self, path, *more):
        """Seconds, and the peak of the process in bytes."""
        begin = time.perf_counter()
        # A state of its own: no contract is to be held against another as its baseline.
        env = {**self.env, "JOBWARD_STATE_DIR": f"{path}.state"}
        process = subprocess.Popen([self.options.binary, "verify", "--threads", str(self.options.threads), *more, path],
                                   env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        if process.returncode != 0:
            raise SystemExit(f"{path} does not pass: {output.decode()}")
        return seconds, usage.ru_maxrss * 1024

    def plain(self, sql):
        run = subprocess.run([sys.executable, "-I", "-c", PLAIN, str(ROOT / "tests/support"), self.options.duckdb,
                              json.dumps(self.settings), sql], capture_output=True, text=True)
        if run.returncode != 0:
            raise SystemExit(f"{sql}: {run.stderr}")
        return float(run.stdout)

    def make(self):
        rows = self.options.rows
        engine = Engine(self.options.duckdb, self.settings)
        select = (f"SELECT i AS id, CASE WHEN i % 1000 = 0 THEN NULL ELSE i % 100 END AS a, random() AS b, 'name' || (i % 100) AS c, "
                  f"TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS ts FROM range({rows}) r(i)")
        for name in ("t", "o"):
            engine.rows(f"COPY ({select}) TO '{self.directory}/{name}.parquet' (FORMAT parquet)")
            engine.rows(f"COPY (FROM '{self.directory}/{name}.parquet') TO '{self.directory}/{name}.csv' (HEADER)")
        engine.rows(f"COPY (SELECT 1 AS id) TO '{self.directory}/tiny.csv' (HEADER)")
        engine.close()

    def compare(self):
        print(f"{'check':24} {'format':8} {'verify':>9} {'plain SQL':>9} {'ratio':>6}")
        for kind in ("parquet", "csv"):
            one_ceiling = None
            for name, checks, sql in cases(kind, self.options.rows):
                path = contract(self.directory, name, kind, checks)
                ours, plain = [], []
                for _ in range(self.options.rounds):
                    ours.append(self.verify(path)[0])
                    if sql:
                        tables = {key: reader(f"{self.directory}/{key}.{kind}") for key in ("t", "o")}
                        plain.append(self.plain(sql.format(**tables)))
                mine = statistics.median(ours)
                if name == "null_rate_ceiling":
                    one_ceiling = mine
                against = statistics.median(plain) if plain else one_ceiling
                print(f"{name:24} {kind:8} {mine:8.3f}s {against:8.3f}s {mine / against:6.2f}"
                      + ("" if plain else "  (against one ceiling)"), flush=True)

    def tiny(self):
        document = {"id": "tiny", "datasets": {"t": {"path": "tiny.csv"}},
                    "checks": {"rows": {"type": "row_count_parity", "severity": "HARD_FAIL", "dataset": "t", "equal": 1}}}
        path = os.path.join(self.directory, "tiny.json")
        with open(path, "w") as file:
            json.dump(document, file)
        seconds = [self.verify(path)[0] for _ in range(max(self.options.rounds, 10))]
        print(f"start to result, one row: median {statistics.median(seconds) * 1000:.1f} ms, best {min(seconds) * 1000:.1f} ms")

    def memory(self):
        for kind in ("parquet", "csv"):
            for name, checks, _ in cases(kind, self.options.rows):
                if name not in ("key_alignment", "unique"):
                    continue
                path = contract(self.directory, name, kind, checks)
                for cap in ("256M", "512M", "1G"):
                    peak = self.verify(path, "--memory", cap)[1]
                    allowed = int(cap[:-1]) * (1 << (20 if cap[-1] == "M" else 30))
                    print(f"peak of {name} on {kind} under --memory {cap}: {peak / (1 << 20):.0f} MiB"
                          + ("" if peak <= allowed else "  ABOVE THE CAP"), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bin/jobward"))
    parser.add_argument("--duckdb", default="/usr/local/lib/jobward/libduckdb.so")
    parser.add_argument("--trust-statistics", action="store_true", help="the plain SQL may answer from statistics of Parquet files")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="jobward-verify-bench-")
    try:
        bench = Bench(options, directory)
        bench.make()
        bench.tiny()
        bench.compare()
        bench.memory()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
