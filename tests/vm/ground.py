#!/usr/bin/python3
"""Test grounds in virtual machines: README.md beside this file says what they are.

    ground.py run GROUND --binary PATH --tests DIR --out DIR   boots once, runs all tests of the ground
    ground.py check OUT VARIANT TEST_ID                        shows one test's log; 0 only if it passed
    ground.py exec GROUND --script FILE [--binary PATH]        boots, runs a script as root; its exit status
    ground.py cut GROUND --binary PATH --tests DIR             cuts the power of runs that are held, boots again, checks
    ground.py cut GROUND --what watchdog --extra …             the same in the middle of a watchdog's action
    ground.py shell GROUND [--binary PATH]                     boots, with a root shell on this terminal

A ground is `small` or `systemd`. Exit status 125: the ground could not be built or booted, or broke down.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays clean
from host import cache, forgetful_disk, initramfs, machine, payload, results, system_image
from host.cache import GroundError

GROUNDS = {"small": ("unified", "delegated"), "systemd": ("scope", "system")}
BOOT_SECONDS = 120
GUEST_TESTS = "/ground/tests/cases"
HELD = "ALL HELD"  # these say so
CUTS = {"runs": "power_cut.py", "watchdog": "watchdog_cut.py"}
BROKEN = 125
MACHINES = 3  # one after the other, for one set of tests


def time_factor():
    """How much slower than ours this machine may be: all bounds are multiplied by it."""
    text = os.environ.get("JOBWARD_VM_TIME_FACTOR", "1")
    try:
        return max(float(text), 0.1)
    except ValueError:
        raise GroundError(f"JOBWARD_VM_TIME_FACTOR must be a number, not {text!r}") from None


@contextlib.contextmanager
def working_directory():
    """A temporary directory; the lock on it tells that it is in use. Removes those whose owner was killed."""
    for old in Path(tempfile.gettempdir()).glob("jobward-vm-*"):
        with contextlib.suppress(OSError):  # another's, or in use
            descriptor = os.open(old, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if time.time() - old.stat().st_mtime > 3600:  # none that was just made and is not locked yet
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(old)
            finally:
                os.close(descriptor)
    with tempfile.TemporaryDirectory(prefix="jobward-vm-") as directory:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(directory)
        finally:
            os.close(descriptor)


def make_payload(args, directory, mode, trees=(), **manifest):
    """The disk with everything that this run brings along."""
    path = directory / "payload.tar"
    made = payload.Payload(path, args.ground)
    if args.binary:
        made.program("jobward", args.binary)
        watchdog = Path(os.environ.get("JOBWARD_WATCHDOG_BINARY") or Path(args.binary).parent / "jobward-watchdog")
        if watchdog.exists():  # where it was not built, its cases fail and say so
            made.program("jobward-watchdog", watchdog)
    for name, program in args.extra:
        made.program(name, program)
    for source, destination in [*args.put, *trees]:
        made.tree(source, destination)
    made.close({"ground": args.ground, "mode": mode, **manifest})
    return path


@contextlib.contextmanager
def booted(ground, directory, payload_path, console=False, scratch=None, flavour="systemd",
           memory_mib=machine.MEMORY_MIB):
    """The ground, booting; with these scratch disks, or new ones. `flavour`: which image the systemd ground has."""
    cache.need_tools(machine.TOOLS)
    kernel = cache.kernel()
    image = directory / "initramfs.cpio"
    disks = [machine.Disk("payload", payload_path, False), *(scratch or machine.scratch_disks(directory))]
    arguments = ""
    if ground == "small":
        initramfs.write_small(image, kernel)
    else:
        initramfs.write_boot(image, kernel)
        disks.append(machine.Disk("root", system_image.cached(flavour), True))
        arguments = f"ground.root=root {system_image.KERNEL_ARGUMENTS}"
    with machine.Machine(directory, kernel / "vmlinuz", image, disks, arguments, console, memory_mib) as running:
        yield running


def list_tests(args):
    """{variant: [test id]}, asked of the tests themselves."""
    runner = Path(args.tests) / "run.py"
    if not runner.is_file():
        raise GroundError(f"no {runner}: --tests must name the directory with the tests")
    tests = {}
    for variant in args.variant or GROUNDS[args.ground]:
        tier = ["--tier", args.tier] if args.tier else []
        listed = cache.run([sys.executable, "-B", runner, "--list", variant, *tier], "the tests could not be listed")
        tests[variant] = [name for name in listed.split() if re.search(args.only, name)]
        if not tests[variant] and not args.only and args.tier != "full":
            raise GroundError(f"no tests for {variant}: see {runner} --list {variant}")
    return tests


def command_run(args):
    """A machine that breaks down fails the test that ran then; another machine runs those that are left."""
    started = time.monotonic()
    tests = list_tests(args)
    kept = results.Results(args.out, tests)
    for machines_left in reversed(range(MACHINES)):
        try:
            run_in_a_machine(args, kept.left(tests), kept)
            break
        except GroundError as error:
            if not kept.broke_down(str(error)) or not machines_left:
                raise
            print(f"{args.ground}: {error}\n{args.ground}: once more, for the tests that are left", flush=True)
    if missing := kept.missing():
        raise GroundError("the machine ran to its end, but nothing was told of:\n" + "\n".join(missing))
    counts = ", ".join(f"{count} {status}" for status, count in kept.counts.items() if count)
    print(f"{args.ground}: {counts}; {time.monotonic() - started:.1f} s in all; logs in {args.out}")
    return 1 if args.strict and kept.counts["PASS"] < sum(map(len, tests.values())) else 0


def run_in_a_machine(args, tests, kept):
    factor, started = time_factor(), time.monotonic()
    test_seconds, total_seconds = args.test_seconds * factor, args.total_seconds * factor
    with working_directory() as directory:
        disk = make_payload(args, directory, "tests", [(args.tests, GUEST_TESTS)], variants=tests, environment=dict(args.env),
                            test_seconds=test_seconds, total_seconds=total_seconds)
        with booted(args.ground, directory, disk) as running:
            print(f"{args.ground}: built in {running.started - started:.1f} s", flush=True)
            boot = BOOT_SECONDS * factor
            follow_tests(running, kept, (boot, test_seconds + 60, total_seconds + boot + 60), args.out)


def follow_tests(running, kept, bounds, out):
    """Writes and shows the results as they come. A machine that breaks down leaves its console there."""
    try:
        for message in running.messages(*bounds):
            if message["kind"] == "ready":
                print(f"booted in {time.monotonic() - running.started:.1f} s", flush=True)
            elif line := kept.take(message):
                print(line, flush=True)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(running.console_log, Path(out) / "console.log")


def command_exec(args):
    factor = time_factor()
    seconds, boot, status = args.seconds * factor, BOOT_SECONDS * factor, None
    with working_directory() as directory:
        disk = make_payload(args, directory, "script", [(args.script, "/ground/script")],
                            script="/ground/script", environment=dict(args.env), total_seconds=seconds)
        with booted(args.ground, directory, disk) as running:
            for message in running.messages(boot, seconds + 30, seconds + boot + 60):
                if message["kind"] == "output":
                    sys.stdout.buffer.write(message["text"].encode(errors="surrogateescape"))
                    sys.stdout.buffer.flush()
                elif message["kind"] == "exit":
                    status = message["status"]
    return status


def power_cut_payload(args, directory, stage, seconds):
    script = directory / "script.sh"
    what = CUTS[args.what]
    script.write_text(f"exec /usr/bin/python3 -B /ground/{what} {stage}\n")
    trees = [(initramfs.GUEST / what, f"/ground/{what}"), (script, "/ground/script")]
    if args.tests:
        trees.append((args.tests, GUEST_TESTS))
    return make_payload(args, directory, "script", trees, script="/ground/script", total_seconds=seconds)


def hear(running, bounds):
    """What the script in there says, a line at a time; at its end its exit status."""
    pending = ""
    for message in running.messages(*bounds):
        pending += message.get("text", "")
        *lines, pending = pending.split("\n")
        yield from lines
        if message["kind"] == "exit":
            yield message["status"]


def command_cut(args):
    """Two boots on one disk. Between them qemu is killed, and what was not flushed is lost."""
    if args.what == "runs" and not args.tests:
        raise GroundError("the runs that are cut come with --tests")
    factor = time_factor()
    bounds = BOOT_SECONDS * factor, 150 * factor, (BOOT_SECONDS + 180) * factor
    with working_directory() as directory:
        disk, swap = machine.scratch_disks(directory)
        payload_path = power_cut_payload(args, directory, "hold", 180 * factor)
        with forgetful_disk.ForgetfulDisk(disk.path, directory / "disk.socket") as served:
            forgetful = machine.Disk("disk", served.url, False, True)
            with booted(args.ground, directory, payload_path, scratch=[forgetful, swap]) as running:
                for line in hear(running, bounds):
                    print(line, flush=True)
                    if str(line).startswith(HELD):
                        break
                else:
                    raise GroundError("nothing was held")
            seconds, lost = time.monotonic() - running.started, served.lost_bytes()
        print(f"cut after {seconds:.1f} s: {lost >> 10} KiB that were not flushed are lost, "
              f"after {served.flushes} flushes", flush=True)
        if not served.flushes:
            raise GroundError("nothing was ever flushed: this disk proves nothing")
        payload_path = power_cut_payload(args, directory, "check", 180 * factor)
        with booted(args.ground, directory, payload_path, scratch=[disk, swap]) as running:
            for line in hear(running, bounds):
                print(line, flush=True)
            print(f"checked in {time.monotonic() - running.started:.1f} s")
            return int(line)


def command_shell(args):
    if not sys.stdin.isatty():
        raise GroundError("a shell needs a terminal; for a script there is: ground.py exec")
    with working_directory() as directory:
        disk = make_payload(args, directory, "shell")
        with booted(args.ground, directory, disk, console=True) as running:
            print("`exit` ends the machine, Ctrl-A x kills it; `user-run COMMAND` runs it as uid 1000")
            return running.process.wait()


def command_check(args):
    return results.check(args.out, args.variant, args.test)


def pair(separator):
    """For argparse: two words, or a plain message that they are not two."""
    def split(text):
        first, found, second = text.partition(separator)
        if not (first and found and second):
            raise argparse.ArgumentTypeError(f"{text!r} has no two sides of a {separator!r}")
        return first, second
    return split


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("ground", choices=GROUNDS)
    common.add_argument("--binary", help="jobward, at /ground/bin/jobward inside")
    common.add_argument("--extra", action="append", default=[], type=pair("="), metavar="NAME=PATH",
                        help="one more program with its libraries, at /ground/bin/NAME inside")
    common.add_argument("--put", action="append", default=[], type=pair(":"), metavar="SOURCE:DESTINATION",
                        help="a file or directory, at an absolute path inside")

    run = commands.add_parser("run", parents=[common], help="run all tests of a ground")
    run.add_argument("--tests", required=True, help="the directory with run.py")
    run.add_argument("--out", required=True, help="the directory for the logs")
    run.add_argument("--variant", action="append", choices=sum(GROUNDS.values(), ()))
    run.add_argument("--only", default="", metavar="PATTERN", help="only tests in whose id this matches")
    run.add_argument("--tier", choices=("ci", "full"), help="only those that are run to land, or only the others")
    run.add_argument("--test-seconds", type=float, default=150, help="bound of one test (150)")
    run.add_argument("--total-seconds", type=float, default=1200, help="bound of all tests (1200)")
    run.add_argument("--env", action="append", default=[], type=pair("="), metavar="NAME=VALUE",
                     help="in the environment of the tests")
    run.add_argument("--strict", action="store_true", help="exit status 1 if a test has not passed")
    run.set_defaults(command=command_run)

    script = commands.add_parser("exec", parents=[common], help="run a script")
    script.add_argument("--script", required=True)
    script.add_argument("--env", action="append", default=[], type=pair("="), metavar="NAME=VALUE",
                        help="in the environment of the script")
    script.add_argument("--seconds", type=float, default=600, help="bound of the script (600); 124 then")
    script.set_defaults(command=command_exec)

    cut = commands.add_parser("cut", parents=[common], help="cut the power of runs that are held")
    cut.add_argument("--what", choices=CUTS, default="runs", help="watchdog: needs --extra of jobward-watchdog and bench-hog")
    cut.add_argument("--tests", help="the directory with crashes.py, for the runs")
    cut.set_defaults(command=command_cut)

    shell = commands.add_parser("shell", parents=[common], help="a root shell inside")
    shell.set_defaults(command=command_shell)

    check = commands.add_parser("check", help="the result of one test")
    check.add_argument("out")
    check.add_argument("variant")
    check.add_argument("test")
    check.set_defaults(command=command_check)
    return parser.parse_args()


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):  # as exceptions, so that everything is put away
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    args = parse_arguments()
    try:
        return args.command(args)
    except BrokenPipeError:  # who reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except (GroundError, OSError) as error:
        sys.stdout.flush()
        print(f"ground.py: {error}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
