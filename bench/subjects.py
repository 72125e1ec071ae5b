"""What is measured: Bellman, and the same API in FastAPI + SQLAlchemy + Celery, on one private MariaDB and RabbitMQ."""
import base64
import concurrent.futures
import datetime
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import jwt
import pika
import pymysql

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "stack"))

import measure  # noqa: E402
import procs  # noqa: E402

JOB = {"job_type": "noop", "payload": {}}
JOBS = "/api/system/background-jobs"
PATIENCE_S = 600
FILLERS = 8


class Subject:
    """url, token; clear(), settle(), fill(n), start_worker(), worker_runs(), stop_worker()."""

    name = ""
    queues = ()

    def __init__(self, stack, database):
        self.stack = stack
        self.database = database
        self.url = ""
        self.token = ""

    def connect(self):
        return pymysql.connect(unix_socket=str(self.stack.db_socket), user="root", database=self.database,
                               autocommit=True)

    def query(self, sql):
        with self.connect() as db, db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()

    def purge(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.stack.amqp_url + "?heartbeat=0"))
        for queue in self.queues:
            connection.channel().queue_purge(queue)
        connection.close()

    def first_id(self):
        with urllib.request.urlopen(urllib.request.Request(
                self.url + JOBS + "?limit=1", headers={"Authorization": f"Bearer {self.token}"})) as answer:
            return json.load(answer)["jobs"][0]["id"]

    def cpu_seconds(self):
        """Of the servers and of the subject; the other subject idles meanwhile."""
        return measure.cpu_seconds(r["pid"] for r in (*self.stack.records().values(), *self.own_processes()))

    def own_processes(self):
        return ()

    def rows(self):
        return self.query("SELECT COUNT(*) FROM background_jobs")[0]

    def drain(self, expected):
        """Starts the worker and waits for the last row. Seconds from the process's start and from the first
        claim, and processor time."""
        before = self.cpu_seconds()
        began = datetime.datetime.utcnow()
        self.start_worker()
        deadline = time.monotonic() + PATIENCE_S
        with self.connect() as db, db.cursor() as cursor:
            while cursor.execute("SELECT 1 FROM background_jobs WHERE organization_id='demo' AND "
                                 "status IN ('queued','processing') LIMIT 1"):
                if time.monotonic() > deadline or not self.worker_runs():
                    raise RuntimeError(f"{self.name}: not drained; its log is in {self.stack.log_dir}")
                time.sleep(0.2)
        cpu = self.cpu_seconds() - before
        first, last, done = self.query("SELECT MIN(started_at), MAX(completed_at), SUM(status='completed') "
                                       "FROM background_jobs")
        self.stop_worker()
        if done != expected:
            raise RuntimeError(f"{self.name}: {done} of {expected} jobs completed")
        return (last - began).total_seconds(), (last - first).total_seconds(), cpu


class Bellman(Subject):
    name = "Bellman"
    queues = tuple(f"bellman.jobs.{lane}{tier}" for lane in ("high", "normal", "low") for tier in ("", ".backlog"))

    def __init__(self, stack):
        super().__init__(stack, stack.env["BELLMAN_DB_NAME"])
        self.url, self.token = stack.env["BELLMAN_URL"], stack.env["BELLMAN_TOKEN"]

    def clear(self):
        with self.connect() as db, db.cursor() as cursor:
            for sql in ("SET FOREIGN_KEY_CHECKS=0", "TRUNCATE job_attempts", "TRUNCATE background_jobs",
                        "DELETE FROM job_counts"):
                cursor.execute(sql)
        self.purge()

    def settle(self):
        """Until the broker has confirmed the message of every row: the API publishes after its answer."""
        deadline = time.monotonic() + PATIENCE_S
        with self.connect() as db, db.cursor() as cursor:
            while cursor.execute("SELECT 1 FROM background_jobs WHERE status='queued' AND dispatch_at IS NOT NULL "
                                 "LIMIT 1"):
                if time.monotonic() > deadline:
                    raise RuntimeError("Bellman: messages are not confirmed")
                time.sleep(0.005)

    def fill(self, n):
        """Over HTTP, by a few threads."""
        with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
            for done in [pool.submit(self.post, n // FILLERS + (i < n % FILLERS)) for i in range(FILLERS)]:
                done.result()
        self.settle()

    def post(self, n):
        where = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname, where.port)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for _ in range(n):
            connection.request("POST", JOBS, json.dumps(JOB), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"Bellman: {answer.status}")

    def start_worker(self):
        self.stack.restart("consumer")

    def worker_runs(self):
        return self.stack.is_alive("consumer")

    def stop_worker(self):
        self.stack.part("consumer").stop(self.stack.records().get("consumer"))


class Peer(Subject):
    """Celery's pool and numbers are the best of `bench/run --tune`."""

    name = "FastAPI + Celery"
    queues = ("peer.jobs",)

    def __init__(self, stack, pool="prefork", concurrency=8, prefetch=50, uvicorn_workers=2):
        super().__init__(stack, "peer")
        self.pool, self.concurrency, self.prefetch = pool, concurrency, prefetch
        self.log_dir = stack.log_dir
        self.processes = {}
        key = os.urandom(32)
        self.port = procs.choose_port(set(stack.ports.values()))
        self.url = f"http://127.0.0.1:{self.port}"
        claims = {"sub": "admin", "org": "demo", "roles": ["SystemAdmin"], "exp": int(time.time()) + 86400}
        self.token = jwt.encode(claims, key, algorithm="HS256")
        self.base_env = dict(
            os.environ, PYTHONPATH=str(HERE / "peers"), PEER_DB_SOCKET=str(stack.db_socket), PEER_DB_USER="root",
            PEER_DB_PASSWORD="", PEER_DB_NAME="peer", PEER_AMQP_URL=stack.amqp_url,
            PEER_JWT_KEY=base64.urlsafe_b64encode(key).decode())
        stack.part("mariadb").sql("CREATE DATABASE IF NOT EXISTS peer CHARACTER SET utf8mb4")
        self.python("""
from fastapi_celery import model, tasks
engine = model.make_engine(1)
model.metadata.create_all(engine)
with engine.begin() as db:
    db.execute(model.sa.text("INSERT IGNORE INTO organizations VALUES ('demo', 'Demo')"))
with tasks.app.connection_for_write() as broker:
    for queue in tasks.app.conf.task_queues:
        queue(broker.default_channel).declare()
""")
        self.spawn("api", ["uvicorn", "fastapi_celery.api:app", "--host", "127.0.0.1", "--port", self.port, "--workers",
                           uvicorn_workers, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--backlog",
                           2048])
        procs.wait_for("uvicorn", self.answers, 60, self.log_dir / "peer-api.log", self.processes["api"]["pid"])

    @property
    def env(self):
        return dict(self.base_env, PEER_PREFETCH=str(self.prefetch),
                    PEER_CONCURRENCY=str(self.concurrency if self.pool == "threads" else 1))

    def python(self, code, *arguments):
        done = subprocess.run(["/usr/bin/python3", "-c", code, *arguments], env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"peer: {done.stdout}")

    def spawn(self, name, argv):
        """A Python module as a program, always by Debian's Python."""
        pid = procs.spawn(["/usr/bin/python3", "-m", *argv], self.log_dir / f"peer-{name}.log", env=self.env,
                          cwd=self.stack.dir)
        self.processes[name] = procs.record_of(pid)

    def own_processes(self):
        return self.processes.values()

    def stop(self, name):
        procs.stop(self.processes.pop(name, None), 30)

    def answers(self):
        try:
            with urllib.request.urlopen(self.url + "/api/system/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def clear(self):
        with self.connect() as db, db.cursor() as cursor:
            cursor.execute("TRUNCATE background_jobs")
        self.purge()

    def settle(self):
        """Nothing: the handler waits for the broker's confirm."""

    def fill(self, n):
        """Rows in bulk, then a message for each without waiting for its confirm: filling is not what is measured."""
        self.python("""
import sys
from fastapi_celery import model, tasks
now = model.utc_now()
rows = [dict(id=model.new_id(), organization_id="demo", job_type="noop", status="queued", priority=0, payload="{}",
             retry_count=0, max_retries=3, created_at=now, updated_at=now, created_by="admin", updated_by="admin",
             attempt=0, timeout_s=30) for _ in range(int(sys.argv[1]))]
with model.make_engine(1).begin() as db:
    db.execute(model.sa.insert(model.jobs), rows)
tasks.app.conf.broker_transport_options = {}
for row in rows:
    tasks.publish(row["id"], 0)
""", str(n))
        self.wait_for_messages(n)

    def wait_for_messages(self, n):
        connection = pika.BlockingConnection(pika.URLParameters(self.stack.amqp_url + "?heartbeat=0"))
        channel = connection.channel()
        deadline = time.monotonic() + PATIENCE_S
        while channel.queue_declare(self.queues[0], passive=True).method.message_count < n:
            if time.monotonic() > deadline:
                raise RuntimeError("the peer's messages did not all arrive")
            time.sleep(0.05)
        connection.close()

    def start_worker(self):
        self.spawn("worker", ["celery", "-A", "fastapi_celery.tasks", "worker", f"--pool={self.pool}",
                              f"--concurrency={self.concurrency}", "--without-gossip", "--without-mingle",
                              "--without-heartbeat", "--loglevel=WARNING", "-O", "fair"])

    def worker_runs(self):
        return procs.is_same(self.processes.get("worker"))

    def stop_worker(self):
        self.stop("worker")

    def close(self):
        for name in list(self.processes):
            self.stop(name)
