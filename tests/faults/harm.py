"""Harm that more than one case does."""
import contextlib
import datetime
import time

import procs
from faults import configured
from mariadb_proxy import MariaDbProxy
from tcp_proxy import AmqpProxy

# Statements of the consumer, as they pass the proxy in front of the database.
CLAIM = r"^UPDATE.*SET (j\.)?status = 'processing'"
OUTCOME = r"^UPDATE.*SET (j\.status = v\.s|status = 'completed')"
TAKE_DUE = r"status = 'queued' AND dispatch_at <= UTC_TIMESTAMP.*SKIP LOCKED"
MARK_SENT = r"^UPDATE.*SET (j\.)?dispatch_at = NULL"
INSERT_JOB = r"^INSERT INTO background_jobs"


@contextlib.contextmanager
def database_proxy(stack, *parts):
    """These parts of the stack reach MariaDB through a proxy for the length of the block."""
    with MariaDbProxy(stack.db_socket) as proxy:
        with configured(stack, f"[database]\nsocket={proxy.address}\n"):
            for part in parts:
                stack.restart(part)
        try:
            yield proxy
        finally:
            proxy.clear()
            for part in parts:
                stack.restart(part)


@contextlib.contextmanager
def broker_proxy(stack):
    """A proxy in front of RabbitMQ, and the INI text that leads through it."""
    with AmqpProxy(("127.0.0.1", stack.ports["amqp"])) as proxy:
        url = stack.amqp_url.replace(f":{stack.ports['amqp']}/", f":{proxy.address[1]}/")
        yield proxy, f"[broker]\nurl={url}\n"


def rabbitmqctl(stack, *arguments):
    return procs.run([stack.dir / "rabbitmq" / "rabbitmqctl", "-q", *arguments], "rabbitmqctl",
                     stack.log_dir / "rabbitmqctl.log")


def epoch_s(row_time):
    """A DATETIME of the database as seconds since 1970."""
    return row_time.replace(tzinfo=datetime.timezone.utc).timestamp()


def later(seconds):
    """An RFC 3339 time so far ahead."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def note_restarts(record, attempts, job_ids, since_wall):
    """Records for each job how long after since_wall its last attempt began."""
    for job_id in job_ids:
        record.recovered(epoch_s(attempts[job_id][-1]["started_at"]) - since_wall)


def now_wall():
    return time.time()
