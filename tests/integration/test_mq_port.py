"""The broker port (common/ports/mq*.c) against a private RabbitMQ: mq_port.c, one pytest case for each of its tests."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stack"))

from stack import temporary  # noqa: E402

NAMES = re.findall(r"SERVED\((test_\w+)\)", (HERE / "mq_port.c").read_text())


@pytest.fixture(scope="module")
def output():
    stack = temporary(only={"rabbitmq"}, quiet=True)
    try:
        stack.up()
        done = subprocess.run([stack.build / "tests" / "integration" / "mq_port"], capture_output=True, text=True,
                              timeout=400, env={**os.environ, **stack.env})
        return done.stdout + done.stderr
    finally:
        stack.clean()


@pytest.mark.parametrize("name", NAMES)
def test_mq_port(output, name):
    assert f"[       OK ] {name}\n" in output, output


def test_no_sanitizer_complains(output):
    assert f"[  PASSED  ] {len(NAMES)} test(s)." in output and "Sanitizer" not in output, output
