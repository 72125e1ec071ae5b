"""The fault cases: real servers, harm from outside, invariants from what clients were told and from the rows.

    pytest tests/faults [--short] [--runs N] [--only F4,F25]

A case is a test with the mark case(id, title, short=1, full=5): how often it runs with --short, and without; --runs stands for the
latter.  A run that fails is a violation. At the end a table shows for each case its runs, its violations, and how
long it took until all was well again.
"""
import pathlib
import re
import statistics
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
for directory in ("integration", "stack", "fakes"):
    sys.path.insert(0, str(TESTS / directory))

from stacks import QUICK_RETRIES, running  # noqa: E402
from client import Org  # noqa: E402
from faults import make_whole  # noqa: E402

ROWS = {}


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption("--short", action="store_true", help="each case as often as its short form asks")
    group.addoption("--runs", type=int, help="runs of each case")
    group.addoption("--only", default="", help="cases to run, as F1,F25")


def pytest_configure(config):
    config.addinivalue_line("markers", "case(id, title, short=1, full=5): a fault case")


def mark_of(item):
    return item.get_closest_marker("case")


def runs_of(mark, option):
    if option.short:
        return mark.kwargs.get("short", 1)
    return option.runs or mark.kwargs.get("full", 5)


def pytest_generate_tests(metafunc):
    mark = next((m for m in metafunc.definition.iter_markers("case")), None)
    assert mark, f"{metafunc.function.__name__} has no case mark"
    metafunc.parametrize("record", range(max(1, runs_of(mark, metafunc.config.option))), indirect=True)


def pytest_collection_modifyitems(config, items):
    wanted = {name.strip().upper() for name in config.option.only.split(",") if name.strip()}
    if wanted:
        known = {mark_of(item).args[0] for item in items}
        if wanted - known:
            raise pytest.UsageError(f"no case {', '.join(sorted(wanted - known))}; there are "
                                    + ", ".join(sorted(known, key=number_of)))
        items[:] = [item for item in items if mark_of(item).args[0] in wanted]
    items[:] = [item for item in items if runs_of(mark_of(item), config.option) > 0]


def number_of(case_id):
    return int(case_id[1:])


class Record:
    """What one run of a case has to tell."""

    def __init__(self, number, is_short):
        self.number = number
        self.is_short = is_short
        self.iterations = 1
        self.recoveries_s = []
        self.notes = []

    def recovered(self, seconds):
        self.recoveries_s.append(max(0.0, seconds))

    def note(self, text):
        self.notes.append(text)
        print(text)


class Row:
    def __init__(self, case_id, title):
        self.id = case_id
        self.title = title
        self.runs = 0
        self.violations = 0
        self.recoveries_s = []
        self.notes = []


@pytest.fixture
def record(request):
    one = Record(request.param, request.config.option.short)
    request.node.record = one
    return one


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What a run has to tell travels with its report: with pytest-xdist it was made in another process."""
    outcome = yield
    one = getattr(item, "record", None)
    told = {"case": mark_of(item).args}
    if one:
        told.update(iterations=one.iterations, recoveries_s=one.recoveries_s, notes=one.notes)
    outcome.get_result().user_properties = [("faults", told)]


def pytest_runtest_logreport(report):
    told = dict(report.user_properties).get("faults")
    if not told:
        return
    row = ROWS.setdefault(report.nodeid.partition("[")[0], Row(*told["case"]))
    if report.when == "call":
        row.runs += told.get("iterations", 1)
        row.recoveries_s += told.get("recoveries_s", [])
        row.notes += told.get("notes", [])
    if report.failed:
        row.violations += 1


def shown_s(values, share):
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{statistics.median(ordered) if share == 50 else ordered[min(len(ordered) - 1, len(ordered) * share // 100)]:.2f} s"


def pytest_terminal_summary(terminalreporter, config):
    rows = sorted(ROWS.values(), key=lambda row: number_of(row.id))
    if not rows:
        return
    say = terminalreporter.write_line
    wide = max(len(row.title) for row in rows)
    say("")
    say(f"{'case':<5}{'what is done':<{wide}}{'runs':>7}{'violations':>12}{'recovery p50':>14}{'p99':>9}")
    for row in rows:
        say(f"{row.id:<5}{row.title:<{wide}}{row.runs:>7}{row.violations:>12}{shown_s(row.recoveries_s, 50):>14}"
            f"{shown_s(row.recoveries_s, 99):>9}")
    if not config.option.short:
        for row in rows:
            for note in dict.fromkeys(row.notes):
                say(f"{row.id:<5}{note}")


@pytest.fixture(scope="session")
def rough():
    extra = (QUICK_RETRIES + "[consumer]\nconcurrency=100\nlease_ms=2000\nrenew_ms=400\ndispatch_grace_ms=1500\n"
             "[limits]\ncancel_per_min=100000\nsettings_put_per_min=100000\n")
    yield from running("faults", apis=2, conf_extra=extra)


@pytest.fixture
def stack(rough):
    try:
        yield rough
    finally:
        make_whole(rough)


@pytest.fixture
def org(stack, request):
    return Org(stack, re.sub(r"[^a-z0-9]+", "-", request.function.__name__.removeprefix("test_"))[:24])
