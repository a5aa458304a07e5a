"""Leaves processes behind in the ways that usually escape, waits until all of them run, and exits 0.

    leave_behind.py DIRECTORY SLEEPER
"""

import os
import subprocess
import sys
import time

directory, sleeper = sys.argv[1:3]
sleep = 'echo $$ > "$0"; exec "$1" 1000'


def pid_file(name):
    return os.path.join(directory, name)


def double_fork():
    """A daemon as in the books: its parent is gone, its session is new."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve("/bin/sh", ["sh", "-c", sleep, pid_file("left-daemon"), sleeper], {})
        os._exit(0)


null = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
subprocess.Popen(["nohup", "env", "-i", "/bin/sh", "-c", sleep, pid_file("left-nohup"), sleeper], **null)
subprocess.Popen(["setsid", "/bin/sh", "-c", sleep, pid_file("left-setsid"), sleeper], **null)
subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP INT; " + sleep, pid_file("left-stubborn"), sleeper], **null)
double_fork()

names = ("left-nohup", "left-setsid", "left-stubborn", "left-daemon")
deadline = time.monotonic() + 10


def all_run():
    """Each has written its pid and become the sleeper."""
    for name in names:
        try:
            with open(pid_file(name)) as file:
                pid = file.read().strip()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if not file.read().startswith(sleeper.encode()):
                    return False
        except OSError:
            return False
    return True


while not all_run():
    if time.monotonic() > deadline:
        sys.exit("leave_behind.py: the processes did not start")
    time.sleep(0.02)
