"""Waiting with a deadline. Whoever gives up says what was waited for and shows the end of the programs' logs."""
import os
import time

import parts

SLOW = parts.SLOW


class Late(AssertionError):
    pass


def logs(stack, lines=12):
    shown = []
    for name in ("api", "api_2", "consumer", "nginx"):
        tail = parts.tail(stack.log_dir / f"{name}.log", lines)
        if tail:
            shown.append(f"  the end of {stack.log_dir / name}.log:\n{tail}")
    return "\n".join(shown)


def wait_until(what, check, timeout_s=10, stack=None, pause_s=0.05):
    """Polls check() until it gives something true, which is returned."""
    began = time.monotonic()
    seen = None
    while True:
        seen = check()
        if seen:
            return seen
        waited = time.monotonic() - began
        if waited > timeout_s * SLOW:
            raise Late(f"{what}: not within {waited:.1f} s; last seen: {seen!r}\n{logs(stack) if stack else ''}")
        time.sleep(pause_s)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_of(directory):
    """Living processes whose command line or environment names the directory, as (pid, command line)."""
    found = []
    needle = str(directory).encode() + b"/"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid() or not is_alive(pid):
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read()
            with open(f"/proc/{pid}/environ", "rb") as f:
                environment = f.read()
        except OSError:
            continue
        if needle in command or needle in environment:
            found.append((int(pid), command.replace(b"\0", b" ").decode(errors="replace")[:200]))
    return found
