"""The parts of a stack: how each is started, when it is ready, how it is stopped. Each start returns a process id."""
import contextlib
import os
import pathlib
import signal
import sys
import time
import urllib.error
import urllib.request

import config
import procs

AS_ROOT = os.geteuid() == 0
# Sanitizers and valgrind take their time.
SLOW = 4 if any(w in os.environ.get("BELLMAN_BUILD", "") for w in ("san", "valgrind")) else 1


class Part:
    """name is the one in stack.env (BELLMAN_<NAME>_PID); stop_s bounds the wait for a polite end."""

    name = ""
    stop_s = 10
    stop_signal = signal.SIGTERM

    def __init__(self, stack):
        self.stack = stack
        self.log = stack.log_dir / f"{self.name}.log"

    def start(self):
        raise NotImplementedError

    def spawn(self, argv, log=None, name=None, **options):
        """Starts a process and remembers it before anything else can happen, so that a stop always finds it."""
        with self.stack.lock:
            if self.stack.aborted.is_set():
                raise procs.StartError(f"{self.name}: interrupted")
            pid = procs.spawn(argv, log or self.log, **options)
            self.stack.remember(name or self.name, pid)
        return pid

    def wait_for(self, check, timeout_s, pid, log=None, what=None):
        return procs.wait_for(what or self.name, check, timeout_s, log or self.log, pid, self.stack.aborted)

    def stop(self, record):
        """An interrupted start is not waited for: the servers hear no signal, or half of it, while they start."""
        if self.stack.aborted.is_set():
            procs.stop(record, min(self.stop_s, 2), self.stop_signal)
            return True
        return procs.stop(record, self.stop_s, self.stop_signal)

    def restart(self, record):
        self.stop(record)
        return self.start()


class MariaDb(Part):
    name = "mariadb"
    stop_s = 60

    def start(self):
        stack, home = self.stack, self.stack.dir / "mariadb"
        home.mkdir(exist_ok=True)
        as_root = ["--user=root"] if AS_ROOT else []
        data = home / "data"
        if not data.exists():
            fresh = home / f"data.{os.getpid()}"
            # A temporary folder of its own: a server that starts removes what others have left in a shared one, or still use.
            procs.run(["mariadb-install-db", "--no-defaults", f"--datadir={fresh}", f"--tmpdir={home}", "--skip-test-db",
                       "--auth-root-authentication-method=normal", "--skip-name-resolve", *as_root],
                      "mariadb-install-db", self.log, timeout_s=120)
            fresh.rename(data)
        mariadbd = next((p for p in ("/usr/sbin/mariadbd", "/usr/sbin/mysqld") if os.path.exists(p)), "mariadbd")
        pid = self.spawn([
            mariadbd, "--no-defaults", f"--datadir={data}", f"--socket={stack.db_socket}", *as_root,
            f"--pid-file={home}/pid", "--skip-networking", "--skip-name-resolve", "--innodb-buffer-pool-size=256M",
            "--innodb-log-file-size=128M", "--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1",
            "--character-set-server=utf8mb4", "--max-connections=300", "--performance-schema=OFF",
            f"--tmpdir={home}", *stack.mariadb])
        self.wait_for(lambda: procs.greeting(stack.db_socket, wanted=b"MariaDB"), 60, pid)
        self.sql(f"CREATE DATABASE IF NOT EXISTS {config.DB_NAME} CHARACTER SET utf8mb4;"
                 f"CREATE USER IF NOT EXISTS '{config.DB_USER}'@'localhost' IDENTIFIED BY '{config.DB_PASSWORD}';"
                 f"GRANT ALL ON {config.DB_NAME}.* TO '{config.DB_USER}'@'localhost';")
        return pid

    def sql(self, text):
        procs.run(["mariadb", "--no-defaults", "--user=root", f"--socket={self.stack.db_socket}"],
                  "mariadb client", self.log, stdin=text)


class RabbitMq(Part):
    name = "rabbitmq"
    stop_s = 30

    def start(self):
        stack = self.stack
        config.write_rabbitmq(stack)
        env = config.rabbitmq_env(stack, {k: v for k, v in os.environ.items() if not k.startswith("RABBITMQ")})
        self.start_epmd(env)
        shell = self.spawn(["/usr/lib/rabbitmq/bin/rabbitmq-server"], name="rabbitmq-shell", env=env,
                           cwd=stack.dir / "rabbitmq")
        pid = self.wait_for(lambda: self.beam_of(shell), 20, shell)
        stack.remember(self.name, pid)
        address = ("127.0.0.1", stack.ports["amqp"])
        self.wait_for(lambda: procs.greeting(address, b"AMQP\0\0\x09\x01", b"capabilities"), 90, shell)
        return pid

    def start_epmd(self, env):
        """The name server of Erlang is ours too; if the node started it, it would outlive everybody."""
        stack = self.stack
        if not procs.is_same(stack.records().get("epmd")):
            log = stack.log_dir / "epmd.log"
            pid = self.spawn(["epmd", "-port", stack.ports["epmd"], "-address", "127.0.0.1"], log, name="epmd", env=env)
            self.wait_for(lambda: not procs.port_is_free(stack.ports["epmd"]), 10, pid, log, "epmd")

    @staticmethod
    def beam_of(shell):
        """rabbitmq-server is a shell that waits for the Erlang machine: its child is the one to watch and to kill."""
        with contextlib.suppress(OSError, ValueError):
            for child in pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split():
                if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "beam.smp":
                    return int(child)
        return None

    def stop(self, record):
        shell = self.stack.records().get("rabbitmq-shell")
        if not record and procs.is_same(shell):  # interrupted between the two
            beam = self.beam_of(shell["pid"])
            record = procs.record_of(beam) if beam else None
        polite = super().stop(record)
        procs.stop(shell, 10)
        return polite

    def stop_epmd(self):
        procs.stop(self.stack.records().get("epmd"), 5)


class Mail(Part):
    name = "mail"

    def start(self):
        port = self.stack.ports["smtp"]
        pid = self.spawn(["/usr/bin/python3", pathlib.Path(__file__).with_name("mailcatcher.py"), "--port", port,
                          "--maildir", self.stack.maildir])
        self.wait_for(lambda: procs.greeting(("127.0.0.1", port), wanted=b"220 "), 20, pid)
        return pid


class Nginx(Part):
    name = "nginx"

    def start(self):
        stack = self.stack
        config.write_nginx(stack)
        nginx = next((p for p in ("/usr/sbin/nginx",) if os.path.exists(p)), "nginx")
        pid = self.spawn([nginx, "-e", self.log, "-p", f"{stack.dir}/nginx", "-c", f"{stack.dir}/nginx/nginx.conf"])
        self.wait_for(lambda: not procs.port_is_free(stack.ports["http"]), 10, pid)
        return pid


class Program(Part):
    """One of ours: says READY=1 to NOTIFY_SOCKET when it serves."""

    program = ""
    stop_s = 40

    def start(self):
        return self.start_with({})

    def start_with(self, extra_env):
        ready = procs.ReadySocket(f"{self.stack.run_dir}/{self.name}-{os.getpid()}.ready")
        try:
            env = dict(os.environ, NOTIFY_SOCKET=ready.path, **extra_env)
            pid = self.spawn([self.stack.build / self.program, "--config", self.stack.config], env=env)
            self.wait_for(ready.is_ready, 30 * SLOW, pid, what=self.program)
        finally:
            ready.close()
        return pid


class Consumer(Program):
    name = "consumer"
    program = "bellman-consumer"


class Api(Program):
    """One of N processes behind nginx. Each has two sockets to choose from: a living process is replaced by starting its
    successor on the other one first, so that no request meets a closed door."""

    program = "bellman-api"

    def __init__(self, stack, number=1):
        self.name = "api" if number == 1 else f"api_{number}"
        super().__init__(stack)
        half = len(stack.api_sockets) // 2
        self.sockets = (stack.api_sockets[number - 1], stack.api_sockets[half + number - 1])

    def start(self):
        return self.start_on(self.sockets[0])

    def start_on(self, path):
        pid = self.start_with({"BELLMAN_API_LISTEN": path})
        self.wait_for(lambda: procs.unix_answers(path), 10, pid, what=self.program)
        return pid

    def restart(self, record):
        if not procs.is_same(record):
            return self.start()
        free = next((p for p in self.sockets if not procs.unix_answers(p)), None)
        if free is None:
            self.stop(record)
            return self.start()
        pid = self.start_on(free)
        self.stop(record)
        return pid


def wait_until_ready(url, log, aborted=None):
    """/readyz through nginx: the whole way a request takes."""
    said = ""

    def check():
        nonlocal said
        try:
            with urllib.request.urlopen(url + "/readyz", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")[:500]
        except OSError as error:
            said = str(error)
        return False

    try:
        procs.wait_for("readyz", check, 20 * SLOW, log, aborted=aborted)
    except procs.StartError:
        raise procs.StartError(f"{url}/readyz does not say 200 but: {said}", log) from None


def tail(path, lines=25):
    with contextlib.suppress(OSError):
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join("    " + line[:400] for line in text[-lines:])
    return ""


def say(text):
    print(text, flush=True)


def fail(text):
    print(text, file=sys.stderr, flush=True)
