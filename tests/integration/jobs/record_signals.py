"""Logs each SIGINT that arrives (number, si_code, sender) until SIGUSR1 comes, then dies of SIGINT.

    record_signals.py PID_FILE LOG
"""

import os
import signal
import sys

watched = {signal.SIGINT, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
signal.signal(signal.SIGINT, signal.SIG_DFL)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()}\n")
while True:
    info = signal.sigwaitinfo(watched)
    with open(sys.argv[2], "a") as log:
        log.write(f"{info.si_signo} {info.si_code} {info.si_pid}\n")
    if info.si_signo == signal.SIGUSR1:
        break
signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
os.kill(os.getpid(), signal.SIGINT)
