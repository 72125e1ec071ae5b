"""The command lines: help, version, configuration checked and printed, exit codes."""
import base64
import os
import pathlib
import re
import subprocess

import pytest

PROGRAMS = ["bellman-api", "bellman-consumer", "bellmanctl"]
EX_USAGE, EX_CONFIG = 64, 78


def run(stack, program, *arguments, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BELLMAN_")}
    return subprocess.run([stack.build / program, *map(str, arguments)], capture_output=True, text=True, timeout=20, check=False,
                          env={**clean, **env}, stdin=subprocess.DEVNULL)


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


def write(tmp_path, text):
    path = tmp_path / "bellman.conf"
    path.write_text(text, encoding="utf-8")
    return path


def test_help(stack, program):
    for option in ("--help", "-h"):
        done = run(stack, program, option)
        assert done.returncode == 0 and not done.stderr
        for word in ("--config", "--check-config", "--print-config", "--version", "--help-config"):
            assert word in done.stdout


def test_version(stack, program):
    done = run(stack, program, "--version")
    assert done.returncode == 0 and not done.stderr
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", done.stdout), done.stdout


def test_unknown_option(stack, program):
    done = run(stack, program, "--nonsense")
    assert done.returncode == EX_USAGE and not done.stdout
    assert "--nonsense" in done.stderr and "--help" in done.stderr


def test_unexpected_argument(stack, program):
    done = run(stack, program, "nonsense")
    assert done.returncode == EX_USAGE and "nonsense" in done.stderr


def test_check_config(stack, program):
    done = run(stack, program, "--config", stack.config, "--check-config")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert run(stack, program, "--check-config", BELLMAN_CONFIG=str(stack.config)).returncode == 0


def test_print_config_masks_secrets(stack, program):
    done = run(stack, program, "--config", stack.config, "--print-config")
    assert done.returncode == 0, done.stderr
    assert "password=********" in done.stdout.replace(" ", "")
    assert "bellman:bellman@" not in done.stdout, "the broker's password is in its URL"
    assert f"socket={stack.db_socket}" in done.stdout.replace(" ", "")


def test_printed_config_can_be_loaded(stack, program, tmp_path):
    """Once its secrets are filled in again: those that must have a form cannot be a mask."""
    printed = run(stack, program, "--config", stack.config, "--print-config").stdout
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    filled = re.sub(r"(?m)^(http_secret\w*) *= *\*+$", rf"\1={secret}", printed)
    done = run(stack, program, "--config", write(tmp_path, filled), "--check-config")
    assert done.returncode == 0, done.stderr


def test_help_config_is_a_config(stack, program, tmp_path):
    reference = run(stack, program, "--help-config")
    assert reference.returncode == 0
    done = run(stack, program, "--config", write(tmp_path, reference.stdout), "--check-config")
    assert done.returncode == 0, done.stderr
    for key in ("heartbeat_s", "lease_ms", "settings_put_per_min", "from_address", "jwks_file"):
        assert key in reference.stdout


@pytest.mark.parametrize("text,line,words", [
    ("[database]\nsokcet=/x\n", 2, ["sokcet", "socket"]),
    ("# a\n\n[consumer]\nconcurency=4\n", 4, ["concurency", "concurrency"]),
    ("[consmer]\nconcurrency=4\n", 1, ["consmer", "consumer"]),
    ("[retry]\nbase_seconds=4\n", 2, ["base_seconds", "base_s"]),
    ("[consumer]\nconcurrency=0\n", 2, ["concurrency", "1"]),
    ("[consumer]\nconcurrency=many\n", 2, ["concurrency", "many"]),
    ("[consumer]\nconcurrency=4x\n", 2, ["concurrency"]),
    ("[consumer]\ndiagnostics=perhaps\n", 2, ["diagnostics"]),
    ("[broker]\nlayout=line\n", 2, ["layout", "lanes", "priority"]),
    ("[log]\nlevel=loud\n", 2, ["level", "debug"]),
    ("[smtp]\nport=70000\n", 2, ["port", "65535"]),
    ("nonsense\n", 1, []),
])
def test_wrong_config(stack, program, tmp_path, text, line, words):
    path = write(tmp_path, text)
    for option in ("--check-config", "--print-config"):
        done = run(stack, program, "--config", path, option)
        assert done.returncode == EX_CONFIG and not done.stdout, done.stdout
        assert f"{path}:{line}" in done.stderr, done.stderr
        assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("wrong,right", [("sokcet", "socket"), ("pasword", "password"), ("hots", "host"), ("nmae", "name")])
def test_nearest_key_is_named(stack, tmp_path, wrong, right):
    done = run(stack, "bellman-consumer", "--config", write(tmp_path, f"[database]\n{wrong}=x\n"), "--check-config")
    assert f'did you mean "{right}"' in done.stderr


def test_missing_config(stack, program, tmp_path):
    done = run(stack, program, "--config", tmp_path / "nothing.conf", "--check-config")
    assert done.returncode == EX_CONFIG and "nothing.conf" in done.stderr


def test_wrong_config_starts_nothing(stack, tmp_path):
    path = write(tmp_path, "[database]\nsokcet=/x\n")
    for name in ("bellman-api", "bellman-consumer"):
        done = run(stack, name, "--config", path)
        assert done.returncode == EX_CONFIG and f"{path}:2" in done.stderr


def test_environment_overrides_the_file(stack, program, tmp_path):
    path = write(tmp_path, "[consumer]\nconcurrency=4\n")
    done = run(stack, program, "--config", path, "--print-config", BELLMAN_CONSUMER_CONCURRENCY="7")
    assert "concurrency=7" in done.stdout.replace(" ", "")
    done = run(stack, program, "--config", path, "--check-config", BELLMAN_CONSUMER_CONCURRENCY="none")
    assert done.returncode == EX_CONFIG and "BELLMAN_CONSUMER_CONCURRENCY" in done.stderr


def test_secret_from_a_file(stack, program, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret-word\n", encoding="utf-8")
    path = write(tmp_path, f"[database]\npassword_file={secret}\n")
    done = run(stack, program, "--config", path, "--print-config")
    assert done.returncode == 0 and "s3cret-word" not in done.stdout and "********" in done.stdout
    path = write(tmp_path, "[database]\npassword_file=/nothing/here\n")
    done = run(stack, program, "--config", path, "--check-config")
    assert done.returncode == EX_CONFIG and "/nothing/here" in done.stderr


def test_secret_from_a_file_is_used(stack, tmp_path):
    secret = tmp_path / "secret"
    text = pathlib.Path(stack.config).read_text(encoding="utf-8")
    path = write(tmp_path, text.replace("password=bellman", f"password_file={secret}", 1))
    secret.write_text("bellman\n", encoding="utf-8")
    assert run(stack, "bellmanctl", "--config", path, "verify").returncode == 0
    secret.write_text("wrong\n", encoding="utf-8")
    assert run(stack, "bellmanctl", "--config", path, "verify").returncode != 0


# ---- bellmanctl ---------------------------------------------------------------------------------------------------------


def test_commands_explain_themselves(stack):
    for command in (["migrate"], ["verify"], ["token"], ["keys", "create"], ["org", "add"]):
        done = run(stack, "bellmanctl", *command, "--help")
        assert done.returncode == 0 and command[0] in done.stdout
    assert run(stack, "bellmanctl").returncode == EX_USAGE
    assert run(stack, "bellmanctl", "help").returncode == 0


def test_migrate_and_verify_on_a_stack(stack):
    for _ in range(2):
        done = run(stack, "bellmanctl", "--config", stack.config, "migrate")
        assert done.returncode == 0, done.stderr
    done = run(stack, "bellmanctl", "--config", stack.config, "verify")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [[], ["--org", "a"], ["--org", "a", "--sub", "b"], ["--org", "a", "--sub", "b", "--role", "King"],
                                       ["--org", "a/b", "--sub", "b", "--role", "Service"],
                                       ["--org", "a", "--sub", "b", "--role", "Service", "--ttl", "0"],
                                       ["--org", "a", "--sub", "b", "--role", "Service", "--ttl", "soon"]])
def test_wrong_token_commands(stack, arguments):
    done = run(stack, "bellmanctl", "--config", stack.config, "token", *arguments)
    assert done.returncode in (1, EX_USAGE) and not done.stdout and done.stderr, done.stdout


def test_keys_are_private_and_never_overwritten(stack, tmp_path):
    jwks, keyring = tmp_path / "jwks.json", tmp_path / "keyring"
    arguments = ("keys", "create", "--jwks", jwks, "--keyring", keyring)
    assert run(stack, "bellmanctl", *arguments).returncode == 0
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (jwks, keyring))
    before = jwks.read_bytes(), keyring.read_bytes()
    assert run(stack, "bellmanctl", *arguments).returncode != 0
    assert (jwks.read_bytes(), keyring.read_bytes()) == before


def test_org_add(stack):
    for _ in range(2):
        assert run(stack, "bellmanctl", "--config", stack.config, "org", "add", "cli-test", "Zoë & Co").returncode == 0
    assert run(stack, "bellmanctl", "--config", stack.config, "org", "add", "no/slash").returncode != 0
    assert run(stack, "bellmanctl", "--config", stack.config, "org", "add").returncode == EX_USAGE


def test_unreachable_database(stack, tmp_path):
    path = write(tmp_path, "[database]\nsocket=/nothing/here.sock\nconnect_timeout_s=1\n")
    done = run(stack, "bellmanctl", "--config", path, "verify")
    assert done.returncode == 69 and "MariaDB" in done.stderr
