"""The table and the connections: SQLAlchemy Core over mysqlclient (the C driver), by Unix socket.

The columns are Bellman's for one job, without its attempts table and counters, which makes the peer's writes smaller.
"""
import datetime
import os
import secrets
import time
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()

ASCII = {"charset": "ascii", "collation": "ascii_bin"}
STATUSES = ("queued", "processing", "completed", "failed", "cancelled")

organizations = sa.Table(
    "organizations", metadata,
    sa.Column("id", mysql.VARCHAR(64, **ASCII), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    mysql_engine="InnoDB", mysql_charset="utf8mb4")

jobs = sa.Table(
    "background_jobs", metadata,
    sa.Column("id", mysql.CHAR(36, **ASCII), primary_key=True),
    sa.Column("organization_id", mysql.VARCHAR(64, **ASCII), sa.ForeignKey("organizations.id", ondelete="CASCADE"),
              nullable=False),
    sa.Column("job_type", mysql.VARCHAR(64, **ASCII), nullable=False),
    sa.Column("status", mysql.ENUM(*STATUSES, **ASCII), nullable=False),
    sa.Column("priority", mysql.TINYINT, nullable=False),
    sa.Column("payload", mysql.LONGTEXT, nullable=False),
    sa.Column("result", mysql.LONGTEXT),
    sa.Column("error_message", sa.String(2000)),
    sa.Column("retry_count", sa.Integer, nullable=False),
    sa.Column("max_retries", sa.Integer, nullable=False),
    sa.Column("next_retry_at", mysql.DATETIME(fsp=6)),
    sa.Column("started_at", mysql.DATETIME(fsp=6)),
    sa.Column("completed_at", mysql.DATETIME(fsp=6)),
    sa.Column("created_at", mysql.DATETIME(fsp=6), nullable=False),
    sa.Column("updated_at", mysql.DATETIME(fsp=6), nullable=False),
    sa.Column("created_by", sa.String(128)),
    sa.Column("updated_by", sa.String(128)),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("timeout_s", sa.Integer, nullable=False),
    sa.Column("idempotency_key", mysql.VARCHAR(255, **ASCII)),
    sa.UniqueConstraint("organization_id", "idempotency_key"),
    sa.Index("ix_status_created", "organization_id", "status", "created_at", "id"),
    sa.Index("ix_created", "organization_id", "created_at", "id"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4")


def make_engine(pool_size):
    return sa.create_engine(
        "mysql+mysqldb://", isolation_level="READ COMMITTED", pool_size=pool_size, max_overflow=0, pool_pre_ping=False,
        connect_args={"unix_socket": os.environ["PEER_DB_SOCKET"], "user": os.environ["PEER_DB_USER"],
                      "passwd": os.environ["PEER_DB_PASSWORD"], "db": os.environ["PEER_DB_NAME"],
                      "charset": "utf8mb4"})


def utc_now():
    return datetime.datetime.utcnow()


def new_id():
    """UUIDv7: rows are appended to the primary key instead of being spread over it."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
