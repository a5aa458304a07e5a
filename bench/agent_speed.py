#!/usr/bin/env python3
"""What agents wait for: a hook on a light and on a heavy command, the server's first answer, preflight, 1,000 calls at once.

    bench/agent_speed.py [--binary build/release/bin/jobward] [--rounds 200] [--runs 100000 --fill build/bench/bin/jobward_fill_store]

Goals: hook on a light command at most 10 ms (whole process), first answer at most 20 ms, preflight at most 2 ms (p99 5 ms with
100,000 runs stored), RSS at most 15 MiB. Times are of this machine; `true` is /bin/true started in the same way.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MS = 1000
TRAIN = ["python3", "examples/train.py", "--epochs", "3"]


class Server:
    def __init__(self, binary, environment):
        self.begun = time.perf_counter()
        self.process = subprocess.Popen([binary, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.next = 0

    def send(self, method, params):
        self.next += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        return self.next

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, method, params):
        self.send(method, params)
        return self.answer()

    def call(self, tool, arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def initialize(self):
        return self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                       "clientInfo": {"name": "bench", "version": "1"}})

    def rss_kib(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        return None

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def spread(name, values):
    values = sorted(values)
    at = lambda share: values[min(len(values) - 1, int(len(values) * share))] * MS
    print(f"{name:34} median {at(0.5):7.2f} ms   p99 {at(0.99):7.2f} ms   ({len(values)} times)")
    return at(0.5)


def timed(command, text, environment):
    begun = time.perf_counter()
    subprocess.run(command, input=text, stdout=subprocess.DEVNULL, env=environment, check=True)
    return time.perf_counter() - begun


def hooks(binary, environment, rounds):
    for name, command in (("hook, light command", "git status --short"), ("hook, heavy command", "make -j8")):
        event = json.dumps({"session_id": "s", "cwd": str(ROOT), "hook_event_name": "PreToolUse", "tool_name": "Bash",
                            "tool_use_id": "t", "tool_input": {"command": command}}).encode()
        hook, bare = [], []
        for _ in range(rounds):
            bare.append(timed(["/bin/true"], event, environment))
            hook.append(timed([binary, "hook", "claude-code"], event, environment))
        spread(name, hook)
        spread("  /bin/true beside it", bare)


def first_answers(binary, environment, rounds):
    taken = []
    for _ in range(rounds):
        server = Server(binary, environment)
        server.initialize()
        taken.append(time.perf_counter() - server.begun)
        server.close()
    spread("mcp, start to first answer", taken)


def calls(binary, environment, rounds):
    server = Server(binary, environment)
    server.initialize()
    arguments = {"command": TRAIN, "cwd": str(ROOT)}
    server.call("preflight", arguments)
    for tool, given in (("preflight", arguments), ("list_jobs", {}), ("machine_status", {})):
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            answer = server.call(tool, given)
            taken.append(time.perf_counter() - begun)
            assert not answer["result"]["isError"], answer
        spread(f"mcp, {tool}", taken)
    begun = time.perf_counter()
    for _ in range(1000):
        server.send("tools/call", {"name": "wait_job", "arguments": {"job": "no-such-job"}})
    ids = {server.answer()["id"] for _ in range(1000)}
    print(f"{'mcp, 1,000 calls sent at once':34} {(time.perf_counter() - begun) * MS:.0f} ms, {len(ids)} answers")
    print(f"{'mcp, RSS at its peak':34} {server.rss_kib()} KiB")
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bin/jobward"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--runs", type=int, default=0, help="so many runs on record (needs --fill)")
    parser.add_argument("--fill", help="the program fill_store of the preset bench")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobward-bench-") as directory:
        environment = {**os.environ, "JOBWARD_STATE_DIR": directory}
        if options.runs:
            if not options.fill:
                sys.exit("--runs needs --fill: cmake --build --preset bench --target jobward_fill_store")
            subprocess.run([options.fill, str(options.runs), directory, *TRAIN], check=True, cwd=ROOT)
        hooks(options.binary, environment, options.rounds)
        first_answers(options.binary, environment, options.rounds)
        calls(options.binary, environment, options.rounds)


if __name__ == "__main__":
    main()
