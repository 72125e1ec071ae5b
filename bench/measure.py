"""wrk as the load generator for every subject, and what is read from /proc."""
import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("wrk") / "load.lua"


@dataclasses.dataclass
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_cpu: float  # share of one processor that wrk took


def run_wrk(url, token, method, path, connections, seconds, body=None):
    """Closed loop over kept connections for some seconds; path is one, or a list to be asked for in turn. Any answer but
    2xx is an error."""
    env = dict(os.environ, METHOD=method, TOKEN=token)
    if body is not None:
        env["BODY"] = json.dumps(body, separators=(",", ":"))
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as paths:
        if isinstance(path, str):
            env["PATH_"] = path
        else:
            paths.write("\n".join(path) + "\n")
            paths.flush()
            env["PATHS"] = paths.name
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), url]
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if answer["bad"] or not answer["requests"]:
        raise RuntimeError(f"{method} {url}{path}: {answer['bad']} requests failed\n{done.stdout}")
    wall = answer["duration_us"] / 1e6
    cpu = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / wall
    return Load(answer["requests"], wall, answer["p50_us"] / 1e3, answer["p99_us"] / 1e3, cpu)


def cpu_seconds(roots):
    """Processor time of these processes, their living descendants, and the dead ones that were waited for."""
    spent, parent = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            parent[pid] = int(fields[1])
            spent[pid] = sum(map(int, fields[11:15]))
    roots = set(roots)
    total = 0
    for pid in spent:
        above = pid
        while above and above not in roots:
            above = parent.get(above, 0)
        total += spent[pid] if above else 0
    return total / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    """Resident memory of a process in 2^20 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no memory of process {pid}")


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median(values):
    return statistics.median(values)


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
