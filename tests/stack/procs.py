"""Processes and ports: starting detached children, knowing them again later, stopping them within a bounded time."""
import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import time


class StartError(Exception):
    """A part did not come up; log is the file whose tail says why (or None)."""

    def __init__(self, text, log=None):
        super().__init__(text)
        self.log = log


def start_time(pid):
    """The kernel's start time of a living process, None for a dead or zombie one. With the pid it names one process. A
    zombie with more than one thread is still ending, and keeps its ports until the last has gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" and int(fields[17]) <= 1 else int(fields[19])


def reap(pid):
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def is_same(record):
    """True while the process of a {"pid", "start"} record still runs."""
    return bool(record) and start_time(record["pid"]) == record["start"]


def record_of(pid):
    return {"pid": pid, "start": start_time(pid)}


def spawn(argv, log, env=None, cwd=None):
    """Starts argv in a session of its own (a terminal's Ctrl-C does not reach it), output appended to log."""
    with open(log, "ab") as out:
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 env=env, cwd=cwd, start_new_session=True)
    child.returncode = 0  # the process outlives this object: keeps subprocess from warning or waiting
    return child.pid


def wait_for(what, check, timeout_s, log=None, pid=None, aborted=None):
    """Polls check() until it is true. Raises StartError after timeout_s, or at once when pid has ended or the event
    aborted is set."""
    deadline = time.monotonic() + timeout_s
    pause = 0.02
    while True:
        result = check()
        if result:
            return result
        if pid is not None and start_time(pid) is None:
            reap(pid)
            raise StartError(f"{what}: the process ended while starting", log)
        if aborted is not None and aborted.is_set():
            raise StartError(f"{what}: interrupted")
        if time.monotonic() > deadline:
            raise StartError(f"{what}: not ready after {timeout_s} s", log)
        time.sleep(pause)
        pause = min(0.2, pause * 1.3)


def stop(record, timeout_s, sig=signal.SIGTERM):
    """Asks, waits, then kills. Returns False when it had to kill. A pid that is another process by now is left alone."""
    if not is_same(record):
        if record:
            reap(record["pid"])
        return True
    pid = record["pid"]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        reap(pid)
        if not is_same(record):
            return True
        time.sleep(0.03)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for _ in range(100):
        reap(pid)
        if not is_same(record):
            break
        time.sleep(0.03)
    return False


def run(argv, what, log, env=None, timeout_s=60, stdin=None):
    """Runs a command to its end and returns its output; its words go to log when it fails."""
    done = subprocess.run([str(a) for a in argv], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=timeout_s, text=True,
                          check=False)
    if done.returncode != 0:
        with open(log, "a", encoding="utf-8") as out:
            out.write(f"$ {' '.join(str(a) for a in argv)}\n{done.stdout}{done.stderr}exit {done.returncode}\n")
        raise StartError(f"{what}: exit {done.returncode}", log)
    return done.stdout


def port_is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def choose_port(taken):
    """A free loopback port below the range from which the kernel serves outgoing connections."""
    for _ in range(1000):
        port = random.randint(20000, 32000)
        if port not in taken and port_is_free(port):
            return port
    raise StartError("no free loopback port between 20000 and 32000")


def unix_answers(path):
    """True when somebody accepts on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        try:
            s.connect(str(path))
            return True
        except OSError:
            return False


def greeting(address, send=b"", wanted=b""):
    """Connects (a path or a (host, port)), sends, and tells whether the first bytes of the answer contain wanted."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(2)
        try:
            s.connect(address)
            s.sendall(send)
            return wanted in s.recv(512)
        except OSError:
            return False


class ReadySocket:
    """The other end of sd_notify: waits for READY=1 from a process that was started with NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = str(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def is_ready(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                if b"READY=1" in self.socket.recv(4096).split(b"\n"):
                    return True
        return False

    def close(self):
        self.socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
