"""watchdog_service.py: `jobward watchdog install --systemd` under a real systemd, until `uninstall`.

Each step is what an operator relies on: it runs at once and after a stop of its process, kills the largest, reads its
configuration anew, keeps the old one where the new one is broken, and leaves nothing. Exit status 1, with a line for each fault.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

UNIT, NAME = Path("/etc/systemd/system/jobward-watchdog.service"), "jobward-watchdog"
CONFIG, STATE = Path("/etc/jobward/watchdog.conf"), Path("/var/lib/jobward/watchdog")
JOBWARD, HOG = "/ground/bin/jobward", "/ground/bin/bench-hog"
GUARDED = "/usr/local/bin/guarded-hog"
HARMLESS_MIB = 200  # the largest but for a hog that grows without end


class Fault(Exception):
    pass


def check(holds, what):
    print(("ok: " if holds else "FAULT: ") + what, flush=True)
    if not holds:
        raise Fault(what)


def run(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            check(False, f"{what}, within {seconds} s")
        time.sleep(0.05)
    check(True, what)
    return found


def property_of(name):
    return run("systemctl", "show", "--value", "-p", name, NAME).stdout.strip()


def main_pid():
    return int(property_of("MainPID"))


def events(name):
    """Of the journal, whose file ends in zeros."""
    lines = (STATE / "journal").read_bytes().split(b"\n")[:-1] if (STATE / "journal").exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == name]


HOGS = []


def hog(program, *options):
    HOGS.append(subprocess.Popen([program, *map(str, options)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL))
    return HOGS[-1]


def configure(text):
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(text)
    CONFIG.chmod(0o600)


def installed():
    refused = run(JOBWARD, "watchdog", "install", "--systemd")
    check(refused.returncode == 2 and not UNIT.exists(), "without a terminal and --yes nothing is written")
    done = run(JOBWARD, "watchdog", "install", "--systemd", "--yes")
    check(done.returncode == 0, f"install --systemd: {done.stdout[-200:]} {done.stderr}")
    check(UNIT.read_text() in done.stdout, "the unit is shown as it was written")
    wait_for(lambda: property_of("ActiveState") == "active" and main_pid(), 30, "systemd runs it")
    check(property_of("UnitFileState") == "enabled", "it starts with the machine")
    pid = main_pid()
    check(Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "-1000", "its oom_score_adj is -1000")
    check(os.getpriority(os.PRIO_PROCESS, pid) == -20, "its priority is -20")
    status = Path(f"/proc/{pid}/status").read_text()
    check("VmLck:\t       0 kB" not in status, "it is locked in memory")
    check(run(JOBWARD, "watchdog", "status").returncode == 0, "status says that it runs")
    again = run(JOBWARD, "watchdog", "install", "--systemd", "--yes")
    check(again.returncode == 0 and main_pid() == pid, "installed twice it is the same")


def kills_the_largest():
    harmless = hog(HOG, "--mib", HARMLESS_MIB)
    wild = hog(HOG, "--rate", 300)
    wait_for(lambda: wild.poll() is not None, 120, "a hog that grows without end is ended")
    check(wild.returncode in (-signal.SIGTERM, -signal.SIGKILL), f"by a signal ({wild.returncode})")
    wait_for(lambda: events("outcome"), 30, "the outcome is in the journal")
    check(events("outcome")[-1]["verified"], "the memory came back")
    check([kill["victim"]["pid"] for kill in events("kill")] == [wild.pid], "nobody else was chosen")
    check(harmless.poll() is None, "a harmless one lives")
    harmless.kill()
    harmless.wait()
    told = [event for event in json.loads(run(JOBWARD, "history", "--watchdog", "--json").stdout)["events"]
            if event["event"] == "kill"]
    check([kill["victim"]["pid"] for kill in told] == [wild.pid], "history --watchdog tells of it")


def reads_its_configuration():
    Path(GUARDED).write_bytes(Path(HOG).read_bytes())
    Path(GUARDED).chmod(0o755)
    pid = main_pid()
    configure(f"protect = exe:{GUARDED}\n")
    check(run("systemctl", "reload", NAME).returncode == 0, "systemctl reload")
    wait_for(lambda: len(events("reload")) == 1, 30, "it read the configuration")
    configure("protect = exe:\nno_such_key = 1\n")
    run("systemctl", "reload", NAME)
    wait_for(lambda: len(events("reload")) == 2, 30, "it read the broken one")
    refused = events("reload")[-1]
    check(refused["severity"] == "WARN" and f"{CONFIG}:1" in refused["message"], f"and says where: {refused['message']}")
    guarded = hog(GUARDED, "--mib", 600)  # what is left for the other is less
    wild = hog(HOG, "--rate", 300)
    wait_for(lambda: wild.poll() is not None, 120, "the unprotected one is ended, by the old configuration")
    check(guarded.poll() is None, "the protected one lives")
    kill = events("kill")[-1]
    spared = next(one for one in kill["candidates"] if one["pid"] == guarded.pid)
    check(kill["victim"]["pid"] == wild.pid and spared["size_bytes"] > kill["victim"]["size_bytes"], "though it is larger")
    check(GUARDED in spared["why"], f"because of the rule: {spared['why']}")
    guarded.kill()
    guarded.wait()
    check(main_pid() == pid, "it is the same process still")


def comes_back():
    pid = main_pid()
    CONFIG.unlink()
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: main_pid() not in (0, pid), 90, "systemd starts one anew in place of one that is stopped")
    wait_for(lambda: property_of("ActiveState") == "active", 30, "and it is ready")
    pid = main_pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: main_pid() not in (0, pid), 30, "and in place of one that was killed")
    wait_for(lambda: property_of("ActiveState") == "active", 30, "and it is ready")


def uninstalled():
    pid = main_pid()
    done = run(JOBWARD, "watchdog", "uninstall", "--yes")
    check(done.returncode == 0, f"uninstall: {done.stderr}")
    check(not UNIT.exists() and not Path(f"/proc/{pid}").exists(), "neither unit nor process is left")
    check(run(JOBWARD, "watchdog", "status").returncode == 1, "status says that it does not run")
    check(events("kill") and run(JOBWARD, "history", "--watchdog").stdout.count("ended ") == 2, "what it did stays on record")


def main():
    try:
        for step in (installed, kills_the_largest, reads_its_configuration, comes_back, uninstalled):
            print(f"-- {step.__name__}", flush=True)
            step()
    except Fault:
        print(run("journalctl", "-n", "40", "--no-pager", "-u", NAME).stdout)
        print(run(JOBWARD, "history", "--watchdog", "--all").stdout[-4000:])
        return 1
    finally:
        for process in HOGS:
            process.kill()
    print("installed, used, uninstalled: as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
