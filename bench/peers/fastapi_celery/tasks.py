"""The worker: celery -A fastapi_celery.tasks worker. A row is claimed and finished by guarded updates, each committed;
the message is acknowledged after that."""
import os

import sqlalchemy as sa
from celery import Celery
from celery.signals import worker_process_init
from kombu import Exchange, Queue

from . import model

QUEUE = "peer.jobs"
PRIORITIES = {-1: 0, 0: 5, 1: 9}

app = Celery("peer", broker=os.environ["PEER_AMQP_URL"])
app.conf.update(
    task_queues=[Queue(QUEUE, Exchange(QUEUE, type="direct", durable=True), routing_key=QUEUE, durable=True,
                       max_priority=9)],
    task_default_queue=QUEUE, task_default_exchange=QUEUE, task_default_routing_key=QUEUE,
    task_default_delivery_mode="persistent",
    task_acks_late=True, task_reject_on_worker_lost=True, task_ignore_result=True,
    worker_prefetch_multiplier=int(os.environ.get("PEER_PREFETCH", "50")),
    worker_send_task_events=False, task_send_sent_event=False, task_track_started=False,
    worker_disable_rate_limits=True, worker_hijack_root_logger=False,
    broker_pool_limit=40, broker_transport_options={"confirm_publish": True}, broker_heartbeat=0,
    task_serializer="json", accept_content=["json"], enable_utc=True)

engine = None


def get_engine():
    global engine
    if engine is None:
        engine = model.make_engine(int(os.environ.get("PEER_CONCURRENCY", "8")))
    return engine


@worker_process_init.connect
def forget_inherited_connections(**_):
    global engine
    engine = None


j = model.jobs.c
CLAIM = (sa.update(model.jobs)
         .where(j.id == sa.bindparam("job_id"), j.status == "queued", j.attempt == sa.bindparam("fence"))
         .values(status="processing", attempt=sa.bindparam("fence") + 1, started_at=sa.bindparam("now"),
                 updated_at=sa.bindparam("now")))
READ = sa.select(j.job_type, j.payload, j.retry_count, j.max_retries).where(j.id == sa.bindparam("job_id"))
FINISH = (sa.update(model.jobs)
          .where(j.id == sa.bindparam("job_id"), j.status == "processing", j.attempt == sa.bindparam("fence"))
          .values(status=sa.bindparam("outcome"), result=sa.bindparam("answer"), error_message=sa.bindparam("error"),
                  retry_count=sa.bindparam("retries"), completed_at=sa.bindparam("now"),
                  updated_at=sa.bindparam("now")))

HANDLERS = {"noop": lambda payload: "{}"}


@app.task(name="peer.run", bind=True, max_retries=None)
def run(task, job_id, fence):
    with get_engine().begin() as db:
        claimed = db.execute(CLAIM, {"job_id": job_id, "fence": fence, "now": model.utc_now()}).rowcount
        row = db.execute(READ, {"job_id": job_id}).first() if claimed else None
    if row is None:
        return
    finish = {"job_id": job_id, "fence": fence + 1, "outcome": "completed", "answer": None, "error": None,
              "retries": row.retry_count}
    failure = None
    try:
        finish["answer"] = HANDLERS[row.job_type](row.payload)
    except Exception as error:  # pylint: disable=broad-except
        failure = error
        again = row.retry_count < row.max_retries
        finish.update(error=str(error)[:2000], outcome="queued" if again else "failed", retries=row.retry_count + again)
    finish["now"] = model.utc_now()
    with get_engine().begin() as db:
        db.execute(FINISH, finish)
    if failure is not None and finish["outcome"] == "queued":
        raise task.retry(args=(job_id, fence + 1), countdown=15 + finish["retries"] ** 4, exc=failure)


def publish(job_id, priority):
    run.apply_async((job_id, 0), task_id=job_id, priority=PRIORITIES[priority])
