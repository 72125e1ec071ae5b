"""bellmanctl migrate and verify, against a private MariaDB."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "stack"))

from stack import temporary  # noqa: E402

SCHEMA = REPOSITORY / "schema"
FILES = sorted(p.name for p in SCHEMA.glob("*.sql"))
DEADLINE_S = 30


class Database:
    """The private server's database, emptied for each test, and bellmanctl pointed at it."""

    def __init__(self, stack):
        self.stack = stack
        self.client = ["mariadb", "--no-defaults", "--user=root", f"--socket={stack.db_socket}", "--batch",
                       "--skip-column-names", "--unbuffered"]

    def sql(self, text, database="bellman"):
        done = subprocess.run([*self.client, database], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def empty(self):
        self.sql("DROP DATABASE IF EXISTS bellman; CREATE DATABASE bellman CHARACTER SET utf8mb4", database="mysql")

    def start(self, *arguments):
        return subprocess.Popen([self.stack.build / "bellmanctl", "--config", self.stack.config, *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ctl(self, *arguments):
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def migrate(self, *arguments):
        done = self.ctl("migrate", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def differences(self, *arguments):
        done = self.ctl("verify", *arguments)
        assert done.returncode == 1 and done.stderr == "", (done.returncode, done.stdout, done.stderr)
        return done.stdout.splitlines()[:-1]

    def wait_until(self, query, wanted, what):
        end = time.monotonic() + DEADLINE_S
        while (got := self.sql(query)) != wanted:
            assert time.monotonic() < end, f"{what}: still {got!r}"
            time.sleep(0.02)


class Holder:
    """A session that holds LOCK TABLES until the end of the with block, or release()."""

    def __init__(self, database, lock):
        self.process = subprocess.Popen([*database.client, "bellman"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.process.stdin.write(f"LOCK TABLES {lock};\nSELECT 'held';\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "held\n"

    def release(self):
        if self.process.poll() is None:
            self.process.communicate("UNLOCK TABLES;\n", timeout=DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


@pytest.fixture(scope="module")
def server():
    stack = temporary(only={"mariadb"}, quiet=True)
    try:
        yield Database(stack.up())
    finally:
        stack.clean()


@pytest.fixture
def db(server):
    server.empty()
    return server


@pytest.fixture
def schema(tmp_path):
    copy = tmp_path / "schema"
    shutil.copytree(SCHEMA, copy)
    return copy


@pytest.fixture
def migrated(db):
    db.migrate()
    return db


# ---- migrate ------------------------------------------------------------------------------------------------------


def test_applies_every_file_once_and_says_so(db):
    first = db.migrate().splitlines()
    assert [line.split()[0] for line in first[:-1]] == FILES
    assert all(re.search(r" applied in \d+ ms$", line) for line in first[:-1])
    assert f"({len(FILES)} applied)" in first[-1]
    before = db.sql("SELECT * FROM schema_migrations")
    assert db.migrate().splitlines() == [f"Database bellman is at {FILES[-1]}: nothing to do"]
    assert db.sql("SELECT * FROM schema_migrations") == before
    assert db.sql("SELECT GROUP_CONCAT(name ORDER BY version), SUM(dirty), MIN(duration_ms) >= 0 FROM schema_migrations"
                  ) == f"{','.join(FILES)}\t0\t1"


def test_program_carries_the_repository_files(db, schema):
    db.migrate()
    sums = {name: subprocess.run(["sha256sum", schema / name], capture_output=True, text=True,
                                 check=True).stdout.split()[0] for name in FILES}
    rows = dict(line.split("\t") for line in db.sql("SELECT name, checksum FROM schema_migrations").splitlines())
    assert rows == sums
    assert "nothing to do" in db.migrate("--schema", str(schema))


def test_new_file_is_applied_alone(migrated, schema):
    (schema / "0999_more.sql").write_text("CREATE TABLE more (id INT PRIMARY KEY)\n")
    out = migrated.migrate("--schema", str(schema)).splitlines()
    assert len(out) == 2 and out[0].startswith("0999_more.sql ")
    done = migrated.ctl("migrate")
    assert done.returncode == 1 and "0999_more.sql, which this program does not know" in done.stderr


def test_two_at_once_share_the_work(db):
    results = []
    threads = [threading.Thread(target=lambda: results.append(db.ctl("migrate"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.returncode for r in results] == [0] * 5, [r.stderr for r in results]
    lines = [line for r in results for line in r.stdout.splitlines() if " applied in " in line]
    assert sorted(line.split()[0] for line in lines) == FILES
    assert db.ctl("verify").returncode == 0


def test_second_waits_for_the_first(migrated, schema):
    migrated.sql("CREATE TABLE source (id INT PRIMARY KEY)")
    (schema / "0999_copy.sql").write_text("CREATE TABLE copied AS SELECT * FROM source\n")
    with Holder(migrated, "source WRITE"):
        first = migrated.start("migrate", "--schema", str(schema))
        migrated.wait_until("SELECT dirty FROM schema_migrations WHERE version = 999", "1", "the first has begun")
        impatient = migrated.ctl("migrate", "--schema", str(schema), "--lock-wait", "0")
        assert impatient.returncode == 69 and "still runs" in impatient.stderr
        second = migrated.start("migrate", "--schema", str(schema))
        assert second.stdout.readline() == "Another migration is running: waiting for it to end\n"
    assert "0999_copy.sql" in first.communicate(timeout=DEADLINE_S)[0]
    assert "nothing to do" in second.communicate(timeout=DEADLINE_S)[0]
    assert (first.returncode, second.returncode) == (0, 0)


def test_changed_file_is_refused_by_name(migrated, schema):
    with open(schema / FILES[2], "a", encoding="utf-8") as f:
        f.write("-- a word more\n")
    (schema / "0999_more.sql").write_text("CREATE TABLE more (id INT PRIMARY KEY)\n")
    done = migrated.ctl("migrate", "--schema", str(schema))
    assert done.returncode == 1 and f"{FILES[2]} was changed after it was applied" in done.stderr
    assert migrated.sql("SHOW TABLES LIKE 'more'") == ""


def test_renamed_and_missing_files_are_refused(migrated, schema):
    (schema / FILES[1]).rename(schema / "0002_other.sql")
    done = migrated.ctl("migrate", "--schema", str(schema))
    assert done.returncode == 1 and "is now called 0002_other.sql" in done.stderr
    (schema / "0002_other.sql").unlink()
    done = migrated.ctl("migrate", "--schema", str(schema))
    assert done.returncode == 1 and FILES[1] in done.stderr


@pytest.mark.parametrize("name, text, said", [
    ("readme.sql", "SELECT 1", "readme.sql is not named like a migration"),
    ("12_short.sql", "SELECT 1", "12_short.sql is not named like a migration"),
    ("0001_twice.sql", "SELECT 1", "have the same number"),
])
def test_misnamed_files_are_refused(db, schema, name, text, said):
    (schema / name).write_text(text)
    done = db.ctl("migrate", "--schema", str(schema))
    assert done.returncode == 1 and said in done.stderr
    assert db.sql("SHOW TABLES") == ""


def test_failing_statement_leaves_no_trace_and_can_be_mended(migrated, schema):
    broken = schema / "0999_broken.sql"
    broken.write_text("CREATE TABLE broken (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES nowhere (id))\n")
    done = migrated.ctl("migrate", "--schema", str(schema))
    assert done.returncode == 1 and "0999_broken.sql: MariaDB: " in done.stderr
    assert migrated.sql("SELECT COUNT(*) FROM schema_migrations WHERE version = 999") == "0"
    broken.write_text("CREATE TABLE broken (id INT PRIMARY KEY)\n")
    assert "(1 applied)" in migrated.migrate("--schema", str(schema))


def begin_and_kill(db, schema, holding):
    """Starts a migration that waits for a lock inside its statement, and kills it there."""
    process = db.start("migrate", "--schema", str(schema))
    db.wait_until("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'bellman' AND state LIKE 'Waiting%'",
                  "1", "the migration waits")
    assert db.sql("SELECT dirty FROM schema_migrations WHERE version = 999") == "1"
    if holding is not None:
        holding()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE_S)


def end_sessions(db):
    """What the killed client left on the server ends too, as it would at the latest with its statement."""
    for session in db.sql("SELECT id FROM information_schema.processlist WHERE user = 'bellman'").split():
        subprocess.run([*db.client, "-e", f"KILL {session}"], capture_output=True, check=False)
    db.wait_until("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'bellman'", "0", "sessions end")


def test_killed_before_the_statement_took_effect(migrated, schema):
    migrated.sql("CREATE TABLE source (id INT PRIMARY KEY)")
    (schema / "0999_copy.sql").write_text("CREATE TABLE copied AS SELECT * FROM source\n")
    with Holder(migrated, "source WRITE"):
        begin_and_kill(migrated, schema, lambda: None)
        end_sessions(migrated)
    assert migrated.sql("SHOW TABLES LIKE 'copied'") == ""
    assert any("0999_copy.sql was interrupted" in d for d in migrated.differences("--schema", str(schema)))
    assert "0999_copy.sql" + " " * 28 + "was interrupted: applied again in " in migrated.migrate("--schema", str(schema))
    assert migrated.sql("SHOW TABLES LIKE 'copied'") == "copied"
    assert migrated.sql("SELECT dirty FROM schema_migrations WHERE version = 999") == "0"


def test_killed_after_the_statement_took_effect(migrated, schema):
    migrated.sql("CREATE TABLE source (id INT PRIMARY KEY)")
    (schema / "0999_copy.sql").write_text("-- copies\nCREATE TABLE IF NOT EXISTS `copied` AS SELECT * FROM source\n")
    with Holder(migrated, "source WRITE") as source:
        process = migrated.start("migrate", "--schema", str(schema))
        migrated.wait_until("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'bellman' AND "
                            "state LIKE 'Waiting%'", "1", "the migration waits")
        with Holder(migrated, "schema_migrations READ"):
            source.release()
            migrated.wait_until("SHOW TABLES LIKE 'copied'", "copied", "the table is made")
            process.kill()
            process.communicate(timeout=DEADLINE_S)
            end_sessions(migrated)
    assert migrated.sql("SELECT dirty FROM schema_migrations WHERE version = 999") == "1"
    assert "was interrupted: already in place" in migrated.migrate("--schema", str(schema))
    assert migrated.sql("SELECT dirty FROM schema_migrations WHERE version = 999") == "0"
    assert "nothing to do" in migrated.migrate("--schema", str(schema))


def test_killed_in_a_statement_that_is_run_again(migrated, schema):
    (schema / "0999_column.sql").write_text("ALTER TABLE organizations ADD COLUMN IF NOT EXISTS extra INT NULL\n")
    with Holder(migrated, "organizations WRITE"):
        begin_and_kill(migrated, schema, None)
    migrated.migrate("--schema", str(schema))
    assert migrated.sql("SHOW COLUMNS FROM organizations LIKE 'extra'") != ""
    assert migrated.sql("SELECT dirty FROM schema_migrations WHERE version = 999") == "0"


def test_killed_at_many_moments_ends_whole(db):
    """kill -9 spread over the whole run; the next one always finishes the work."""
    start = time.monotonic()
    db.migrate()
    whole_s = time.monotonic() - start
    for step in range(12):
        db.empty()
        process = db.start("migrate")
        time.sleep(whole_s * step / 12)
        process.kill()
        process.communicate(timeout=DEADLINE_S)
        db.migrate()
        done = db.ctl("verify")
        assert done.returncode == 0, done.stdout


def test_without_a_server(db, tmp_path):
    text = db.stack.config.read_text().replace(db.stack.db_socket, str(tmp_path / "none.sock"))
    config = tmp_path / "bellman.conf"
    config.write_text(text)
    for command in ("migrate", "verify"):
        done = subprocess.run([db.stack.build / "bellmanctl", command, "--config", config], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 69 and "Cannot connect to MariaDB" in done.stderr


# ---- verify -------------------------------------------------------------------------------------------------------


def test_fresh_database_is_as_it_should_be(migrated):
    done = migrated.ctl("verify")
    assert done.returncode == 0 and f"{len(FILES)} migrations" in done.stdout, done.stdout


def test_empty_database(db):
    found = db.differences()
    for table in ("organizations", "notification_settings", "background_jobs", "job_attempts", "job_counts",
                  "audit_log", "rate_limits", "processes", "idempotency_keys", "job_logs", "dead_letters",
                  "schedules", "schedule_firings", "pauses", "job_limits", "held_jobs", "schema_migrations"):
        assert f"{table}: the table is missing" in found


DIFFERENCES = [
    ("ALTER TABLE background_jobs DROP COLUMN cause", ["background_jobs.cause: the column is missing"]),
    ("ALTER TABLE background_jobs ADD COLUMN more INT NULL", ["background_jobs.more: the column is not expected"]),
    ("ALTER TABLE background_jobs MODIFY error_message VARCHAR(100) NULL",
     ["background_jobs.error_message: type is varchar(100), expected varchar(2000)"]),
    ("ALTER TABLE notification_settings MODIFY email_enabled INT NOT NULL",
     ["notification_settings.email_enabled: type is int(11), expected tinyint(1)"]),
    ("ALTER TABLE background_jobs MODIFY payload JSON NULL",
     ["background_jobs.payload: may be NULL, expected NOT NULL"]),
    ("ALTER TABLE notification_settings MODIFY created_by VARCHAR(128) NOT NULL",
     ["notification_settings.created_by: NOT NULL, expected NULL allowed"]),
    ("ALTER TABLE notification_settings MODIFY dnd_enabled TINYINT(1) NOT NULL AFTER id",
     ["notification_settings.dnd_enabled: stands before quiet_hours_end, expected after it"]),
    ("ALTER TABLE background_jobs MODIFY status ENUM('queued','processing','completed','failed') CHARACTER SET ascii "
     "COLLATE ascii_bin NOT NULL",
     ["background_jobs.status: type is enum('queued','processing','completed','failed'), expected "
      "enum('queued','processing','completed','failed','cancelled')"]),
    ("ALTER TABLE background_jobs DROP KEY ix_jobs_dispatch",
     ["background_jobs: index ix_jobs_dispatch (status,dispatch_at,priority) is missing"]),
    ("ALTER TABLE background_jobs ADD KEY ix_more (worker_id)",
     ["background_jobs: index ix_more (worker_id) is not expected"]),
    ("ALTER TABLE background_jobs DROP KEY uq_jobs_unique, ADD KEY uq_jobs_unique (organization_id, unique_live)",
     ["background_jobs: index uq_jobs_unique is not unique, expected unique"]),
    ("ALTER TABLE background_jobs DROP KEY ix_jobs_dispatch, ADD KEY ix_jobs_dispatch (dispatch_at, status)",
     ["background_jobs: index ix_jobs_dispatch is over (dispatch_at,status), expected (status,dispatch_at,priority)"]),
    ("ALTER TABLE job_attempts DROP FOREIGN KEY fk_attempts_job",
     ["job_attempts: foreign key fk_attempts_job (job_id) to background_jobs(id) is missing"]),
    ("ALTER TABLE audit_log DROP FOREIGN KEY fk_audit_organization;"
     "ALTER TABLE audit_log ADD CONSTRAINT fk_audit_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE RESTRICT",
     ["audit_log: foreign key fk_audit_organization is ON DELETE RESTRICT, expected CASCADE"]),
    ("ALTER TABLE job_counts ADD CONSTRAINT fk_more FOREIGN KEY (organization_id) REFERENCES organizations (id)",
     ["job_counts: foreign key fk_more (organization_id) to organizations(id) is not expected"]),
    ("DROP TABLE rate_limits", ["rate_limits: the table is missing"]),
    ("ALTER TABLE processes MODIFY pid BIGINT NULL",
     ["processes.pid: type is bigint(20), expected int(11)", "processes.pid: may be NULL, expected NOT NULL"]),
    ("UPDATE schema_migrations SET dirty = 1 WHERE version = 3",
     [f"schema_migrations: {FILES[2]} was interrupted: run bellmanctl migrate"]),
    ("UPDATE schema_migrations SET checksum = REPEAT('0', 64) WHERE version = 3",
     [f"schema_migrations: {FILES[2]} was changed after it was applied"]),
    ("DELETE FROM schema_migrations WHERE version = 3",
     [f"schema_migrations: {FILES[2]} is not applied: run bellmanctl migrate"]),
    ("INSERT INTO schema_migrations VALUES (900, '0900_later.sql', REPEAT('0', 64), 0, UTC_TIMESTAMP(6), 1)",
     ["schema_migrations: 0900_later.sql is applied but not known to this program"]),
]


@pytest.mark.parametrize("change, wanted", DIFFERENCES, ids=lambda v: v[:60] if isinstance(v, str) else "")
def test_each_kind_of_difference_is_named(migrated, change, wanted):
    migrated.sql(change)
    assert migrated.differences() == wanted


# ---- the other commands -------------------------------------------------------------------------------------------


def test_organizations(migrated):
    assert migrated.ctl("org", "add", "acme", "Äcme & Söhne").returncode == 0
    again = migrated.ctl("org", "add", "acme", "Other")
    assert again.returncode == 0 and "already" in again.stdout
    assert migrated.ctl("org", "add", "b").returncode == 0
    assert migrated.sql("SELECT id, name FROM organizations ORDER BY id") == "acme\tÄcme & Söhne\nb\tb"
    for bad in ("", "a b", "ä", "x" * 65, "a/b"):
        assert migrated.ctl("org", "add", bad).returncode == 64, bad
    assert migrated.ctl("org", "add", "c", "x" * 201).returncode == 64
    assert migrated.sql("SELECT COUNT(*) FROM organizations") == "2"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("migrate", "more"), ("migrate", "--nonsense"), ("org",),
                                       ("org", "add"), ("token",), ("token", "--org", "a"), ("keys", "create"),
                                       ("keys", "create", "--jwks", "/nonexistent/x", "--alg", "none"),
                                       ("migrate", "--lock-wait", "-1")])
def test_wrong_usage(db, arguments):
    done = subprocess.run([db.stack.build / "bellmanctl", *arguments], capture_output=True, text=True, timeout=60,
                          env={"BELLMAN_CONFIG": str(db.stack.config)})
    assert done.returncode == 64 and done.stdout == "" and done.stderr.startswith("bellmanctl: ")


@pytest.mark.parametrize("command", ["migrate", "verify", "token", "keys create", "org add"])
def test_help_teaches(db, command):
    overview = subprocess.run([db.stack.build / "bellmanctl", "--help"], capture_output=True, text=True, timeout=60)
    assert overview.returncode == 0 and re.search(rf"^  {command} +\w", overview.stdout, re.M)
    help_ = subprocess.run([db.stack.build / "bellmanctl", *command.split(), "--help"], capture_output=True, text=True,
                           timeout=60)
    assert help_.returncode == 0 and f"bellmanctl {command} " in help_.stdout and "Options:" in help_.stdout


@pytest.mark.parametrize("alg, kty", [("HS256", "oct"), ("ES256", "EC"), ("RS256", "RSA")])
def test_keys_and_tokens(db, tmp_path, alg, kty):
    jwks, keyring = tmp_path / "jwks.json", tmp_path / "keyring"
    arguments = ["keys", "create", "--jwks", str(jwks), "--keyring", str(keyring), "--alg", alg]
    assert db.ctl(*arguments).returncode == 0
    assert [f.stat().st_mode & 0o7777 for f in (jwks, keyring)] == [0o600, 0o600]
    (key,) = json.loads(jwks.read_text())["keys"]
    assert (key["kty"], key["alg"], key["use"]) == (kty, alg, "sig") and key["kid"]
    before = jwks.read_bytes(), keyring.read_bytes()
    assert db.ctl(*arguments).returncode == 1
    assert (jwks.read_bytes(), keyring.read_bytes()) == before

    config = tmp_path / "bellman.conf"
    config.write_text(re.sub(r"jwks_file=.*", f"jwks_file={jwks}", db.stack.config.read_text()))
    token = subprocess.run([db.stack.build / "bellmanctl", "token", "-c", config, "--org", "acme", "--sub", "me",
                            "--role", "Service", "--ttl", "60"], capture_output=True, text=True, timeout=60)
    assert token.returncode == 0 and len(token.stdout.strip().split(".")) == 3, token.stderr
