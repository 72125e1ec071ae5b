"""What `make bench` measures: a table of functions that take a Bench and add to its report."""
import base64
import datetime
import random
import subprocess
import time

import json
import measure
import paced
import subjects
from report import Row, Target, at_least, at_most

BULK_CONNECTIONS = 4
BARE_CONNECTIONS = 2
LATENCY_RATE = 500
WARM_UP_S = 1
LIST_SECONDS = 5  # times longer than others: a list that counts a million rows takes seconds of its own
DIRTY_PAGES_FEW = 100
FAIR_JOB = {"job_type": "sleep", "payload": {"ms": 10}}
FAIR_RATE = 20


# ---- HTTP ---------------------------------------------------------------------------------------------------------------


def enqueue(bench, subject, connections):
    """Answered requests over the time until the broker has confirmed all their messages."""
    subject.clear()
    before, began = subject.cpu_seconds(), time.monotonic()
    load = measure.run_wrk(subject.url, subject.token, "POST", subjects.JOBS, connections, bench.seconds, body=subjects.JOB)
    subject.settle()
    late = max(0.0, time.monotonic() - began - bench.seconds)
    return {"rate": load.requests / (load.seconds + late), "load": load, "late_s": late,
            "cpu": (subject.cpu_seconds() - before) / load.requests}


def read(bench, subject, path, connections, seconds=None):
    before = subject.cpu_seconds()
    load = measure.run_wrk(subject.url, subject.token, "GET", path, connections, seconds or bench.seconds)
    return {"rate": load.requests / load.seconds, "load": load, "cpu": (subject.cpu_seconds() - before) / load.requests}


def compare_http(bench, title, function):
    """Rows of rate, 99th percentile and processor time of Bellman and FastAPI, in alternating runs."""
    found = bench.alternate(title, {s.name: lambda s=s: function(s) for s in bench.http_subjects()})
    for results in found.values():
        bench.report.generator = max([bench.report.generator, *(r["load"].generator_cpu for r in results)])

    def row(name, unit, pick):
        return Row(name, unit, {who: [pick(r) for r in results] for who, results in found.items()})
    return [row(title, "requests/s", lambda r: r["rate"]), row("&emsp;99th percentile", "ms", lambda r: r["load"].p99_ms),
            row("&emsp;processor time of all servers", "us each", lambda r: r["cpu"] * 1e6)]


def ratio_targets(bench, work, factor, row):
    if not bench.has_both:
        return []
    return [at_least(work, factor, row.median(bench.bellman.name), row.median(bench.peer.name), "FastAPI + Celery")]


def measure_enqueue(bench):
    rows = []
    for connections in (1, 16):
        found = compare_http(bench, f"enqueue, {connections} connections", lambda s, n=connections: enqueue(bench, s, n))
        rows += found
    bench.report.add("Enqueue one by one", rows,
                     ratio_targets(bench, "enqueue one by one, 16 connections", 8, rows[3]),
                     "A job counts when the broker has confirmed its message.")


def measure_bulk(bench):
    def ours():
        bench.bellman.clear()
        began = time.monotonic()
        load = measure.run_wrk(bench.bellman.url, bench.bellman.token, "POST", subjects.BULK, BULK_CONNECTIONS, bench.seconds,
                               body={"jobs": [subjects.JOB] * subjects.BULK_JOBS})
        answered = time.monotonic() - began
        jobs = load.requests * subjects.BULK_JOBS
        left = bench.bellman.settle_partly()
        return {"answered": jobs / answered, "published": (jobs - left) / (time.monotonic() - began), "load": load}

    def theirs(fsync):
        return {"answered": bench.bullmq.bulk(bench.seconds, subjects.BULK_JOBS, fsync)}

    def row(title, pick):
        return Row(title, "jobs/s", {who: [r[pick] for r in results] for who, results in found.items() if pick in results[0]})
    everysec, always = "BullMQ, fsync every second", "BullMQ, fsync always"
    runs = {"Bellman": ours, everysec: lambda: theirs("everysec"), always: lambda: theirs("always")}
    found = bench.alternate("bulk", bench.only_wanted(runs))
    rows = [row("answered", "answered"), row("messages confirmed meanwhile", "published")]
    targets = []
    if len(found) == 3:
        targets = [at_least("enqueue in bulk, 500 a call", 1.5, rows[0].median("Bellman"), rows[0].median(everysec), everysec)]
    bench.report.add("Enqueue in bulk, 500 a call", rows, targets,
                     "Bellman commits each call to disk before it answers; so does BullMQ's Redis with fsync always. With fsync every"
                     " second, the usual setting, Redis may lose the last second. Messages that are more than the API's publisher"
                     " keeps up with are left to the worker's relay, which does not run here.")


def read_path(subject):
    return f"{subjects.JOBS}/{subject.first_id()}"


def measure_read(bench):
    rows = []
    for subject in bench.http_subjects():
        subject.fill_finished(bench.jobs)
    for connections in (1, 16):
        rows += compare_http(bench, f"read one job, {connections} connections",
                             lambda s, n=connections: read(bench, s, read_path(s), n))
    bench.report.add("Read one job", rows, ratio_targets(bench, "read one job, 16 connections", 8, rows[3]))


def measure_list(bench):
    rows = []
    for subject in bench.http_subjects():
        bench.say(f"  {subject.name}: {bench.rows:,} rows")
        subject.clear()
        subject.fill_finished(bench.rows)
    for connections in (1, 16):
        rows += compare_http(bench, f"list 50 of {bench.rows:,}, {connections} connections",
                             lambda s, n=connections: read(bench, s, subjects.JOBS + "?limit=50", n, LIST_SECONDS * bench.seconds))
    bench.report.add("List", rows, ratio_targets(bench, f"list 50 of {bench.rows:,}, 16 connections", 10, rows[3]))
    for subject in bench.http_subjects():
        subject.clear()


# ---- lists at two sizes -------------------------------------------------------------------------------------------------


def cursor(dice):
    """Some place of the list: a cursor need not be a row that is there."""
    at = datetime.datetime.now(datetime.timezone.utc).timestamp() - dice.random() * subjects.SPAN_S
    plain = f"{int(at * 1e6)}.0190a6f0-0000-7000-8000-{dice.getrandbits(48):012x}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def list_paths(seed, n=400):
    """Any filter, any page."""
    dice = random.Random(seed)
    paths = []
    for _ in range(n):
        query = ["limit=50"]
        if dice.random() < 0.5:
            query.append("status=" + dice.choice(("completed", "failed", "cancelled", "queued")))
        if dice.random() < 0.5:
            query.append("job_type=" + dice.choice(("noop", "sleep", "fail", "email.send")))
        if dice.random() < 0.4:
            query.append(f"priority={dice.choice((-1, 0, 1))}")
        if dice.random() < 0.25:
            after = datetime.datetime.utcnow() - datetime.timedelta(seconds=dice.random() * subjects.SPAN_S)
            query.append(f"created_after={after.isoformat()}Z")
        if dice.random() < 0.8:
            query.append("cursor=" + cursor(dice))
        paths.append(subjects.JOBS + "?" + "&".join(query))
    return paths


def wait_until_flushed(bench):
    """Until MariaDB has written what filling has left: lists are not to wait for its disk."""
    deadline = time.monotonic() + subjects.PATIENCE_S
    with bench.bellman.connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT @@innodb_max_dirty_pages_pct, @@innodb_io_capacity, @@innodb_io_capacity_max")
        usual = cursor.fetchone()
        for percent, io, io_max in ((0, 20000, 20000), usual):
            cursor.execute(f"SET GLOBAL innodb_max_dirty_pages_pct = {percent}, GLOBAL innodb_io_capacity = {io},"
                           f" GLOBAL innodb_io_capacity_max = {io_max}")
            while not percent and time.monotonic() < deadline:
                cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
                if int(cursor.fetchone()[1]) < DIRTY_PAGES_FEW:
                    break
                time.sleep(0.2)


def measure_scale(bench):
    found, cost = {}, {}
    bellman = bench.bellman
    bellman.clear()

    def ask(path, seconds):
        before = bellman.cpu_seconds()
        load = measure.run_wrk(bellman.url, bellman.token, "GET", path, 1, seconds)
        return load, (bellman.cpu_seconds() - before) / load.requests * 1e6

    for size in (bench.few, bench.many):
        began = time.monotonic()
        bellman.fill_finished(size)
        bench.say(f"  {size:,} rows after {time.monotonic() - began:.0f} s")
        measure.run_wrk(bellman.url, bellman.token, "GET", list_paths(0), 1, bench.seconds)
        wait_until_flushed(bench)
        found[f"{size:,} rows"], cost[f"{size:,} rows"] = runs, spent = [], []
        for run in range(bench.runs):
            lists, list_us = ask(list_paths(run), bench.seconds)
            counts, count_us = ask(subjects.JOBS + "/counts", max(1, bench.seconds // 2))
            runs.append((lists, counts))
            spent.append((list_us, count_us))
            bench.say(f"  {size:,} rows, run {run + 1}: lists p50 {lists.p50_ms:.2f} ms, p99 {lists.p99_ms:.2f} ms; counts p99"
                      f" {counts.p99_ms:.2f} ms; processor time {list_us:.0f} and {count_us:.0f} us")
        if size == bench.few and bench.few != bench.many:
            bellman.clear()
    bellman.clear()

    def row(title, pick):
        return Row(title, "ms", {who: [pick(r) for r in runs] for who, runs in found.items()})
    rows = [row("lists, median", lambda r: r[0].p50_ms), row("lists, 99th percentile", lambda r: r[0].p99_ms),
            row("counts, 99th percentile", lambda r: r[1].p99_ms)]
    rows += [Row(f"&emsp;processor time of all servers, {what}", "us each", {who: [r[i] for r in runs] for who, runs in cost.items()})
             for i, what in enumerate(("lists", "counts"))]
    few, many = list(found)[0], list(found)[-1]
    targets = [at_most(f"{r.title}, {many} against {few}", 2, "x", r.median(many) / r.median(few)) for r in rows[1:3]]
    bench.report.add("Lists and counts at two sizes", rows, targets,
                     "One connection; 400 addresses of random filters and random cursors, asked for in turn. All pages of the table fit"
                     " into the buffer pool, and are warm.")


# ---- work ---------------------------------------------------------------------------------------------------------------


def drain_subject(subject, jobs):
    subject.clear()
    subject.fill(jobs)
    from_start, from_claim, cpu = subject.drain(jobs)
    return {"start": jobs / from_start, "first": jobs / from_claim, "cpu": cpu / jobs * 1e6}


def drain_bullmq(bench):
    from_start, from_first = bench.bullmq.drain(bench.jobs)
    return {"start": bench.jobs / from_start, "first": bench.jobs / from_first}


def drain_sidekiq(bench):
    from_start, from_first = bench.sidekiq.drain(bench.jobs)
    return {"start": bench.jobs / from_start, "first": bench.jobs / from_first}


def drain_bare(bench):
    bench.bellman.clear()
    bench.bellman.fill_bare(bench.jobs)
    done = subprocess.run([bench.stack.build / "bench/bare/drain", bench.stack.db_socket, "root", "", bench.bellman.database,
                           str(BARE_CONNECTIONS)], stdout=subprocess.PIPE, check=True)
    said = json.loads(done.stdout)
    if said["jobs"] != bench.jobs:
        raise RuntimeError(f"the bare client found {said['jobs']} jobs")
    return {"first": said["jobs"] / said["seconds"]}


def measure_drain(bench):
    runs = {"Bellman": lambda: drain_subject(bench.bellman, bench.jobs),
            "FastAPI + Celery": lambda: drain_subject(bench.peer, max(1000, bench.jobs // 5)),
            "BullMQ": lambda: drain_bullmq(bench), "Sidekiq": lambda: drain_sidekiq(bench), "bare updates": lambda: drain_bare(bench)}
    found = bench.alternate("drain", bench.only_wanted(runs))

    def row(title, unit, pick):
        return Row(title, unit, {who: [r[pick] for r in results] for who, results in found.items() if pick in results[0]})
    rows = [row("from the first job", "jobs/s", "first"), row("from the worker's start", "jobs/s", "start"),
            row("&emsp;processor time of all servers", "us each", "cpu")]
    ours = rows[0].values.get("Bellman") and rows[0].median("Bellman")
    targets = [at_least("drain of no-op jobs", factor, ours, rows[0].median(peer), peer) for peer, factor in
               (("FastAPI + Celery", 25), ("BullMQ", 1), ("bare updates", 0.5)) if ours and peer in rows[0].values]
    bench.report.add(f"Drain of {bench.jobs:,} no-op jobs", rows, targets,
                     "Bellman records status and attempt of each job. Sidekiq takes a job off Redis before it runs it. Celery drains a fifth as many. The bare client makes the two batched"
                     f" updates of each job and nothing else, over {BARE_CONNECTIONS} connections.")


def waits_ms(bench, org):
    with bench.bellman.connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT TIMESTAMPDIFF(MICROSECOND, created_at, started_at) / 1000 FROM background_jobs"
                       " WHERE organization_id = %s AND started_at IS NOT NULL", (org,))
        return [float(wait) for wait, in cursor.fetchall()]


def wait_until_idle(bench, org):
    deadline = time.monotonic() + subjects.PATIENCE_S
    sql = (f"SELECT COALESCE(SUM(jobs), 0) FROM job_counts WHERE organization_id = '{org}' AND status IN ('queued', 'processing')")
    while bench.bellman.query(sql)[0]:
        if time.monotonic() > deadline:
            raise RuntimeError("Bellman: jobs are left")
        time.sleep(0.05)


def measure_latency(bench):
    seconds = max(4, 2 * bench.seconds)

    def ours():
        paced.create_steadily(bench.bellman.url, subjects.JOBS, bench.bellman.token, subjects.JOB, LATENCY_RATE, WARM_UP_S)
        wait_until_idle(bench, "demo")
        bench.bellman.clear()
        paced.create_steadily(bench.bellman.url, subjects.JOBS, bench.bellman.token, subjects.JOB, LATENCY_RATE, seconds)
        wait_until_idle(bench, "demo")
        waits = waits_ms(bench, "demo")
        return {"p50": measure.percentile(waits, 50), "p99": measure.percentile(waits, 99)}

    def bare():
        done = subprocess.run([bench.stack.build / "bench/bare/deliver", bench.stack.amqp_url, str(LATENCY_RATE), str(seconds)],
                              stdout=subprocess.PIPE, check=True)
        said = json.loads(done.stdout)
        return {"p50": said["p50_ms"], "p99": said["p99_ms"]}

    bench.bellman.start_worker()
    try:
        found = bench.alternate("latency", {"Bellman": ours, "bare publish, confirm, deliver": bare})
    finally:
        bench.bellman.stop_worker()
    rows = [Row(title, "ms", {who: [r[pick] for r in results] for who, results in found.items()})
            for title, pick in (("median", "p50"), ("99th percentile", "p99"))]
    p50, p99 = (row.median("Bellman") for row in rows)
    ratio = p50 / rows[0].median("bare publish, confirm, deliver")
    bench.report.add(f"From enqueue to start, {LATENCY_RATE} jobs/s", rows,
                     [at_most(f"enqueue to start at {LATENCY_RATE} jobs/s, median", 5, "ms", p50),
                      at_most(f"enqueue to start at {LATENCY_RATE} jobs/s, 99th percentile", 30, "ms", p99),
                      Target("enqueue to start, median", "ratio to the bare broker stated", f"{ratio:.1f} x", True)],
                     f"started_at less created_at of each row, in an open loop of {paced.THREADS} connections.")


def measure_growth(bench):
    """Memory after very many jobs, and whether a backlog makes jobs dearer."""
    bellman = bench.bellman
    small = [drain_subject(bellman, bench.few)["first"] for _ in range(bench.runs)]
    bellman.clear()
    bench.stack.restart("api")
    memory = {"api": [], "consumer": []}
    for _ in range(4):
        bellman.fill(bench.backlog // 4)
        memory["api"].append(measure.resident_mb(bellman.pid("api")))
    done = 0
    bellman.start_worker()
    try:
        deadline = time.monotonic() + subjects.PATIENCE_S
        while done < bench.backlog and time.monotonic() < deadline:
            time.sleep(0.2)
            done = int(bellman.query("SELECT COALESCE(SUM(jobs), 0) FROM job_counts WHERE status = 'completed'")[0])
            if done >= bench.backlog * (len(memory["consumer"]) + 1) // 4:
                memory["consumer"].append(measure.resident_mb(bellman.pid("consumer")))
    finally:
        bellman.stop_worker()
    first, last, n = bellman.query("SELECT MIN(started_at), MAX(completed_at), SUM(status = 'completed') FROM background_jobs")
    large = float(n) / (last - first).total_seconds()
    bellman.clear()
    bench.say(f"  backlog of {bench.few:,}: {measure.short(measure.median(small))} jobs/s, of {bench.backlog:,}:"
              f" {measure.short(large)} jobs/s; memory {memory}")
    few, many = f"{bench.few:,} jobs", f"{bench.backlog:,} jobs"
    rows = [Row("drain from the first job", "jobs/s", {few: small, many: [large]})]
    for part, values in memory.items():
        rows.append(Row(f"resident memory of the {part} at each quarter", "MB", {many: values}))
    slowdown = 100 * (1 - large / measure.median(small))
    work = f"after {bench.backlog:,} jobs"
    targets = [Target(f"drain of {many} against {few}", "within 20 %", f"{-slowdown:+.0f} %", slowdown <= 20)]
    for part, limit in (("api", 24), ("consumer", 32)):
        values = memory[part]
        growth = values[-1] - values[len(values) // 2 - 1]
        targets += [at_most(f"resident memory of the {part} {work}", limit, "MB", values[-1]),
                    Target(f"and flat: growth of the {part} over the second half", "<= 1 MB", f"{growth:+.1f} MB", growth <= 1)]
    bench.report.add("As work grows", rows, targets, "The backlog comes over HTTP in bulk and is drained once.")


def measure_fairness(bench):
    """One organization's backlog and another's waits."""
    bellman = bench.bellman
    token = bellman.token_of("other")
    seconds = max(5, 2 * bench.seconds)

    def waits():
        """Of the other organization's jobs in this phase, without its first."""
        paced.create_steadily(bellman.url, subjects.JOBS, token, FAIR_JOB, FAIR_RATE, WARM_UP_S)
        wait_until_idle(bench, "other")
        with bellman.connect() as db, db.cursor() as cursor:
            cursor.execute("DELETE FROM background_jobs WHERE organization_id = 'other'")
            cursor.execute("DELETE FROM job_counts WHERE organization_id = 'other'")
        paced.create_steadily(bellman.url, subjects.JOBS, token, FAIR_JOB, FAIR_RATE, seconds)
        wait_until_idle(bench, "other")
        found = waits_ms(bench, "other")
        return {"p50": measure.percentile(found, 50), "p95": measure.percentile(found, 95)}

    found = {"idle": [], "beside a backlog": []}
    for run in range(bench.runs):
        bellman.clear()
        bellman.start_worker()
        try:
            found["idle"].append(waits())
            bellman.stop_worker()
            bellman.fill(bench.unfair, FAIR_JOB)
            bellman.start_worker()
            found["beside a backlog"].append(waits())
            left = int(bellman.query("SELECT COALESCE(SUM(jobs), 0) FROM job_counts WHERE organization_id = 'demo' AND"
                                     " status = 'queued'")[0])
        finally:
            bellman.stop_worker()
        bench.say(f"  fairness run {run + 1}: {found['idle'][-1]} idle, {found['beside a backlog'][-1]} beside a backlog, of which"
                  f" {left:,} were left")
        if not left:
            raise RuntimeError("the backlog was too small for this machine")
    bellman.clear()
    rows = [Row(title, "ms", {who: [r[pick] for r in results] for who, results in found.items()})
            for title, pick in (("wait, median", "p50"), ("wait, 95th percentile", "p95"))]
    ratio = rows[1].median("beside a backlog") / rows[1].median("idle")
    bench.report.add("Fairness", rows, [at_most(f"another organization's 95th percentile beside a backlog of {bench.unfair:,}", 2, "x",
                                                ratio)],
                     f"Jobs that sleep 10 ms; the other organization makes {FAIR_RATE} a second.")


# In this order. name: (function, whom it needs)
MEASURES = {
    "enqueue": (measure_enqueue, {"bellman", "peer"}),
    "bulk": (measure_bulk, {"bellman", "bullmq"}),
    "drain": (measure_drain, {"bellman", "peer", "bullmq"}),
    "read": (measure_read, {"bellman", "peer"}),
    "latency": (measure_latency, {"bellman"}),
    "fairness": (measure_fairness, {"bellman"}),
    "growth": (measure_growth, {"bellman"}),
    "list": (measure_list, {"bellman", "peer"}),
    "scale": (measure_scale, {"bellman"}),
}
