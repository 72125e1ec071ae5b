"""Job types that run programs: their sections for a stack's configuration, and looking for what they left running."""
import pathlib

from waiting import is_alive

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PEER = REPOSITORY / "tests" / "fakes" / "program_peer.py"
EXAMPLES = REPOSITORY / "docs" / "examples"

SECTIONS = f"""
[job_type peer]
exec = /usr/bin/python3 -S {PEER} "two words" $HOME
help = Does what its payload says
timeout_s = 30
stop_grace_s = 1
[job_type peer.limited]
exec = /usr/bin/python3 -S {PEER}
timeout_s = 1
max_retries = 0
stop_grace_s = 1
workdir = /usr
env_pass = TZ, PYTHONUTF8
permanent_exits = *
retry_exits = 9
nice = 5
memory_mb = 256
cpu_s = 20
open_files = 40
file_size_mb = 2
keep_completed_h = 48
""" + (EXAMPLES / "programs.conf").read_text(encoding="utf-8").replace("/opt/bellman/examples", str(EXAMPLES))


def command_lines():
    """(pid, command line) of every living process."""
    for path in pathlib.Path("/proc").iterdir():
        if path.name.isdigit() and is_alive(path.name):
            try:
                yield int(path.name), (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue


def of_job(job_id):
    """Living processes that a job has started, other than the program itself."""
    return [pid for pid, line in command_lines() if job_id in line]


def children_of(parent):
    """Pids of the children of a process, zombies too."""
    found = []
    for path in pathlib.Path("/proc").iterdir():
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split() if path.name.isdigit() else []
        except OSError:
            continue
        if len(fields) > 1 and int(fields[1]) == parent:
            found.append(int(path.name))
    return found
