"""A session on a real pseudo-terminal: a leader that does what a shell does with one foreground job."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


def lead(command, env, cwd, prepare, reports, control):
    """The session leader, until the job has ended: runs it in the foreground, reports, continues it."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # we hand the terminal over from the background, too
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        os.chdir(cwd)
        prepare()
        os.execve(command[0], command, env)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            os.write(reports, (f"died {-code}\n" if code < 0 else f"exited {code}\n").encode())
            return
        os.tcsetpgrp(0, os.getpgrp())
        os.write(reports, f"stopped {os.WSTOPSIG(status)}\n".encode())
        if not os.read(control, 1):
            return
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)


class Terminal:
    """Starts a command in the foreground; `prepare` is called in the child between fork and exec."""

    def __init__(self, command, env, cwd, prepare):
        self.reports, reports = os.pipe()
        control, self.control = os.pipe()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.close(self.control)  # or the leader would never see that we are gone
                lead(command, env, cwd, prepare, reports, control)
            finally:
                os._exit(0)
        os.close(reports)
        os.close(control)

    def type(self, text):
        os.write(self.master, text.encode())

    def resize(self, lines, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def settings(self):
        """Whether it echoes, waits for whole lines and so on, as the programs in it have left it."""
        return termios.tcgetattr(self.master)

    def read_until(self, condition, what, seconds):
        """What comes on the terminal from now on, once condition(all of it) is true."""
        deadline, text = time.monotonic() + seconds, ""
        while not condition(text):
            ready = select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise AssertionError(f"waited {seconds} s in vain: {what}; there was {text[-3000:]!r}")
            text += os.read(self.master, 1 << 16).decode(errors="replace")
        return text

    def report(self, seconds):
        """What became of the foreground job next: "stopped N", "died N" or "exited N"."""
        if not select.select([self.reports], [], [], seconds)[0]:
            raise AssertionError(f"nothing became of the foreground job in {seconds} s")
        return os.read(self.reports, 100).decode().strip()

    def foreground(self):
        """What `fg` does."""
        os.write(self.control, b"f")

    def hang_up(self):
        """Closes the terminal, as when a window is closed: the kernel sends HUP."""
        os.close(self.master)
        self.master = -1

    def close(self):
        if self.master >= 0:
            self.hang_up()
        os.close(self.control)
        os.close(self.reports)
        deadline = time.monotonic() + 10
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)  # our own child, not yet reaped
                os.waitpid(self.pid, 0)
                return
            time.sleep(0.02)
