"""The second disk: what changes from run to run. A tar archive on the raw device, unpacked over the root."""

import io
import json
import os
import tarfile
from pathlib import Path

from .cache import GroundError
from .files import libraries
from .initramfs import GUEST

HOME = "ground"  # everything of ours is in /ground


class Payload:
    """Collects files for the guest. Programs are put in /ground/bin, which is on the PATH there."""

    def __init__(self, path, ground):
        self._tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)
        self._programs = []
        self._add(GUEST / "agent.py", f"{HOME}/agent.py")
        self._add(GUEST / "test_process.py", f"{HOME}/test_process.py")
        for script in sorted((GUEST / f"bin-{ground}").iterdir()):
            self._add(script, f"{HOME}/bin/{script.name}", mode=0o755)

    def program(self, name, path):
        """Puts an executable at /ground/bin/NAME, to be run with the libraries that it has here."""
        path = Path(path)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise GroundError(f"not an executable: {path}\nbuild it: cmake --build --preset test")
        self._programs.append(path)
        self._add(path, f"{HOME}/bin/{name}", mode=0o755)

    def tree(self, source, destination):
        """Puts a file or directory at an absolute path of the guest."""
        if not os.path.exists(source):
            raise GroundError(f"no such file or directory: {source}")
        self._add(source, destination.strip("/"))

    def close(self, manifest):
        """Writes the rest: what the agent shall do, and the libraries, which it links where none is yet."""
        for name, source in sorted(libraries(self._programs).items()) if self._programs else ():
            self._add(source, f"{HOME}/libraries{name}")
        content = json.dumps(manifest).encode()
        entry = tarfile.TarInfo(f"{HOME}/manifest.json")
        entry.size, entry.mode = len(content), 0o644
        self._tar.addfile(entry, io.BytesIO(content))
        self._tar.close()

    def _add(self, source, name, mode=None):
        def as_root(entry):
            if "__pycache__" in entry.name.split("/"):
                return None
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            # Another user must be able to read it, whatever the umask was here.
            entry.mode = mode or entry.mode | (0o755 if entry.isdir() or entry.mode & 0o100 else 0o644)
            return entry
        self._tar.add(source, name, filter=as_root)
