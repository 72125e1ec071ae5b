#!/usr/bin/python3
"""The whole product on private servers: MariaDB, RabbitMQ, nginx, a mail catcher and Bellman's own processes.

    stack.py run|up|down|clean|status
    stack.py restart api|consumer|mariadb|rabbitmq|nginx|mail

Everything lives in one directory ($STACK, default var) and on free loopback ports that are chosen once. `up` leaves
stack.env there. From a test: Stack("/tmp/x").up(), .env, .restart("api"), .down().

Environment: STACK, BELLMAN_BUILD (directory of the programs), BELLMAN_CONF_EXTRA (INI text, or a file of it, laid over the
configuration), BELLMAN_APIS (number of API processes), BELLMAN_LAYOUT (lanes or priority), BELLMAN_PARTS (comma-separated,
for the servers alone).
"""
import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import config  # noqa: E402
import parts  # noqa: E402
import procs  # noqa: E402
from procs import StartError  # noqa: E402,F401  (tests catch it)

SERVERS = ("mariadb", "rabbitmq", "mail", "nginx")
OURS = ("api", "consumer")
TOKEN_TTL_S = 30 * 24 * 3600
SOCKET_PATH_MAX = 107
REMEMBERED = ("apis", "layout", "conf_extra")


class Stack:
    def __init__(self, directory=None, build=None, conf_extra=None, apis=None, layout=None, only=None, quiet=False,
                 mariadb=()):
        env = os.environ
        self.home = pathlib.Path(directory or env.get("STACK") or "var").resolve()
        self.dir = self._plain(self.home)
        build = pathlib.Path(build or env.get("BELLMAN_BUILD") or f"build/{env.get('PROFILE', 'release')}")
        self.build = build if build.is_absolute() else config.REPOSITORY / build
        self.conf_extra = conf_extra if conf_extra is not None else env.get("BELLMAN_CONF_EXTRA", "")
        self.layout = layout or env.get("BELLMAN_LAYOUT") or "lanes"
        self.mariadb = tuple(mariadb)  # further options of its server
        self.apis = int(apis or env.get("BELLMAN_APIS") or 1)
        self.only = set(only or filter(None, env.get("BELLMAN_PARTS", "").split(","))) or {*SERVERS, *OURS}
        self.quiet = quiet
        self.lock = threading.RLock()
        self.aborted = threading.Event()  # set: whoever is still starting something gives up
        self.began = time.monotonic()
        self.log_dir = self.dir / "log"
        self.maildir = self.dir / "mail"
        self.config = self.dir / "bellman.conf"
        self.node = "b" + hashlib.sha256(str(self.dir).encode()).hexdigest()[:10]
        self.vhost = config.rabbitmq_vhost()
        self.token = ""
        self.ports = {}
        self._choose_run_dir()
        self.db_socket = f"{self.run_dir}/mariadb.sock"
        self._name_sockets()

    # ---- what is where ----------------------------------------------------------------------------------------------

    @staticmethod
    def _own_name(path):
        return pathlib.Path("/tmp") / f"bellman-{hashlib.sha256(f'{os.geteuid()}:{path}'.encode()).hexdigest()[:12]}"

    def _plain(self, home):
        """The directory under a name that the servers' scripts can take: they stumble over spaces and quotes."""
        if re.fullmatch(r"[A-Za-z0-9_./+-]+", str(home)):
            return home
        link = self._own_name(home).with_suffix(".dir")
        if not link.is_symlink():
            link.symlink_to(home)
        if link.lstat().st_uid != os.geteuid() or os.readlink(link) != str(home):
            raise StartError(f"{link} belongs to somebody else")
        return link

    def _choose_run_dir(self):
        """Sockets live beside the data, or in /tmp when that path is too long for the kernel."""
        inside = self.dir / "run"
        if len(f"{inside}/consumer-4194304.ready") <= SOCKET_PATH_MAX:
            self.run_dir = inside
        else:
            self.run_dir = self._own_name(self.dir)

    def _name_sockets(self):
        self.api_sockets = [f"{self.run_dir}/api-{i}{slot}.sock" for slot in "ab" for i in range(1, self.apis + 1)]

    def _make_directories(self):
        for path in (self.home, self.log_dir):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.run_dir, self.dir / "keys"):
            path.mkdir(mode=0o700, exist_ok=True)
        if self.run_dir.stat().st_uid != os.geteuid() or self.run_dir.is_symlink():
            raise StartError(f"{self.run_dir} belongs to somebody else")

    def _choose_ports(self):
        """Remembered from the last time; replaced when somebody else sits there now."""
        path = self.dir / "ports.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        owner = {"http": "nginx", "amqp": "rabbitmq", "dist": "rabbitmq", "epmd": "epmd", "smtp": "mail"}
        records = self.records()
        for name, part in owner.items():
            port = known.get(name)
            if port is None or not (procs.is_same(records.get(part)) or procs.port_is_free(port)):
                known[name] = procs.choose_port(set(known.values()))
        path.write_text(json.dumps(known))
        self.ports = known

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def amqp_url(self):
        vhost = urllib.parse.quote(self.vhost, safe="")
        return f"amqp://{config.AMQP_USER}:{config.AMQP_PASSWORD}@127.0.0.1:{self.ports['amqp']}/{vhost}"

    def records(self):
        """{name: {"pid", "start"}} of every process this stack has started."""
        with self.lock, contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads((self.dir / "pids.json").read_text())
        return {}

    def remember(self, name, pid):
        with self.lock:
            records = self.records()
            records[name] = procs.record_of(pid)
            part = self.dir / "pids.json.new"
            part.write_text(json.dumps(records, indent=1))
            part.rename(self.dir / "pids.json")

    @property
    def env(self):
        """stack.env as a dictionary of strings."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.dir / "stack.env").read_text(encoding="utf-8").splitlines()
            return {k: "".join(shlex.split(v)) for k, _, v in (line.partition("=") for line in lines if "=" in line)}
        return {}

    def _write_env(self):
        values = {
            "BELLMAN_URL": self.url, "BELLMAN_CONFIG": self.config, "BELLMAN_TOKEN": self.token,
            "BELLMAN_DB_SOCKET": self.db_socket, "BELLMAN_DB_NAME": config.DB_NAME,
            "BELLMAN_DB_USER": config.DB_USER, "BELLMAN_DB_PASSWORD": config.DB_PASSWORD,
            "BELLMAN_AMQP_URL": self.amqp_url, "BELLMAN_MAILDIR": self.maildir, "BELLMAN_LOG_DIR": self.log_dir,
            "BELLMAN_RUN_DIR": self.run_dir, "BELLMAN_BIN": self.build, "BELLMAN_SMTP_PORT": self.ports["smtp"],
            "BELLMAN_RABBITMQCTL": self.dir / "rabbitmq" / "rabbitmqctl",
            "BELLMAN_RABBITMQ_EVAL": self.dir / "rabbitmq" / "rabbitmq_eval",
        }
        for name, record in sorted(self.records().items()):
            key = name.upper().replace("-", "_")
            key = f"BELLMAN_API_PID_{key[4:]}" if key.startswith("API_") else f"BELLMAN_{key}_PID"
            values[key] = record["pid"]
        config.write_private(self.dir / "stack.env",
                             "".join(f"{k}={shlex.quote(str(v))}\n" for k, v in values.items()))

    def say(self, text):
        if not self.quiet:
            parts.say(text)

    # ---- parts ------------------------------------------------------------------------------------------------------

    def part(self, name):
        kinds = {"mariadb": parts.MariaDb, "rabbitmq": parts.RabbitMq, "mail": parts.Mail, "nginx": parts.Nginx,
                 "consumer": parts.Consumer}
        if name in kinds:
            return kinds[name](self)
        if name == "api" or (name.startswith("api_") and name[4:].isdigit()):
            return parts.Api(self, int(name[4:] or 1) if name != "api" else 1)
        raise StartError(f"no part '{name}': api, consumer, mariadb, rabbitmq, nginx, mail")

    def part_names(self, group):
        names = [n for n in group if n in self.only]
        if "api" in names:
            names += [f"api_{i}" for i in range(2, self.apis + 1)]
        return names

    def is_alive(self, name):
        return procs.is_same(self.records().get(name))

    def _start(self, name):
        if self.is_alive(name):
            return
        began = time.monotonic()
        pid = self.part(name).start()
        self.remember(name, pid)
        self.say(f"  {name:<10} ready in {time.monotonic() - began:4.1f} s  (pid {pid})")
        if name == "mariadb":
            self._prepare_database()

    def _start_together(self, names):
        if not names:
            return
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:  # leaving it waits for all
            try:
                started = {pool.submit(self._start, name): name for name in names}
                for future in concurrent.futures.as_completed(started):
                    self._raise_failure(started[future], future.exception())
            except BaseException:
                self.aborted.set()
                raise

    def _raise_failure(self, name, error):
        if isinstance(error, (StartError, OSError, subprocess.SubprocessError)):
            raise StartError(f"{name}: {error}", getattr(error, "log", None) or self.log_dir / f"{name}.log")
        if error is not None:
            raise error

    def _ctl(self, *arguments):
        log = self.log_dir / "bellmanctl.log"
        return procs.run([self.build / "bellmanctl", *arguments], "bellmanctl " + " ".join(map(str, arguments[:4])), log,
                         timeout_s=120)

    def _has_programs(self):
        return any(name in self.only for name in OURS)

    def _prepare_keys(self):
        jwks, keyring = self.dir / "keys" / "jwks.json", self.dir / "keys" / "keyring"
        if self._has_programs() and not (jwks.exists() and keyring.exists()):
            self._ctl("keys", "create", "--jwks", jwks, "--keyring", keyring)

    def _prepare_database(self):
        if not self._has_programs():
            return
        ctl = ("--config", self.config)
        self._ctl(*ctl, "migrate")
        self._ctl(*ctl, "org", "add", "demo")
        self.token = self._ctl(*ctl, "token", "--org", "demo", "--sub", "admin", "--role", "SystemAdmin", "--ttl",
                               str(TOKEN_TTL_S)).strip()

    @contextlib.contextmanager
    def _exclusive(self):
        """One launcher at a time works on a stack."""
        self.home.mkdir(parents=True, exist_ok=True)
        with open(self.dir / ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # ---- commands ---------------------------------------------------------------------------------------------------

    def up(self):
        with self._exclusive():
            self.began = time.monotonic()
            self.aborted.clear()
            self._check_programs()
            self._make_directories()
            self._choose_ports()
            self._write_options()
            config.write_bellman(self)
            try:
                self._prepare_keys()
                self.token = self.env.get("BELLMAN_TOKEN", "")
                self._start_together(self.part_names(SERVERS))
                self._start_together(self.part_names(OURS))
                if {"api", "nginx", "mariadb"} <= self.only:
                    parts.wait_until_ready(self.url, self.log_dir / "api.log", self.aborted)
                if not self.token and "mariadb" in self.only:
                    self._prepare_database()
            except BaseException as error:
                self._explain(error)
                self._stop_all()
                raise
            self._write_env()
        self.say(f"  up in {time.monotonic() - self.began:.1f} s")
        return self

    def _check_programs(self):
        wanted = ["bellmanctl"] if self._has_programs() else []
        wanted += [f"bellman-{n}" for n in OURS if n in self.only]
        missing = [n for n in wanted if not os.access(self.build / n, os.X_OK)]
        if missing:
            raise StartError(f"not built: {', '.join(missing)} in {self.build}; run make first")

    @staticmethod
    def _explain(error):
        if isinstance(error, StartError) and error.log:
            parts.fail(f"stack: {error}\n  the end of {error.log}:\n{parts.tail(error.log)}")

    def _write_options(self):
        options = {name: getattr(self, name) for name in REMEMBERED}
        config.write_private(self.dir / "options.json", json.dumps({**options, "only": sorted(self.only)}, indent=1))

    def recall(self):
        """Takes over what the stack was last brought up with, for a command line that does not repeat it."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            options = json.loads((self.dir / "options.json").read_text(encoding="utf-8"))
            for name in REMEMBERED:
                setattr(self, name, options[name])
            self.only = set(options["only"])
            self._name_sockets()
        return self

    def down(self):
        if self.home.exists():
            with self._exclusive():
                self._stop_all()

    def _stop_all(self):
        """The front door first, then the workers, then what they lean on."""
        names = self.records()
        if "rabbitmq-shell" in names:
            names.setdefault("rabbitmq", None)
        apis = [n for n in names if n == "api" or n.startswith("api_")]
        self.apis = max(self.apis, len(apis))
        self._name_sockets()
        for group in (["nginx"], [*apis, "consumer"], ["mail", "mariadb", "rabbitmq"]):
            threads = [threading.Thread(target=self._stop, args=(n, names[n])) for n in group if n in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        parts.RabbitMq(self).stop_epmd()
        (self.dir / "pids.json").unlink(missing_ok=True)
        if self.run_dir.parent == pathlib.Path("/tmp"):
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def _stop(self, name, record):
        if not self.part(name).stop(record):
            self.say(f"  {name} did not end in time and was killed")

    def restart(self, name):
        """Starts a part again, dead or alive. `api` means all API processes, one after the other."""
        with self._exclusive():
            self.aborted.clear()
            self._make_directories()
            self._choose_ports()
            config.write_bellman(self)
            self.token = self.env.get("BELLMAN_TOKEN", "")
            part_names = [name]
            if name == "api":
                part_names += sorted(n for n in self.records() if n.startswith("api_"))
            for part_name in part_names:
                part = self.part(part_name)
                try:
                    pid = part.restart(self.records().get(part_name))
                except StartError as error:
                    self._explain(error)
                    raise
                self.remember(part_name, pid)
                self.say(f"  {part_name:<10} restarted (pid {pid})")
            self._write_env()
        return int(self.records()[name]["pid"])

    def kill(self, name, sig=signal.SIGKILL):
        """Sends a signal to a part and, for SIGKILL, waits until it is gone."""
        record = self.records()[name]
        os.kill(record["pid"], sig)
        if sig == signal.SIGKILL:
            while procs.is_same(record):
                procs.reap(record["pid"])
                time.sleep(0.01)

    def clean(self):
        self.down()
        shutil.rmtree(self.home, ignore_errors=True)
        if self.dir != self.home:
            self.dir.unlink(missing_ok=True)

    def run(self):
        """In the foreground until SIGINT, SIGTERM or SIGHUP."""
        ended = threading.Event()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda *_: self._interrupt(ended))
        self.starting = True
        try:
            self.up()
        except KeyboardInterrupt:
            self.say("  stopped while starting")
            return 130
        self.starting = False
        self.say(self.welcome())
        told = set()
        while not ended.wait(1):
            for name, record in self.records().items():
                dead = (name, record["pid"])
                if name not in ("rabbitmq-shell", "epmd") and dead not in told and not procs.is_same(record):
                    procs.reap(record["pid"])
                    told.add(dead)
                    self.say(f"  {name} has ended (log: {self.log_dir}/{name}.log); "
                             f"start it again: make stack-restart PART={name}")
        self.say("  stopping")
        self.down()
        self.say("  stopped; the data stays in " + str(self.dir))
        return 0

    def _interrupt(self, ended):
        again = ended.is_set()
        ended.set()
        if self.starting and not again:
            raise KeyboardInterrupt

    def welcome(self):
        env_file = self.dir / "stack.env"
        if not self.token:
            return f"\nThe servers are up, without Bellman's own programs: {env_file}"
        return f"""
Bellman is up.

  Page      {self.url}/
  Sign in   paste this token (organization demo, role SystemAdmin, good for 30 days):

{self.token}

  Create a job and look at it:

    . {shlex.quote(str(env_file))}
    curl -s "$BELLMAN_URL/api/system/background-jobs" -H "Authorization: Bearer $BELLMAN_TOKEN" \\
         -H 'Content-Type: application/json' -d '{{"job_type":"noop","payload":{{}}}}'
    curl -s "$BELLMAN_URL/api/system/background-jobs?limit=5" -H "Authorization: Bearer $BELLMAN_TOKEN"

  Mail      {self.maildir}/new      Logs {self.log_dir}
  Ctrl-C stops everything."""

    def status(self):
        for name, record in sorted(self.records().items()):
            self.say(f"  {name:<15} {'up' if procs.is_same(record) else 'down'}  (pid {record['pid']})")


def temporary(**options):
    """A stack in a fresh directory under /tmp; the caller calls clean()."""
    return Stack(tempfile.mkdtemp(prefix="bellman-"), **options)


def main(arguments):
    command = arguments[0] if arguments else ""
    if len(arguments) != (2 if command == "restart" else 1):
        parts.fail(__doc__)
        return 64
    stack = Stack()
    if command not in ("run", "up"):
        stack.recall()
    try:
        if command == "run":
            return stack.run()
        if command == "up":
            stack.up()
            stack.say(stack.welcome().replace("Ctrl-C stops everything.", "make down stops everything."))
        elif command == "restart":
            stack.restart(arguments[1])
        elif command in ("down", "clean", "status"):
            getattr(stack, command)()
        else:
            parts.fail(__doc__)
            return 64
    except StartError as error:
        if not error.log:
            parts.fail(f"stack: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
