"""The statements of jobs (common/domain/job_*.c) against a private MariaDB: one case for each test of the programs below
(SERVED(name), or cmocka_unit_test(name) where all share one set-up)."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stack"))

from stack import temporary  # noqa: E402

PROGRAMS = ("job_statements", "job_lists", "job_prunes", "job_gates", "org_watch")
NAMES = {program: re.findall(r"(?:SERVED|cmocka_unit_test)\((test_\w+)\)", (HERE / f"{program}.c").read_text())
         for program in PROGRAMS}


@pytest.fixture(scope="module")
def outputs():
    stack = temporary(only={"mariadb"}, quiet=True)
    try:
        stack.up()
        env = dict(os.environ, BELLMAN_CONFIG=str(stack.config))
        subprocess.run([stack.build / "bellmanctl", "migrate"], check=True, capture_output=True, timeout=60, env=env)
        said = {}
        for program in PROGRAMS:
            done = subprocess.run([stack.build / "tests" / "integration" / program], capture_output=True, text=True,
                                  timeout=240, env=env)
            said[program] = done.stdout + done.stderr
        return said
    finally:
        stack.clean()


@pytest.mark.parametrize("program,name", [(program, name) for program in PROGRAMS for name in NAMES[program]])
def test_job_statements(outputs, program, name):
    assert f"[       OK ] {name}\n" in outputs[program], outputs[program]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_sanitizer_complains(outputs, program):
    said = outputs[program]
    assert f"[  PASSED  ] {len(NAMES[program])} test(s)." in said and "Sanitizer" not in said, said
