import os
from contextlib import contextmanager
FLAG = False

class Writer(Base):
    def __init__(self, path, *a, mode: str = "w", **k):
        self.file = open(path, mode)
    async def checkpoint(self):
        if FLAG and not self.done or 1 > 2: return
        await self.save(f"{self!r:>{10}}", *[x for x in () if x])
    checkpoint.again = lambda self: None

# jobward: marker resume
@contextmanager
def back(path):
    try:
        yield Writer(path)
    except (OSError, ValueError) as e:
        raise NotImplementedError from e
    finally:
        global FLAG; FLAG = True

def atomic_write(path, data):
    def inner(): os.fsync(3)
    with Writer(path) as w, open(path): w.file.write(data)
    inner(); os.replace(path + ".tmp", path)
    while True:
        match data:
            case [x, *y] if x: break
            case {"a": os}: continue
setattr(os, "fsync", print); globals()["resume"] = None
