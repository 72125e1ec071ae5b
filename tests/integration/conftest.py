"""The stacks that tests run against. Each is started once when a test first asks for it.

stack     two API processes; its tests leave every process alone
rough     for tests that stop and kill; they leave it whole
layouts   one for each queue layout, as a parameter

BELLMAN_KEEP=1 leaves the directories (and logs) behind; a failed start leaves its directory in any case.
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "stack"))

from client import Org  # noqa: E402
from stack import Stack  # noqa: E402

QUICK_RETRIES = "[retry]\nbase_s=0\ncap_s=1\njitter_percent=0\n"
REPORT = re.compile(rb"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: ")


def check_logs(stack):
    """A sanitizer's report fails the run, whatever the tests saw."""
    for log in sorted(stack.log_dir.glob("*.log")):
        found = REPORT.search(log.read_bytes())
        if found:
            text = log.read_bytes()[found.start():found.start() + 6000].decode(errors="replace")
            pytest.fail(f"{log}:\n{text}", pytrace=False)


def running(name, **options):
    stack = Stack(tempfile.mkdtemp(prefix=f"bellman-{name}-"), quiet=True, **options)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()
        check_logs(stack)
        if not os.environ.get("BELLMAN_KEEP"):
            shutil.rmtree(stack.dir, ignore_errors=True)


@pytest.fixture(scope="session")
def stack():
    yield from running("test", apis=2, conf_extra=QUICK_RETRIES)


@pytest.fixture(scope="session")
def rough():
    yield from running("rough", apis=2, conf_extra=QUICK_RETRIES + "[consumer]\nconcurrency=100\nlease_ms=2000\n"
                       "renew_ms=400\ndispatch_grace_ms=1500\n")


@pytest.fixture(scope="session", params=["lanes", "priority"])
def layout(request):
    yield from running(request.param, layout=request.param, conf_extra=QUICK_RETRIES + "[consumer]\nconcurrency=32\n")


@pytest.fixture
def org(stack, request):
    return Org(stack, re.sub(r"[^a-z0-9]+", "-", request.module.__name__.removeprefix("test_"))[:20])
