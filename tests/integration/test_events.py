"""Events become messages, as the settings say: who is told over which channel, when, and what the record shows."""
import concurrent.futures
import email
import email.policy
from datetime import datetime, timedelta, timezone

import database
from client import Org, faults
from waiting import wait_until

EVENTS = "/notifications/events"
ADA = {"user_id": "ada", "email": "ada@example.com", "phone": "+4915112345678", "locale": "de-CH"}
BOB = {"user_id": "bob", "email": "bob@example.com"}


def mails(stack, delivery):
    """Those in the catcher that carry the delivery's id."""
    found = []
    for path in (stack.maildir / "new").iterdir():
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if delivery["id"] in (mail["Message-ID"] or ""):
            found.append(mail)
    return found


def tell(org, event="payroll", recipients=(ADA,), status=202, **members):
    answer = org.admin.post(EVENTS, {"event": event, "recipients": list(recipients), **members})
    assert answer.status_code == status, answer.text
    return answer.json()


def deliveries(org, event, **filters):
    answer = org.admin.get("/deliveries", params={"event_id": event["id"], **filters})
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def wait_states(org, event, *states):
    """The event's deliveries once they are in these states (in any order)."""
    def check():
        found = deliveries(org, event)
        return found if sorted(d["state"] for d in found) == sorted(states) else None
    return wait_until(f"deliveries to be {states}", check, 15, org.stack)


def set_settings(org, **changes):
    answer = org.admin.put("/notification-settings", changes)
    assert answer.status_code == 200, answer.text


def test_an_event_becomes_a_mail_for_each_recipient(stack, org):
    event = tell(org, recipients=[ADA, BOB], data={"period": "November 2026", "employee_name": "Ada & Co <b>"})
    assert event["event"] == "payroll" and event["severity"] == "info" and event["deliveries"] == {}
    sent = wait_states(org, event, "sent", "sent")
    assert {d["recipient"]: d["address"] for d in sent} == {"ada": "ada@example.com", "bob": "bob@example.com"}
    for delivery in sent:
        [mail] = mails(stack, delivery)
        assert mail["To"] == delivery["address"] and "November 2026" in mail.get_body(("plain",)).get_content()
        assert delivery["provider"] == "smtp" and delivery["id"] in delivery["provider_message_id"]
        detail = org.admin.get(f"/deliveries/{delivery['id']}").json()
        [attempt] = detail["attempts"]
        assert (attempt["number"], attempt["provider"], attempt["outcome"], attempt["code"]) == (1, "smtp", "sent", 250)
    assert org.admin.get(f"{EVENTS}/{event['id']}").json()["deliveries"] == {"sent": 2}
    job = org.admin.wait_job(event["job_id"])
    assert job["result"] == {"event_id": event["id"], "deliveries": 2, "skipped": []}


def test_the_same_dedupe_key_tells_nobody_twice(org):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: org.admin.post(EVENTS, {"event": "payroll", "recipients": [ADA],
                                                                  "dedupe_key": "run-11"}), range(8)))
    assert sorted(a.status_code for a in answers) == [200] * 7 + [202]
    assert len({a.json()["id"] for a in answers}) == 1
    wait_states(org, answers[0].json(), "sent")
    assert database.rows(org.stack, "SELECT COUNT(*) AS n FROM deliveries WHERE organization_id = %s", org.id)[0]["n"] == 1


def test_switches_decide(org):
    set_settings(org, email_on_payroll=False)
    event = tell(org)
    assert org.admin.wait_job(event["job_id"])["result"]["deliveries"] == 0
    assert deliveries(org, event) == []


def test_a_recipient_without_an_address_is_named(org):
    event = tell(org, recipients=[{"user_id": "eve"}, BOB])
    result = org.admin.wait_job(event["job_id"])["result"]
    assert result["skipped"] == [{"user_id": "eve", "channel": "email", "reason": "no_address"}]
    wait_states(org, event, "sent")


def test_quiet_hours_hold_and_critical_passes(stack, org):
    now = datetime.now(timezone.utc)
    set_settings(org, quiet_hours_start=(now - timedelta(hours=1)).strftime("%H:%M"),
                 quiet_hours_end=(now + timedelta(hours=1)).strftime("%H:%M"))
    event = tell(org, event="alert", data={"title": "Disk"})
    [held] = wait_states(org, event, "held")
    assert held["hold_reason"] == "quiet_hours"
    until = datetime.fromisoformat(held["held_until"].replace("Z", "+00:00"))
    assert until.strftime("%H:%M") == (now + timedelta(hours=1)).strftime("%H:%M") and until > now
    job = org.admin.wait_job(held["job_id"], "queued")  # the worker tells that it waits after it has written why
    assert job["retry_count"] == 0 and job["snooze_count"] >= 1
    urgent = tell(org, event="alert", severity="critical", data={"title": "Fire"})
    wait_states(org, urgent, "sent")
    assert mails(stack, held) == []


def test_a_digest_gathers_one_message(stack, org):
    set_settings(org, digest_enabled=True, digest_frequency="hourly")
    events = [tell(org, data={"period": f"week {i}"}) for i in range(3)]
    held = [wait_states(org, event, "held")[0] for event in events]
    assert {d["hold_reason"] for d in held} == {"digest"} and len({d["digest_id"] for d in held}) == 1
    digest = org.admin.get(f"/deliveries/{held[0]['digest_id']}").json()
    assert (digest["event"], digest["state"], len(digest["members"])) == ("digest", "held", 3)
    assert org.admin.job(digest["job_id"])["status"] == "queued"
    database.make_due(stack, digest["job_id"])
    sent = wait_until("the digest", lambda: next(iter(d for d in [org.admin.get(f"/deliveries/{digest['id']}").json()]
                                                      if d["state"] == "sent"), None), 15, stack)
    assert {d["state"] for d in [deliveries(org, event)[0] for event in events]} == {"sent"}
    [mail] = mails(stack, sent)
    assert mail["To"] == "ada@example.com"


def test_a_digest_says_what_joins_at_the_last_moment(stack, org):
    """Somebody is joining while the worker begins: either the message says it, or the next one will."""
    set_settings(org, digest_enabled=True, digest_frequency="hourly")
    events = [tell(org, data={"period": f"week {i}"}) for i in range(2)]
    held = [wait_states(org, event, "held")[0] for event in events]
    digest_id, late_id = held[0]["digest_id"], held[1]["id"]
    digest = org.admin.get(f"/deliveries/{digest_id}").json()
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE deliveries SET state = 'queued', hold_reason = NULL, digest_id = NULL WHERE id = %s", (late_id,))
        cursor.execute("UPDATE deliveries SET held_until = UTC_TIMESTAMP(6) WHERE id = %s", (digest_id,))
        db.begin()
        cursor.execute("SELECT id FROM deliveries WHERE id = %s FOR UPDATE", (digest_id,))
        cursor.execute("UPDATE deliveries SET state = 'held', hold_reason = 'digest', digest_id = %s WHERE id = %s",
                       (digest_id, late_id))
        database.start_now(stack, digest["job_id"])
        wait_until("the worker to wait for the digest's row", lambda: database.are_waiting(stack, "deliver"), 10,
                   stack, 0.01)
        db.commit()
    sent = wait_until("the digest", lambda: next(iter(d for d in [org.admin.get(f"/deliveries/{digest_id}").json()]
                                                      if d["state"] == "sent"), None), 15, stack)
    [mail] = mails(stack, sent)
    said = mail.get_body(("plain",)).get_content()
    assert "week 0" in said and "week 1" in said, said
    assert {d["state"] for event in events for d in deliveries(org, event)} == {"sent"}


def test_wrong_events_change_nothing(org):
    cases = [
        ({"event": "party", "recipients": [ADA]}, "/event"),
        ({"event": "payroll", "recipients": []}, "/recipients"),
        ({"event": "payroll"}, "/recipients"),
        ({"event": "payroll", "recipients": [{"email": "x@example.com"}]}, "/recipients/0/user_id"),
        ({"event": "payroll", "recipients": [{"user_id": "a", "email": "nobody"}]}, "/recipients/0/email"),
        ({"event": "payroll", "recipients": [{"user_id": "a", "phone": "0151"}]}, "/recipients/0/phone"),
        ({"event": "payroll", "recipients": [{"user_id": "a", "timezone": "Mars/Base"}]}, "/recipients/0/timezone"),
        ({"event": "payroll", "recipients": [{"user_id": "a", "locale": "de_<b>"}]}, "/recipients/0/locale"),
        ({"event": "payroll", "recipients": [ADA, ADA]}, "/recipients/1/user_id"),
        ({"event": "payroll", "recipients": [ADA], "severity": "dire"}, "/severity"),
        ({"event": "payroll", "recipients": [ADA], "data": {"period": {"a": 1}}}, "/data/period"),
        ({"event": "payroll", "recipients": [ADA], "data": []}, "/data"),
        ({"event": "payroll", "recipients": [ADA], "to": "x"}, "/to"),
    ]
    for body, pointer in cases:
        answer = org.admin.post(EVENTS, body)
        assert answer.status_code == 422 and pointer in faults(answer), (body, answer.text)
    assert database.rows(org.stack, "SELECT COUNT(*) AS n FROM notification_events WHERE organization_id = %s",
                         org.id)[0]["n"] == 0


def test_others_see_nothing(stack, org):
    other_org = Org(stack, "other")
    event = tell(org)
    [delivery] = wait_states(org, event, "sent")
    for path in (f"{EVENTS}/{event['id']}", f"/deliveries/{delivery['id']}"):
        assert other_org.admin.get(path).status_code == 404
    assert other_org.admin.get("/deliveries").json()["deliveries"] == []
