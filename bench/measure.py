"""wrk as the load generator for both subjects, and the numbers it gives."""
import dataclasses
import json
import os
import pathlib
import resource
import statistics
import subprocess

SCRIPT = pathlib.Path(__file__).with_name("wrk") / "load.lua"


@dataclasses.dataclass
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_cpu: float  # share of one processor that wrk took


def run_wrk(url, token, method, path, connections, seconds, body=None):
    """Closed loop over kept connections for some seconds. Any answer but 2xx is an error."""
    env = dict(os.environ, METHOD=method, PATH_=path, TOKEN=token)
    if body is not None:
        env["BODY"] = json.dumps(body, separators=(",", ":"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), url],
                          env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if answer["bad"] or not answer["requests"]:
        raise RuntimeError(f"{method} {url}{path}: {answer['bad']} of {answer['requests']} requests failed\n{done.stdout}")
    wall = answer["duration_us"] / 1e6
    cpu = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / wall
    return Load(answer["requests"], wall, answer["p50_us"] / 1e3, answer["p99_us"] / 1e3, cpu)


def spread(values):
    """min / median / max"""
    return min(values), statistics.median(values), max(values)


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def table(rows, names):
    """rows: [(title, unit, {name: [values]})]; the ratio is of the medians, the first name over the second."""
    lines = ["| measure | " + " | ".join(f"{n} min / **median** / max" for n in names)
             + (" | ratio |" if len(names) == 2 else " |"), "| --- |" + " ---: |" * (len(names) + (len(names) == 2))]
    for title, unit, by_name in rows:
        cells, medians = [], []
        for name in names:
            low, middle, high = spread(by_name[name])
            medians.append(middle)
            cells.append(f"{short(low)} / **{short(middle)}** / {short(high)}")
        ratio = [f"{medians[0] / medians[1]:.1f}x"] if len(names) == 2 else []
        lines.append(f"| {title}, {unit} | " + " | ".join(cells + ratio) + " |")
    return "\n".join(lines)
