"""A disk that loses, when the power goes, every write that was not flushed: an NBD server on a Unix socket.

What the guest writes stays in memory here until it flushes (or asks for that write to be durable, FUA); whoever
reads sees it. At the cut all of it is gone, as in a drive that had not yet written any of its cache. That is one
of the ends that a power cut can have, and the hardest for who forgot to flush. Not simulated: a cache of which
some writes survive and others do not, torn sectors, and drives that say "flushed" and lie.
"""

import contextlib
import os
import socket
import struct
import threading

SECTOR = 512
OPTION, OPTION_REPLY, REQUEST, REPLY = b"IHAVEOPT", 0x3E889045565A9, 0x25609513, 0x67446698
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7  # options: doc/proto.md of the NBD project
ACKNOWLEDGE, REPLY_INFO, UNSUPPORTED = 1, 3, (1 << 31) + 1
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
HAS_FLAGS, SENDS_FLUSH, SENDS_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FUA, INVALID = 1, 22


class ForgetfulDisk:
    """Serves one client, a file being what has reached the platter. A context manager: leaving it is the cut."""

    def __init__(self, path, address):
        self._file, self._size = os.open(path, os.O_RDWR | os.O_CLOEXEC), os.stat(path).st_size
        self._cache = {}  # sector: bytes
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url, self.flushes = f"nbd+unix:///?socket={address}", 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        """After the client is gone. Returns nothing to the file."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or accept() would wait for one that never came
        self._listener.close()
        self._thread.join(10)
        os.close(self._file)

    def lost_bytes(self):
        return len(self._cache) * SECTOR

    def _serve(self):
        with contextlib.suppress(OSError, EOFError):
            with self._listener.accept()[0] as client:
                if self._negotiate(client):
                    while self._answer(client):
                        pass

    @staticmethod
    def _receive(client, size):
        data = bytearray()
        while len(data) < size:
            if not (chunk := client.recv(size - len(data))):
                raise EOFError
            data += chunk
        return bytes(data)

    def _negotiate(self, client):
        client.sendall(b"NBDMAGIC" + OPTION + struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        self._receive(client, 4)
        export = struct.pack(">QH", self._size, HAS_FLAGS | SENDS_FLUSH | SENDS_FUA)
        while True:
            _, option, length = struct.unpack(">8sII", self._receive(client, 16))
            self._receive(client, length)
            if option == EXPORT_NAME:
                client.sendall(export)
                return True

            def reply(kind, data=b""):
                client.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)
            if option in (INFO, GO):
                reply(REPLY_INFO, struct.pack(">H", 0) + export)
            reply(ACKNOWLEDGE if option in (ABORT, INFO, GO) else UNSUPPORTED)
            if option in (ABORT, GO):
                return option == GO

    def _answer(self, client):
        _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self._receive(client, 28))
        data = self._receive(client, length) if kind == WRITE else b""
        error, answer = 0, b""
        if kind == DISCONNECT:
            return False
        if kind == READ:
            answer = self._read(offset, length)
        elif kind == WRITE:
            self._write(offset, data)
        elif kind != FLUSH:
            error = INVALID
        if kind == FLUSH or flags & FUA:
            self._flush()
        client.sendall(struct.pack(">IIQ", REPLY, error, handle) + answer)
        return True

    def _read(self, offset, length):
        data = bytearray(os.pread(self._file, length, offset))
        for at in range(0, length, SECTOR) if self._cache else ():
            if newer := self._cache.get((offset + at) // SECTOR):
                data[at:at + SECTOR] = newer
        return bytes(data)

    def _write(self, offset, data):
        if offset % SECTOR or len(data) % SECTOR:
            raise EOFError("not whole sectors")
        for at in range(0, len(data), SECTOR):
            self._cache[(offset + at) // SECTOR] = data[at:at + SECTOR]

    def _flush(self):
        for sector, data in self._cache.items():
            os.pwrite(self._file, data, sector * SECTOR)
        self._cache.clear()
        self.flushes += 1
