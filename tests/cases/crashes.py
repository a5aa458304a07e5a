"""Where a run can be killed: the points that the binary has (common/fault.h), and what is on record afterwards.

Shared by test_crash.py, where the process is killed there, and tests/vm/guest/power_cut.py, where the whole
machine is cut off. A run of which nothing is on record has started nothing.
"""

import contextlib
import os
import sqlite3

NOTHING = None  # on record
LOST, FAILED, OK = "supervisor_lost", "failed", "ok"

# {scenario: {point: what is on record of the run}}. Whoever adds a point to the binary must add it here.
POINTS = {
    # the job never gets as far
    "unrecorded": dict.fromkeys(("migrating", "place_announced", "lock_wanted", "lock_file_made", "lock_taken",
                                 "row_written"), NOTHING),
    "unstarted": dict.fromkeys(("row_committed", "half_made", "group_made", "spawning", "child_born"), LOST),
    # a job that goes on, with a child in a session of its own
    "going": dict.fromkeys(("child_ready", "spawned", "spawn_noted", "running"), LOST),
    # a job that has ended with 3, and left that child behind
    "ended": {**dict.fromkeys(("main_ended", "kill_sent", "drained", "directories_removed", "closing",
                               "close_written"), LOST),
              **dict.fromkeys(("closed", "on_end_wanted", "on_end_started", "result_wanted"), FAILED)},
    "queue": dict.fromkeys(("queued", "letting_in", "let_in"), LOST),
    "retry": dict.fromkeys(("retry_reserved", "retry_amended"), LOST),
    "detached": {**dict.fromkeys(("background_begun", "log_files_made", "sheltered"), NOTHING),
                 **dict.fromkeys(("spawn_noted", "reported"), LOST)},
    # the command that closes a lost run
    "reap": dict.fromkeys(("reap_locked", "kill_sent", "reap_killed", "reap_removed", "close_written", "closed"), LOST),
    "prune": {"pruning": OK, "pruned": NOTHING},
    "corrupt": {"setting_aside": NOTHING},
    # the command that learns many runs at once, after one that has ended
    "learn": dict.fromkeys(("relearning", "relearned", "importing"), OK),
}

HISTORY = "job,memory_bytes,wall_seconds\nalign,1000000000,10\n"

STRAY = 'setsid "$0" 1000 & '  # outlives the main process, which dies with its supervisor
JOBS = {"going": STRAY + "wait", "ended": STRAY + "exit 3", "reap": STRAY + "echo $! > left; wait"}


def points_in(binary):
    """The names that a binary has, none if it is a release."""
    with open(binary, "rb") as file:
        _, found, names = file.read().partition(b"jobward-fault-points\0")
    return names.partition(b"\0\0")[0].decode().split("\0") if found else []


def named():
    return {point for points in POINTS.values() for point in points}


def corrupt(database):
    """Makes a database one that is none, for good. Its log would heal it."""
    for name in ("-wal", "-shm"):
        os.unlink(database + name)
    with open(database, "w") as file:
        file.write("no database" * 1000)
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(os.path.dirname(database), os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def outdate(database):
    """What was learned is of a version that nobody has: the next estimate learns it anew."""
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
        connection.execute("UPDATE learning SET version=0, learned=0")
        connection.commit()


def learning_command(point, directory):
    """What reaches a point of "learn"."""
    if point != "importing":
        return ["estimate", "--", "true"]
    with open(f"{directory}/history.csv", "w") as file:
        file.write(HISTORY)
    return ["import", "csv", f"{directory}/history.csv"]


def integrity(database):
    """What SQLite finds wrong with a database: "ok", or a list of faults. Nothing is changed."""
    if not os.path.exists(database):
        return "ok"
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
        return "\n".join(row[0] for row in connection.execute("PRAGMA integrity_check"))
