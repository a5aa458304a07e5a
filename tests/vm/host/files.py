"""Which files a program needs beside itself, and the archive format that the kernel reads."""

import os
import re
import stat
import subprocess
from pathlib import Path


def libraries(programs):
    """{path inside: path here} of all shared libraries that these ELF files need, the loader included.

    Paths inside keep the name that the program asks for, in the real directory (/lib is a link to /usr/lib).
    """
    found = {}
    output = subprocess.run(["ldd", *map(str, programs)], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL).stdout  # fails for static programs, which need nothing
    for line in output.splitlines():
        if line.endswith("not found"):
            raise FileNotFoundError(f"shared library: {line.strip()}")
        match = re.search(r"(/\S+) \(0x", line)
        if match:
            path = Path(match[1])
            found[str(path.parent.resolve() / path.name)] = path.resolve()
    return found


class Cpio:
    """Writes an initramfs (cpio, format newc). Our own, because device nodes then need no root."""

    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._directories = {""}

    def directory(self, path, mode=0o755, owner=0):
        path = path.strip("/")
        if path not in self._directories:
            self.directory(os.path.dirname(path))
            self._directories.add(path)
            self._entry(path, stat.S_IFDIR | mode, owner=owner)

    def symlink(self, path, target):
        self._entry(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path, mode, major, minor):
        self._entry(path, stat.S_IFCHR | mode, device=(major, minor))

    def text(self, path, content, mode=0o644):
        self._entry(path, stat.S_IFREG | mode, content.encode())

    def copy(self, path, source):
        status = os.stat(source)
        # The time is kept: a compiled Python module is only used beside a source as old as it says.
        self._entry(path, stat.S_IFREG | (status.st_mode & 0o755), Path(source).read_bytes(),
                    time=int(status.st_mtime))

    def close(self):
        self._entry("TRAILER!!!", 0)

    def _entry(self, path, mode, content=b"", time=0, device=(0, 0), owner=0):
        path = path.strip("/")
        self.directory(os.path.dirname(path)) if mode else None
        self._inode += 1
        name = os.fsencode(path) + b"\0"
        fields = (self._inode, mode, owner, owner, 1, time, len(content), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._file.write(head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4))
