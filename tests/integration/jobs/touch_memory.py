"""Touches so much memory, holds it, gives it back, stays a while.

    touch_memory.py MIB [--hold S] [--valley S] [--total S] [--huge] [--shared]

--total: hold until so long after the start. Refuses to fill memory outside a cgroup with a finite limit
of at most 2 GiB, so that a launcher that forgot its limit cannot hurt the machine.
"""

import argparse
import mmap
import sys
import time

START = time.monotonic()
MIB = 1 << 20


def tightest_limit():
    tightest = 1 << 62
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.strip().split(":", 2)
            if "memory" in controllers.split(","):
                top, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
            elif not controllers:
                top, name = "/sys/fs/cgroup", "memory.max"
            else:
                continue
            parts = [part for part in path.split("/") if part]
            for depth in range(len(parts) + 1):
                try:
                    with open("/".join([top, *parts[:depth], name])) as limit:
                        text = limit.read().strip()
                except OSError:
                    continue
                if text.isdigit():
                    tightest = min(tightest, int(text))
    return tightest


options = argparse.ArgumentParser()
options.add_argument("mib", type=int)
options.add_argument("--hold", type=float, default=0)
options.add_argument("--total", type=float, default=0)
options.add_argument("--valley", type=float, default=0)
options.add_argument("--huge", action="store_true")
options.add_argument("--shared", action="store_true")
options = options.parse_args()

if tightest_limit() > 2048 * MIB:
    sys.exit("touch_memory.py: refusing to fill memory without a cgroup limit of at most 2 GiB")

size = options.mib * MIB
area = mmap.mmap(-1, size, flags=(mmap.MAP_SHARED if options.shared else mmap.MAP_PRIVATE) | mmap.MAP_ANONYMOUS)
if options.huge:
    area.madvise(14)  # MADV_HUGEPAGE: fast enough for a job of 200 ms
for offset in range(0, size, mmap.PAGESIZE):
    area[offset] = 1
time.sleep(max(options.hold, options.total - (time.monotonic() - START), 0))
area.close()
time.sleep(options.valley)
