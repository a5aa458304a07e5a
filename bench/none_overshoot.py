#!/usr/bin/env python3
"""How far a job overshoots a polled memory limit before it is killed, and how long that takes.

    bench/none_overshoot.py --binary build/release/bin/jobward [--rounds 5]

As an unprivileged user without cgroups, a job of 1, 100 and 1,000 processes fills memory at 1 GiB/s under a
limit of 256 MiB. The job itself notes when it crosses the limit; it is killed when its last note was written.
Everything runs in a memory cgroup of this script's own, of 2 GiB: its peak is the second witness. Needs root
(to make that cgroup) and cgroup v1's memory controller.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid

NOBODY = 65534
MIB = 1 << 20
LIMIT = 256 * MIB

# Chunks of 4 MiB at 1 GiB/s; each is noted, with the time, before the next.
FILLER = r"""
import mmap, os, sys, time
processes, limit, notes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for _ in range(processes - 1):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
time.sleep(1)  # the supervisor has seen them all
note = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
chunk, held, began = 4 << 20, [], time.monotonic()
while True:
    area = mmap.mmap(-1, chunk)
    for offset in range(0, chunk, 4096):
        area[offset] = 1
    held.append(area)
    filled = len(held) * chunk
    os.write(note, b"%d %.6f\n" % (filled, time.monotonic()))
    time.sleep(max(0, began + filled / (1 << 30) - time.monotonic()))
"""


@contextlib.contextmanager
def cage():
    """A memory cgroup of 2 GiB that nothing of ours can leave; removed at the end."""
    path = pathlib.Path(f"/sys/fs/cgroup/memory/jobward-bench-{uuid.uuid4().hex}")
    path.mkdir()
    try:
        (path / "memory.limit_in_bytes").write_text(str(2048 * MIB))
        yield path
    finally:
        path.rmdir()


def overshoot(binary, processes, directory):
    notes, result = directory / "notes", directory / "result.json"
    for path in (notes, result):
        path.unlink(missing_ok=True)
    with cage() as cgroup:
        def enter():
            (cgroup / "cgroup.procs").write_text("0")
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", binary, "run", "-q",
                   "--mem", str(LIMIT), "--result", result, "--", "/usr/bin/python3", "-c", FILLER,
                   str(processes), str(LIMIT), notes]
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory),
                       "JOBWARD_STATE_DIR": str(directory / "state")}
        subprocess.run(command, preexec_fn=enter, env=environment, cwd=directory, check=False, timeout=120,
                       stderr=subprocess.DEVNULL)
    ended = json.loads(result.read_text())
    if ended["outcome"] != "memory_limit" or ended["enforcement"]["memory"] != "polled":
        sys.exit(f"not what this measures: {ended['outcome']}, {ended['enforcement']}")
    written = [line.split() for line in notes.read_text().splitlines()]
    points = [(int(filled), float(at)) for filled, at in written]
    crossed = next((at for filled, at in points if filled >= LIMIT), points[-1][1])
    return points[-1][1] - crossed, points[-1][0] - LIMIT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        binary = shutil.copy(options.binary, directory / "jobward")
        directory.chmod(0o755)
        work = directory / "work"
        work.mkdir()
        shutil.chown(work, NOBODY, NOBODY)
        for processes in (1, 100, 1000):
            runs = [overshoot(binary, processes, work) for _ in range(options.rounds)]
            times = [1000 * late for late, _ in runs]
            print(f"{processes:5d} processes: killed {statistics.median(times):6.1f} ms after crossing the limit "
                  f"(largest {max(times):6.1f}), {max(over for _, over in runs) / MIB:4.0f} MiB over at most")


if __name__ == "__main__":
    main()
