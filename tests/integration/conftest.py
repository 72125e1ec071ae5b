"""The stacks that tests run against. Each is started once when a test first asks for it.

stack     two API processes; its tests leave every process alone
rough     for tests that stop and kill; they leave it whole
layouts   one for each queue layout, as a parameter

BELLMAN_KEEP=1 leaves the directories (and logs) behind; a failed start leaves its directory in any case.
"""
import re

import pytest

from stacks import QUICK_RETRIES, running
import programs  # stacks has shown the way to the launcher's modules
from client import Org
from hooks import serving


@pytest.fixture(scope="session")
def hooks():
    with serving() as peers:
        yield peers


@pytest.fixture(scope="session")
def stack(hooks):
    yield from running("test", apis=2, conf_extra=QUICK_RETRIES + hooks.conf + programs.SECTIONS)


@pytest.fixture(scope="session")
def rough():
    yield from running("rough", apis=2, conf_extra=QUICK_RETRIES + "[consumer]\nconcurrency=100\nlease_ms=2000\n"
                       "renew_ms=400\ndispatch_grace_ms=1500\n" + programs.SECTIONS)


@pytest.fixture(scope="session", params=["lanes", "priority"])
def layout(request):
    yield from running(request.param, layout=request.param, conf_extra=QUICK_RETRIES + "[consumer]\nconcurrency=32\n")


@pytest.fixture
def org(stack, request):
    return Org(stack, re.sub(r"[^a-z0-9]+", "-", request.module.__name__.removeprefix("test_"))[:20])
