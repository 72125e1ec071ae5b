"""The statements of jobs (common/domain/job_*.c) against a private MariaDB: job_statements.c, one case for each of
its tests."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stack"))

from stack import temporary  # noqa: E402

NAMES = re.findall(r"SERVED\((test_\w+)\)", (HERE / "job_statements.c").read_text())


@pytest.fixture(scope="module")
def output():
    stack = temporary(only={"mariadb"}, quiet=True)
    try:
        stack.up()
        env = dict(os.environ, BELLMAN_CONFIG=str(stack.config))
        subprocess.run([stack.build / "bellmanctl", "migrate"], check=True, capture_output=True, timeout=60, env=env)
        done = subprocess.run([stack.build / "tests" / "integration" / "job_statements"], capture_output=True, text=True,
                              timeout=240, env=env)
        return done.stdout + done.stderr
    finally:
        stack.clean()


@pytest.mark.parametrize("name", NAMES)
def test_job_statements(output, name):
    assert f"[       OK ] {name}\n" in output, output


def test_no_sanitizer_complains(output):
    assert f"[  PASSED  ] {len(NAMES)} test(s)." in output and "Sanitizer" not in output, output
