"""Bellman's calls on jobs, as one would write them in FastAPI: uvicorn fastapi_celery.api:app.

Handlers are plain functions, so they run in the thread pool and may block. Answers are built from the row directly: a
response model would validate every row again.
"""
import base64
import datetime
import json
import os
from typing import Any, Dict, Optional

import jwt
import sqlalchemy as sa
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Extra, Field, conint, constr

from . import model, tasks

PREFIX = "/api/system"
TIMEOUTS_S = {"noop": 30, "sleep": 3600}

app = FastAPI(openapi_url=None)
engine = model.make_engine(40)
key = base64.urlsafe_b64decode(os.environ["PEER_JWT_KEY"])
j = model.jobs.c
SHOWN = [c for c in model.jobs.c if c.name != "idempotency_key"]


class JobCreate(BaseModel):
    job_type: constr(min_length=1, max_length=64)
    payload: Dict[str, Any] = Field(default_factory=dict)
    priority: conint(ge=-1, le=1) = 0
    max_retries: conint(ge=0, le=25) = 3
    timeout_s: Optional[conint(ge=1, le=86400)] = None

    class Config:
        extra = Extra.forbid


class Caller:
    __slots__ = ("org", "sub")

    def __init__(self, org, sub):
        self.org, self.sub = org, sub


def caller(authorization: str = Header(default="")):
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), key, algorithms=["HS256"],
                            options={"require": ["exp", "sub"]})
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error)) from None
    if "SystemAdmin" not in claims.get("roles", ()) and "Service" not in claims.get("roles", ()):
        raise HTTPException(403, "role")
    return Caller(claims["org"], claims["sub"])


def shown(row):
    job = dict(row._mapping)
    for name, value in job.items():
        if isinstance(value, datetime.datetime):
            job[name] = value.isoformat(timespec="microseconds") + "Z"
    job["payload"] = json.loads(job["payload"])
    job["result"] = json.loads(job["result"]) if job["result"] else None
    return job


@app.post(PREFIX + "/background-jobs")
def create(body: JobCreate, who: Caller = Depends(caller), idempotency_key: Optional[str] = Header(default=None)):
    if body.job_type not in TIMEOUTS_S:
        raise HTTPException(422, "job_type")
    now = model.utc_now()
    row = {"id": model.new_id(), "organization_id": who.org, "job_type": body.job_type, "status": "queued",
           "priority": body.priority, "payload": json.dumps(body.payload), "retry_count": 0,
           "max_retries": body.max_retries, "created_at": now, "updated_at": now, "created_by": who.sub,
           "updated_by": who.sub, "attempt": 0, "timeout_s": body.timeout_s or TIMEOUTS_S[body.job_type],
           "idempotency_key": idempotency_key, "result": None, "error_message": None, "next_retry_at": None,
           "started_at": None, "completed_at": None}
    try:
        with engine.begin() as db:
            db.execute(sa.insert(model.jobs), row)
    except sa.exc.IntegrityError:
        with engine.connect() as db:
            there = db.execute(sa.select(SHOWN).where(j.organization_id == who.org,
                                                      j.idempotency_key == idempotency_key)).first()
        if there is None:
            raise
        return JSONResponse(shown(there), 201)
    tasks.publish(row["id"], row["priority"])
    job = {**row, "payload": body.payload, "created_at": now.isoformat(timespec="microseconds") + "Z"}
    job["updated_at"] = job["created_at"]
    del job["idempotency_key"]
    return JSONResponse(job, 201, headers={"Location": f"{PREFIX}/background-jobs/{row['id']}"})


@app.get(PREFIX + "/background-jobs/{job_id}")
def read(job_id: str, who: Caller = Depends(caller)):
    with engine.connect() as db:
        row = db.execute(READ, {"job": job_id, "org": who.org}).first()
    if row is None:
        raise HTTPException(404)
    return JSONResponse(shown(row))


@app.get(PREFIX + "/background-jobs")
def listing(who: Caller = Depends(caller), status: Optional[str] = None, skip: int = Query(0, ge=0),
            limit: int = Query(50, ge=1, le=200)):
    where = sa.and_(j.organization_id == who.org, *([j.status == status] if status else []))
    with engine.connect() as db:
        rows = db.execute(sa.select(SHOWN).where(where).order_by(j.created_at.desc(), j.id.desc())
                          .offset(skip).limit(limit)).all()
        total = db.execute(sa.select(sa.func.count()).select_from(model.jobs).where(where)).scalar()
    return JSONResponse({"jobs": [shown(row) for row in rows], "total": total, "skip": skip, "limit": limit})


@app.post(PREFIX + "/background-jobs/{job_id}/cancel")
def cancel(job_id: str, who: Caller = Depends(caller)):
    now = model.utc_now()
    with engine.begin() as db:
        done = db.execute(sa.update(model.jobs)
                          .where(j.id == job_id, j.organization_id == who.org, j.status == "queued")
                          .values(status="cancelled", completed_at=now, updated_at=now, updated_by=who.sub)).rowcount
    if not done:
        raise HTTPException(409)
    return read(job_id, who)


@app.get(PREFIX + "/healthz")
def healthz():
    return JSONResponse({"status": "ok"})


READ = sa.select(SHOWN).where(j.id == sa.bindparam("job"), j.organization_id == sa.bindparam("org"))
