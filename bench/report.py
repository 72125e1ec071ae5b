"""What a run found: tables of figures, and the targets beside them."""
import dataclasses
import os
import pathlib
import platform

import measure


@dataclasses.dataclass
class Row:
    """One figure of one or several subjects, a value for each run."""
    title: str
    unit: str
    values: dict  # {subject: [values]}

    def median(self, who):
        return measure.median(self.values[who])


@dataclasses.dataclass
class Target:
    work: str
    wanted: str
    found: str
    ok: bool

    @property
    def verdict(self):
        return "PASS" if self.ok else "short of target"


def at_least(work, factor, ours, theirs, peer):
    """ours and theirs: medians of rates."""
    ratio = ours / theirs
    return Target(work, f">= {factor:g} x {peer}", f"{ratio:.2f} x ({measure.short(ours)} to {measure.short(theirs)})",
                  ratio >= factor)


def at_most(work, limit, unit, found):
    return Target(work, f"<= {limit:g} {unit}", f"{measure.short(found)} {unit}", found <= limit)


class Report:
    def __init__(self):
        self.tables = []  # (title, [Row], note)
        self.targets = []
        self.generator = 0.0

    def add(self, title, rows, targets=(), note=""):
        self.tables.append((title, rows, note))
        self.targets += targets

    def text(self, notes):
        parts = [notes, self.target_table()] if self.targets else [notes]
        for title, rows, note in self.tables:
            parts.append(f"## {title}\n" + (f"\n{note}\n" if note else "") + "\n" + table(rows))
        return "\n\n".join(parts)

    def target_table(self):
        lines = ["| work | target | found | |", "| --- | --- | --- | --- |"]
        lines += [f"| {t.work} | {t.wanted} | {t.found} | {t.verdict} |" for t in self.targets]
        return "\n".join(lines)


def table(rows):
    """With two subjects the last column is the ratio of the medians; above 1 the first does better: more per second, or
    less of any other unit."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    pairs = len(names) == 2
    lines = ["| | " + " | ".join(f"{n}: min / **median** / max" for n in names) + (" | ratio |" if pairs else " |"),
             "| --- |" + " ---: |" * (len(names) + pairs)]
    for row in rows:
        cells = []
        for name in names:
            values = row.values.get(name)
            cells.append("" if not values else f"{measure.short(min(values))} / **{measure.short(measure.median(values))}** / "
                                               f"{measure.short(max(values))}")
        if pairs:
            medians = [row.median(name) for name in names if row.values.get(name)]
            if not row.unit.endswith("/s"):
                medians.reverse()
            cells.append(f"{medians[0] / medians[1]:.1f}x" if len(medians) == 2 and medians[1] else "")
        lines.append(f"| {row.title}, {row.unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return (f"{os.cpu_count()} processors ({model}), {memory_kb / 2**20:.0f} GiB, Linux {platform.release()}, load at the"
            f" start {os.getloadavg()[0]:.2f}")
