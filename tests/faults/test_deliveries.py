"""Deliveries through a provider that fails at random while consumers are killed."""
import time

import pytest

import database
from faults import configured, kill
from flaky_mail import FlakyMail
from waiting import SLOW, wait_until

RUNNERS = 16
KILL_EVERY_S = 3
SETTINGS = (f"[consumer]\nlease_ms=1500\nrenew_ms=300\nconcurrency={RUNNERS}\ncrash_limit=100\nreserve_percent=0\n"
            "[egress]\nsend_timeout_s=2\n[providers]\nbreaker_failures=1000\n")
STATES = "SELECT state, COUNT(*) AS n FROM deliveries WHERE organization_id = %s GROUP BY state"


def states(org):
    return {r["state"]: r["n"] for r in database.rows(org.stack, STATES, org.id)}


def tell(org, first, n):
    recipients = [{"user_id": f"u{i}", "email": f"u{i}@example.com"} for i in range(first, first + n)]
    answer = org.admin.post("/notifications/events", {"event": "payroll", "recipients": recipients, "data": {"period": "May"}})
    assert answer.status_code == 202, answer.text


def deliver_all(org, n, kills_max, deadline_s):
    """Kills a consumer every few seconds until all are sent, though not for ever; how often."""
    kills = 0
    deadline = time.monotonic() + deadline_s * SLOW
    killed = time.monotonic()
    while (now := states(org)).get("sent", 0) + now.get("failed", 0) < n:
        assert time.monotonic() < deadline, now
        if kills < kills_max and now.get("sent", 0) > 0 and time.monotonic() - killed > KILL_EVERY_S * SLOW:
            kill(org.stack, "consumer")
            org.stack.restart("consumer")
            kills += 1
            killed = time.monotonic()
        time.sleep(0.1)
    return kills


def check_record(org, peer, kills):
    """The record against the peer's log. One try may be taken twice: libcurl sends a request again when a connection that was
    kept is reset before it has heard anything, with the same id."""
    rows = database.rows(org.stack, "SELECT CAST(d.id AS CHAR) AS id, d.state, d.provider_message_id, SUM(a.outcome = 'sent') AS sent,"
                         " COUNT(*) AS tries FROM deliveries d JOIN delivery_attempts a ON a.delivery_id = d.id"
                         " WHERE d.organization_id = %s GROUP BY d.id", org.id)
    for row in rows:
        taken = peer.accepted.get(row["id"], [])
        assert row["state"] == "sent" and row["sent"] == 1, row
        assert row["provider_message_id"] in taken, (row, taken)
    assert set(peer.accepted) == {row["id"] for row in rows}
    extra = sum(len(taken) - 1 for taken in peer.accepted.values())
    assert extra <= peer.unanswered + kills * RUNNERS, (extra, peer.unanswered, kills)
    return len(rows), extra


@pytest.mark.case("F29", "deliveries through a provider that fails at random, consumers killed", full=1)
def test_deliveries_arrive_and_the_record_agrees(org, stack, record):
    n = 500 if record.is_short else 10_000
    with configured(stack, SETTINGS), FlakyMail(record.number) as peer:
        stack.restart("consumer")
        answer = org.admin.put("/providers/sendgrid", {"config": {"api_key": "SG.x", "endpoint": peer.url}})
        assert answer.status_code in (200, 201), answer.text
        for first in range(0, n, 500):
            tell(org, first, 500)
        wait_until("all deliveries to be made", lambda: sum(states(org).values()) == n, 120, stack)
        kills = deliver_all(org, n, kills_max=3 if record.is_short else 40, deadline_s=120 if record.is_short else 900)
        made, extra = check_record(org, peer, kills)
    record.note(f"{made} deliveries, {kills} kills, {sum(peer.told.values())} requests of which {peer.unanswered} were taken without"
                f" an answer; {extra} messages twice")
