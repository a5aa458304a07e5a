#!/usr/bin/env python3
"""The pipeline once clean, once with each defect, once with each trick; each must end as it should.

    run_all.py [SCENARIO...]     exit status 0: all of them did
"""

import contextlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import pipeline  # noqa: E402


class Wrong(Exception):
    """A scenario did not end as it should."""


def expect(what, actual, expected):
    if actual != expected:
        raise Wrong(f"{what} is {actual!r}, expected {expected!r}")


def halts(do, outcome, status, *words):
    """Do it: it must halt so, for a cause with these words in it. The cause."""
    try:
        do()
    except pipeline.Halted as halt:
        expect(f"the outcome of {halt.step} ({halt.cause})", (halt.outcome, halt.status), (outcome, status))
        for word in words:
            if word not in halt.cause:
                raise Wrong(f"the cause does not say {word!r}: {halt.cause}") from None
        print(f"    {halt.step} {outcome}, {status}: {halt.cause}")
        return halt.cause
    raise Wrong(f"nothing halted; expected {outcome} ({status})")


def replace(path, before, after):
    with open(path) as file:
        text = file.read()
    if before not in text:
        raise Wrong(f"{path} has no {before!r}")
    with open(path, "w") as file:
        file.write(text.replace(before, after))


def ledger_holds():
    return pipeline.jobward("ledger", "verify").returncode


# ---- the scenarios

def clean():
    pipeline.generate()
    pipeline.train()
    expect("the audit's exit status", pipeline.audit(), 0)
    result = pipeline.predict()
    expect("what was found at the end", [one["passed"] for one in result["findings"]], [True] * 3)
    expect("`ledger verify`", ledger_holds(), 0)


def defect(name, check):
    def scenario():
        halts(lambda: pipeline.generate("--defect", name), "verify_failed", 1, check)
        halts(pipeline.train, "refused", 77, check)
    return scenario


def downgrade():
    pipeline.generate()
    with contextlib.suppress(pipeline.Halted):
        pipeline.generate("--defect", "amounts_missing")
    replace("contracts/generated.toml", 'ceiling = "2%"', 'ceiling = "50%"')
    halts(pipeline.train, "refused", 77, "demands less than its baseline", "ceiling", "jobward approve ")
    # Renaming the contract, or calling it a warning, is the same.
    replace("contracts/generated.toml", 'id = "generated-data"', 'id = "generated-data-2"')
    halts(pipeline.train, "refused", 77, "demands less", "generated-data", "jobward approve ")


def cap():
    pipeline.generate()
    pipeline.train()
    halts(lambda: pipeline.train(limits=("--mem", "4G", "--time", "2m")), "refused", 77, "512", "jobward approve ")
    halts(lambda: pipeline.train(limits=("--no-limit", "--time", "2m")), "refused", 77, "--no-limit")
    halts(lambda: pipeline.train(options=()), "refused", 77, "--require")
    halts(lambda: pipeline.train("--steps=100000"), "refused", 77, "--steps=")
    pipeline.train()


def stub():
    pipeline.generate()
    with open("steps/train.py") as file:
        text = file.read()
    begin = text.index("def atomic_write")
    end = text.index("def checkpoint")
    with open("steps/train.py", "w") as file:
        file.write(text[:begin] + "def atomic_write(path, text):\n    pass\n\n\n" + text[end:])
    halts(pipeline.train, "refused", 77, "no-stubs", "steps/train.py:19 checkpoint")


def stamp():
    pipeline.generate()
    pipeline.train()
    with open("model/model.json", "w") as file:
        json.dump({"slope": -999, "offset": 0}, file)
    expect("the audit's exit status", pipeline.audit(), 1)
    halts(pipeline.predict, "refused", 77, "model-audit")
    flip_the_stamp()
    halts(pipeline.predict, "refused", 77, "model-audit", "not signed")
    expect("`ledger verify` after the flip", ledger_holds(), 1)


def flip_the_stamp():
    """As an agent would that owns the database: it takes the triggers out and turns the stamp's words round."""
    directory = os.environ["JOBWARD_STATE_DIR"]
    for name in os.listdir(directory):
        if not name.endswith((".db", ".sqlite")):
            continue
        with contextlib.closing(sqlite3.connect(os.path.join(directory, name))) as database:
            for trigger in ("ledger_keeps", "ledger_forgets_nothing"):
                database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            number, body = database.execute("SELECT seq, body FROM ledger WHERE kind = 'stamp' "
                                            "ORDER BY seq DESC LIMIT 1").fetchone()
            database.execute("UPDATE ledger SET body = ? WHERE seq = ?", (flipped(body), number))
            database.commit()


def flipped(body):
    import base64
    entry = json.loads(body)
    entry["passed"] = True
    details = json.loads(entry["details"])
    envelope = json.loads(details["envelope"])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["result"] = "PASSED"
    statement["predicate"]["jobward"].update(outcome="ok", exit=0)
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    details["envelope"] = json.dumps(envelope)
    entry["details"] = json.dumps(details)
    return json.dumps(entry)


SCENARIOS = {
    "clean": clean,
    "schema": defect("column_renamed", "customer-columns"),
    "rows": defect("rows_lost", "enough-orders"),
    "keys": defect("keys_shifted", "orders-of-known-customers"),
    "nulls": defect("amounts_missing", "amounts-are-there"),
    "downgrade": downgrade,
    "cap": cap,
    "stub": stub,
    "stamp": stamp,
}


@contextlib.contextmanager
def copy_of_its_own():
    """The pipeline and its records in a temporary directory, which becomes the working directory."""
    with tempfile.TemporaryDirectory(prefix="jobward-pipeline-") as scratch:
        project = os.path.join(scratch, "pipeline")
        shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("__pycache__"))
        os.mkdir(os.path.join(project, ".git"))  # makes it a project
        state = os.path.join(scratch, "state")
        os.mkdir(state, 0o700)
        os.environ["JOBWARD_STATE_DIR"] = state
        before = os.getcwd()
        os.chdir(project)
        try:
            yield
        finally:
            os.chdir(before)


def main():
    wanted = sys.argv[1:] or list(SCENARIOS)
    if unknown := [name for name in wanted if name not in SCENARIOS]:
        sys.exit(f"run_all.py: there is no scenario {unknown[0]}; there are {', '.join(SCENARIOS)}")
    if not shutil.which(pipeline.BINARY):
        sys.exit("run_all.py: there is no `jobward` on the PATH; set JOBWARD_BINARY, for instance to "
                 "build/release/bin/jobward")
    failed = 0
    for name in wanted:
        print(name, flush=True)
        try:
            with copy_of_its_own():
                SCENARIOS[name]()
            print("    as it should", flush=True)
        except (Wrong, pipeline.Halted) as problem:
            failed += 1
            print(f"    WRONG: {problem}", flush=True)
        except (OSError, ValueError, KeyError):
            failed += 1
            traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
