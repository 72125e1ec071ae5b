"""BullMQ and Sidekiq on one private Redis: node programs of peers/bullmq, whose npm packages `make bench` installs beside
them, and Debian's Sidekiq with peers/sidekiq."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "stack"))

import measure  # noqa: E402
import procs  # noqa: E402

PATIENCE_S = 600
BULLMQ = HERE / "peers" / "bullmq"
SIDEKIQ = HERE / "peers" / "sidekiq" / "jobs.rb"


class Redis:
    """Append-only file on; how often it is flushed can be changed while it runs."""

    def __init__(self, directory, taken_ports):
        self.dir = pathlib.Path(directory) / "redis"
        self.dir.mkdir(exist_ok=True)
        self.port = procs.choose_port(taken_ports)
        self.log = self.dir / "redis.log"
        pid = procs.spawn(["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", self.dir, "--save", "",
                           "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no",
                           "--auto-aof-rewrite-percentage", "0"], self.log)
        self.record = procs.record_of(pid)
        procs.wait_for("redis-server", lambda: self.cli("PING") == "PONG", 20, self.log, pid)

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *map(str, words)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return done.stdout.strip()

    def flush(self):
        self.cli("FLUSHALL", "SYNC")

    def close(self):
        procs.stop(self.record, 10)


class BullMq:
    name = "BullMQ"

    def __init__(self, stack):
        self.redis = Redis(stack.dir, set(stack.ports.values()))
        self.log = stack.log_dir / "bullmq.log"
        self.best_add = (1, 1)  # processes, calls in flight of each
        self.best_work = (1, 32)  # processes, concurrency of each

    def version(self):
        locked = json.loads((BULLMQ / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        return f"{locked['node_modules/bullmq']['version']} on Redis {self.redis.cli('INFO', 'server').split('redis_version:')[1].split()[0]}"

    def node(self, *argv):
        return subprocess.Popen(["node", *map(str, argv)], cwd=BULLMQ, text=True, stdout=subprocess.PIPE,
                                stderr=open(self.log, "a", encoding="utf-8"),  # pylint: disable=consider-using-with
                                env=dict(os.environ, NODE_ENV="production"))

    def answers(self, children):
        said = [child.communicate(timeout=PATIENCE_S)[0] for child in children]
        if any(child.returncode for child in children):
            raise RuntimeError(f"BullMQ: a node program failed; see {self.log}")
        return [json.loads(text) for text in said]

    def cpu_seconds(self):
        return measure.cpu_seconds([self.redis.record["pid"]])

    def bulk(self, seconds, chunk, fsync, shape=None):
        """Jobs a second that addBulk has answered, with chunk jobs a call."""
        processes, in_flight = shape or self.best_add
        self.redis.flush()
        self.redis.cli("CONFIG", "SET", "appendfsync", fsync)
        children = [self.node("add.mjs", self.redis.port, seconds, chunk, in_flight) for _ in range(processes)]
        rate = sum(a["jobs"] / a["seconds"] for a in self.answers(children))
        self.redis.cli("CONFIG", "SET", "appendfsync", "everysec")
        return rate

    def completed(self):
        return int(self.redis.cli("ZCARD", "bull:bench:completed") or 0)

    def drain(self, n, shape=None):
        """Seconds for n no-op jobs from the workers' start and from the first job."""
        processes, concurrency = shape or self.best_work
        self.redis.flush()
        self.answers_none([self.node("fill.mjs", self.redis.port, n)])
        began = time.time()
        children = [self.node("work.mjs", self.redis.port, concurrency) for _ in range(processes)]
        deadline = time.monotonic() + PATIENCE_S
        while self.completed() < n:
            if time.monotonic() > deadline or any(child.poll() is not None for child in children):
                raise RuntimeError(f"BullMQ: not drained; see {self.log}")
            time.sleep(0.1)
        for child in children:
            child.send_signal(signal.SIGTERM)
        told = [a for a in self.answers(children) if a["jobs"]]
        first, last = min(a["first_ms"] for a in told) / 1000, max(a["last_ms"] for a in told) / 1000
        return last - began, last - first

    def answers_none(self, children):
        if any(child.wait(timeout=PATIENCE_S) for child in children):
            raise RuntimeError(f"BullMQ: a node program failed; see {self.log}")

    def tune(self, say, seconds, chunk, n):
        """Finds the numbers of processes and the concurrency that are its best on this machine."""
        adds = {shape: self.bulk(seconds, chunk, "everysec", shape) for shape in ((1, 1), (1, 4), (2, 1), (2, 2))}
        self.best_add = max(adds, key=adds.get)
        works = {shape: n / self.drain(n, shape)[1] for shape in ((1, 8), (1, 32), (1, 100), (1, 300), (2, 32), (2, 100))}
        self.best_work = max(works, key=works.get)
        for what, rates, best in (("addBulk", adds, self.best_add), ("worker", works, self.best_work)):
            tried = ", ".join(f"{p} x {c}: {measure.short(rate)}" for (p, c), rate in rates.items())
            say(f"  BullMQ {what}, processes x concurrency: {tried}; best {best[0]} x {best[1]}")

    def close(self):
        self.redis.close()


class Sidekiq:
    """One process, as Debian has it; its open-source fetch takes a job off Redis before it runs it."""

    name = "Sidekiq"

    def __init__(self, redis, log):
        self.redis = redis
        self.log = log
        self.env = dict(os.environ, REDIS_URL=f"redis://127.0.0.1:{redis.port}/0")
        self.concurrency = 10

    def waiting(self):
        return int(self.redis.cli("LLEN", "queue:default") or 0)

    def drain(self, n, concurrency=None):
        """Seconds for n no-op jobs from the worker's start and from the first job; the last few may still run."""
        self.redis.flush()
        subprocess.run(["ruby", SIDEKIQ, str(n)], env=self.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        first = None
        record = procs.record_of(procs.spawn(["sidekiq", "-r", SIDEKIQ, "-c", concurrency or self.concurrency, "-e", "production"],
                                             self.log, env=self.env, cwd=SIDEKIQ.parent))
        try:
            while left := self.waiting():
                first = first or (time.monotonic() if left < n else None)
                if time.monotonic() - began > PATIENCE_S or not procs.is_same(record):
                    raise RuntimeError(f"Sidekiq: not drained; see {self.log}")
                time.sleep(0.01)
            ended = time.monotonic()
        finally:
            procs.stop(record, 20)
        return ended - began, ended - (first or began)

    def tune(self, say, n):
        rates = {c: n / self.drain(n, c)[1] for c in (5, 10, 25)}
        self.concurrency = max(rates, key=rates.get)
        say(f"  Sidekiq, concurrency: {', '.join(f'{c}: {measure.short(r)}' for c, r in rates.items())}; best {self.concurrency}")

    def close(self):
        pass
