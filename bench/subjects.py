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
BULK = JOBS + "/bulk"
BULK_JOBS = 500
PATIENCE_S = 600
FILLERS = 3
FILL_PORTION = 6000
FILL_CHUNK = 100000
SPAN_S = 6 * 86400

ID_SQL = ("CONCAT(SUBSTR(LPAD(HEX(ms), 12, '0'), 1, 8), '-', SUBSTR(LPAD(HEX(ms), 12, '0'), 9), '-7', SUBSTR(MD5(seq), 1, 3),"
          " '-8', SUBSTR(MD5(seq), 4, 3), '-', SUBSTR(MD5(seq), 7, 12))")
FILLED = {
    "id": ID_SQL, "organization_id": "'demo'", "job_type": "ELT(1 + seq % 6, 'noop', 'noop', 'noop', 'sleep', 'fail', 'email.send')",
    "status": "ELT(1 + seq * 7919 % 20, 'failed', 'failed', 'cancelled', 'completed', 'completed', 'completed', 'completed',"
              + ", ".join(["'completed'"] * 13) + ")",
    "priority": "ELT(1 + (seq DIV 7) % 5, 0, 0, 0, 1, -1)", "payload": "'{}'", "retry_count": "0", "max_retries": "3",
    "started_at": "at", "completed_at": "at + INTERVAL 1 SECOND", "created_at": "at", "updated_at": "at",
    "created_by": "'admin'", "updated_by": "'admin'", "attempt": "1", "timeout_s": "30"}


class Subject:
    """url, token; clear(), settle(), fill(n), start_worker(), worker_runs(), stop_worker()."""

    name = ""
    queues = ()
    filled_columns = FILLED

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

    def is_busy(self, cursor):
        """Whether jobs wait or run."""
        return cursor.execute("SELECT 1 FROM background_jobs WHERE organization_id='demo' AND "
                              "status IN ('queued','processing') LIMIT 1")

    def drain(self, expected):
        """Starts the worker and waits for the last row. Seconds from the process's start and from the first
        claim, and processor time."""
        before = self.cpu_seconds()
        began = datetime.datetime.utcnow()
        self.start_worker()
        deadline = time.monotonic() + PATIENCE_S
        with self.connect() as db, db.cursor() as cursor:
            while self.is_busy(cursor):
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

    def fill_finished(self, n, of=None):
        """Rows of finished jobs by SQL until there are n, created one after the other within the last six days."""
        have = self.rows()
        with self.connect() as db, db.cursor() as cursor:
            cursor.execute("SET unique_checks=0, foreign_key_checks=0")
            for first in range(have + 1, n + 1, FILL_CHUNK):
                cursor.execute(self.finished_sql(first, min(first + FILL_CHUNK - 1, n), of or n))
            self.count_rows(cursor)
            cursor.execute("ANALYZE TABLE background_jobs")

    def finished_sql(self, first, last, of):
        """The seq-th of `of` jobs; six types and priorities in turn, of twenty jobs two failed and one was cancelled."""
        at = f"UTC_TIMESTAMP(6) - INTERVAL {SPAN_S} SECOND + INTERVAL FLOOR(seq * {SPAN_S * 1000000} / {of}) MICROSECOND"
        return f"""INSERT INTO background_jobs ({', '.join(self.filled_columns)})
            SELECT {', '.join(self.filled_columns.values())} FROM (SELECT seq, {at} AS at,
            FLOOR(UNIX_TIMESTAMP({at}) * 1000) AS ms FROM seq_{first}_to_{last}) made"""

    def count_rows(self, cursor):
        pass


class Bellman(Subject):
    name = "Bellman"
    queues = tuple(f"bellman.jobs.{lane}{tier}" for lane in ("high", "normal", "low")
                   for tier in ("", ".backlog", ".backlog.1", ".backlog.2", ".backlog.3"))

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

    def is_busy(self, cursor):
        cursor.execute("SELECT SUM(jobs) FROM job_counts WHERE organization_id='demo' AND status IN ('queued','processing')")
        return cursor.fetchone()[0]

    def count_rows(self, cursor):
        cursor.execute("DELETE FROM job_counts")
        cursor.execute("INSERT INTO job_counts SELECT organization_id, job_type, status, priority, 0, COUNT(*)"
                       " FROM background_jobs GROUP BY 1, 2, 3, 4")

    def fill_bare(self, n):
        """Queued rows whose messages are said to be out; for a client that takes rows only."""
        with self.connect() as db, db.cursor() as cursor:
            for first in range(1, n + 1, FILL_CHUNK):
                cursor.execute(f"""INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload,
                    timeout_s, created_at, updated_at, created_by, updated_by)
                    SELECT {ID_SQL}, 'demo', 'noop', 'queued', 0, '{{}}', 30, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'admin', 'admin'
                    FROM (SELECT seq, FLOOR(UNIX_TIMESTAMP(NOW(6)) * 1000) + seq DIV 20 AS ms
                          FROM seq_{first}_to_{min(first + FILL_CHUNK - 1, n)}) made""")

    def fill(self, n, job=None):
        """Over HTTP in bulk, by a few threads; in portions that the API publishes by itself, for no worker runs."""
        for portion in range(0, n, FILL_PORTION):
            left = min(FILL_PORTION, n - portion)
            sizes = [BULK_JOBS] * (left // BULK_JOBS) + ([left % BULK_JOBS] if left % BULK_JOBS else [])
            with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
                for done in [pool.submit(self.post_bulk, sizes[i::FILLERS], job or JOB) for i in range(FILLERS)]:
                    done.result()
            self.settle()

    def unpublished(self):
        return self.query("SELECT COUNT(*) FROM background_jobs WHERE status='queued' AND dispatch_at IS NOT NULL")[0]

    def settle_partly(self):
        """Until the API has published what it has taken on; what is more than its queue holds is left to the worker's
        relay. Returns how many rows are."""
        left, before = self.unpublished(), None
        while left and left != before:
            time.sleep(0.1)
            left, before = self.unpublished(), left
        return left

    def post_bulk(self, sizes, job):
        where = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname, where.port)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for size in sizes:
            connection.request("POST", BULK, json.dumps({"jobs": [job] * size}), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"Bellman: {answer.status}")
        connection.close()

    def token_of(self, org):
        done = subprocess.run([self.stack.build / "bellmanctl", "--config", self.stack.config, "token", "--org", org, "--sub",
                               "admin", "--role", "SystemAdmin", "--ttl", "86400"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def pid(self, part):
        return self.stack.records()[part]["pid"]

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
