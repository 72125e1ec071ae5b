"""Starting a stack for tests, and what its logs must not say."""
import os
import pathlib
import re
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "stack"))

import procs  # noqa: E402
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


def wait_connected(stack):
    """A job that is created before its API process has reached the broker waits for a relay: tests that look at times, or at
    many jobs that run together, should not meet that by chance."""
    logs = [stack.log_dir / f"{name}.log" for name in stack.records() if name.startswith("api") or name == "consumer"]
    procs.wait_for("the broker's clients", lambda: all(b'"dispatcher.connected"' in log.read_bytes() for log in logs), 20)


def running(name, **options):
    stack = Stack(tempfile.mkdtemp(prefix=f"bellman-{name}-"), quiet=True, **options)
    stack.up()
    try:
        wait_connected(stack)
        yield stack
    finally:
        stack.down()
        check_logs(stack)
        if not os.environ.get("BELLMAN_KEEP"):
            shutil.rmtree(stack.dir, ignore_errors=True)
