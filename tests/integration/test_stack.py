"""The launcher: up and down leave no process, a second up keeps the data, clean forgets."""
import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import pytest
import requests

import config
from client import Client
from waiting import SLOW, is_alive, processes_of, wait_until

LAUNCHER = config.REPOSITORY / "tests" / "stack" / "stack.py"
KEYS = {"BELLMAN_URL", "BELLMAN_CONFIG", "BELLMAN_TOKEN", "BELLMAN_DB_SOCKET", "BELLMAN_DB_NAME", "BELLMAN_AMQP_URL",
        "BELLMAN_MAILDIR", "BELLMAN_LOG_DIR", "BELLMAN_NGINX_PID", "BELLMAN_API_PID", "BELLMAN_CONSUMER_PID",
        "BELLMAN_MARIADB_PID", "BELLMAN_RABBITMQ_PID"}


class Commands:
    """The launcher as a person uses it, by its command line alone."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.environment = {**{k: v for k, v in os.environ.items() if not k.startswith("BELLMAN_")}, "STACK": str(directory),
                            "BELLMAN_BUILD": os.environ.get("BELLMAN_BUILD", "build/release")}

    def start(self, *arguments, log=None):
        return subprocess.Popen([sys.executable, LAUNCHER, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=log or subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, *arguments):
        process = self.start(*arguments)
        text, _ = process.communicate(timeout=90 * SLOW)
        assert process.returncode == 0, f"{arguments}: exit {process.returncode}\n{text}"
        return text

    @property
    def env(self):
        """stack.env as a shell reads it."""
        text = subprocess.run(["sh", "-c", f"set -a; . {shlex.quote(str(self.directory / 'stack.env'))}; env"],
                              capture_output=True, text=True, check=True, env={}).stdout
        return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("BELLMAN_"))


def commands_in(prefix):
    with tempfile.TemporaryDirectory(prefix=prefix) as directory:
        made = Commands(pathlib.Path(directory) / "var")
        try:
            yield made
        finally:
            made.run("clean")
            assert processes_of(made.directory) == []


@pytest.fixture
def commands():
    yield from commands_in("bellman-commands-")


@pytest.fixture
def commands_in_a_place_that_wants_quoting():
    yield from commands_in("bellman's place ")


def client_of(env):
    class Place:
        url = env["BELLMAN_URL"]
        log_dir = pathlib.Path(env["BELLMAN_LOG_DIR"])

    return Client(Place, env["BELLMAN_TOKEN"])


def check_gone(env):
    assert processes_of(pathlib.Path(env["BELLMAN_LOG_DIR"]).parent) == []
    assert not [pid for name, pid in env.items() if name.endswith("_PID") and is_alive(pid)]
    with pytest.raises(requests.ConnectionError):
        requests.get(env["BELLMAN_URL"] + "/healthz", timeout=5)


def reachable_from_outside(directory):
    """The stack's TCP ports that are not on the loopback address alone."""
    ports = set(json.loads((directory / "ports.json").read_text()).values())
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    found = [(address, int(port, 16)) for address, port in listening if int(port, 16) in ports]
    assert found, "or this proves nothing"
    return [port for address, port in found if address != "0100007F"]


def test_life_of_a_stack(commands_in_a_place_that_wants_quoting, tmp_path):
    commands = commands_in_a_place_that_wants_quoting
    # In the foreground, from nothing.
    began = time.monotonic()
    log = tmp_path / "run.log"
    with open(log, "w", encoding="utf-8") as out:
        foreground = commands.start("run", log=out)
    wait_until("the stack to come up", lambda: "Ctrl-C stops everything" in log.read_text() or foreground.poll() is not None, 60)
    text = log.read_text()
    assert foreground.poll() is None, text
    assert time.monotonic() - began < 30 * SLOW, "from nothing to ready"
    env = commands.env
    assert set(env) >= KEYS
    assert processes_of(pathlib.Path(env["BELLMAN_LOG_DIR"]).parent), "or the check below proves nothing"
    assert env["BELLMAN_URL"] in text and env["BELLMAN_TOKEN"] in text
    assert reachable_from_outside(commands.directory) == []

    # The curl line that it prints makes a job that completes.
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(". ") and "stack.env" in line)
    script = "\n".join(line.strip() for line in lines[first:] if not line.startswith("  Mail"))
    script = script.split("\n\n")[0].split("Ctrl-C")[0]
    told = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 0 and '"job_type":"noop"' in told.stdout, script + told.stdout + told.stderr
    client = client_of(env)
    job = client.get("/background-jobs").json()["jobs"][0]
    assert client.wait_job(job["id"])["status"] == "completed"
    client.put("/notification-settings", {"slack_channel": "#kept"})

    # Ctrl-C, twice for the impatient: nothing stays.
    foreground.send_signal(signal.SIGINT)
    foreground.send_signal(signal.SIGINT)
    assert foreground.wait(60) == 0, log.read_text()
    check_gone(env)

    # In the background: the same data, the same address, the token still good.
    assert "make down" in commands.run("up")
    again = commands.env
    assert again["BELLMAN_URL"] == env["BELLMAN_URL"]
    assert client_of(env).job(job["id"])["status"] == "completed"
    assert client_of(again).get("/notification-settings").json()["slack_channel"] == "#kept"
    assert all(is_alive(again[f"BELLMAN_{part}_PID"]) for part in ("NGINX", "API", "CONSUMER", "MARIADB", "RABBITMQ"))
    commands.run("up")
    assert {k: v for k, v in commands.env.items() if k.endswith("_PID")} == {k: v for k, v in again.items() if k.endswith("_PID")}

    # A part that was killed is started again.
    os.kill(int(again["BELLMAN_CONSUMER_PID"]), signal.SIGKILL)
    commands.run("restart", "consumer")
    assert commands.env["BELLMAN_CONSUMER_PID"] != again["BELLMAN_CONSUMER_PID"]
    job = client.create()
    assert client.wait_job(job["id"])["status"] == "completed"
    env = commands.env
    commands.run("down")
    check_gone(env)
    commands.run("down")
    commands.run("clean")
    assert not commands.directory.exists()


@pytest.mark.parametrize("begun", ["options.json", "mariadb", "rabbitmq", "rabbitmq-shell"])
def test_interrupted_start_leaves_nothing(commands, begun):
    def has_begun():
        with contextlib.suppress(OSError):
            return begun == "options.json" or f'"{begun}"' in (commands.directory / "pids.json").read_text(encoding="utf-8")
        return False

    process = commands.start("run")
    wait_until("the start to begin", lambda: (commands.directory / "options.json").exists() and has_begun(), 30, pause_s=0.01)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped while starting" in text, text
    assert processes_of(commands.directory) == []


def test_wrong_words(commands):
    for words in ((), ("nonsense",), ("restart",), ("up", "down")):
        process = commands.start(*words)
        process.communicate(timeout=20)
        assert process.returncode == 64
    process = commands.start("restart", "nonsense")
    assert "api, consumer" in process.communicate(timeout=20)[0] and process.returncode == 1
