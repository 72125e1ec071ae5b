"""The record of deliveries stays true, whoever changes what belongs to them: jobs, settings, the suppression list."""
import csv
import io
from datetime import datetime, timedelta, timezone

import database
from client import Org, faults
from test_events import ADA, BOB, deliveries, mails, set_settings, tell, wait_states
from waiting import wait_until


def delivery(org, delivery_id):
    answer = org.admin.get(f"/deliveries/{delivery_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_state(org, delivery_id, state, timeout_s=20):
    return wait_until(f"delivery {delivery_id} to be {state}",
                      lambda: (d := delivery(org, delivery_id))["state"] == state and d, timeout_s, org.stack)


def audit(org, action):
    return database.rows(org.stack, "SELECT actor, subject, request_id, changes FROM audit_log WHERE organization_id = %s"
                         " AND action = %s ORDER BY id", org.id, action)


def hold_by_dnd(org):
    set_settings(org, dnd_enabled=True)
    event = tell(org)
    [held] = wait_states(org, event, "held")
    return held


# --- once more ---

def test_a_delivery_is_sent_again_as_another(stack, org):
    event = tell(org, data={"period": "May"})
    [first] = wait_states(org, event, "sent")
    copies = []
    for _ in range(2):
        answer = org.admin.post(f"/deliveries/{first['id']}/resend")
        assert answer.status_code == 201, answer.text
        copy = answer.json()
        assert answer.headers["Location"] == f"/api/system/deliveries/{copy['id']}"
        assert (copy["resend_of"], copy["event_id"], copy["address"]) == (first["id"], event["id"], first["address"])
        wait_state(org, copy["id"], "sent")
        assert len(mails(stack, copy)) == 1
        copies.append(copy["id"])
    assert len(mails(stack, first)) == 1 and len({first["id"], *copies}) == 3
    assert [r["subject"] for r in audit(org, "delivery.resend")] == [first["id"]] * 2


def test_what_cannot_be_sent_again(stack, org):
    held = hold_by_dnd(org)
    assert org.admin.post(f"/deliveries/{held['id']}/resend").json()["code"] == "open"
    other = Org(stack, "other")
    for path in (f"/deliveries/{held['id']}/resend", "/deliveries/nonsense/resend"):
        assert other.admin.post(path).status_code == 404
    set_settings(org, dnd_enabled=False, digest_enabled=True, digest_frequency="hourly")
    event = tell(org)
    [member] = wait_states(org, event, "held")
    digest = delivery(org, member["digest_id"])
    database.make_due(stack, digest["job_id"])
    wait_state(org, digest["id"], "sent")
    assert org.admin.post(f"/deliveries/{digest['id']}/resend").json()["code"] == "digest"


# --- the jobs of deliveries ---

def test_a_cancelled_job_fails_its_delivery_and_a_retry_takes_it_up(org):
    held = hold_by_dnd(org)
    assert org.admin.cancel(held["job_id"]).status_code == 200
    failed = delivery(org, held["id"])
    assert failed["state"] == "failed" and "cancelled" in failed["error_message"] and failed["hold_reason"] is None
    set_settings(org, dnd_enabled=False)
    assert org.admin.post(f"/background-jobs/{held['job_id']}/retry").status_code == 200
    assert wait_state(org, held["id"], "sent")["error_message"] is None


def test_cancelling_many_jobs_and_a_digest(stack, org):
    set_settings(org, digest_enabled=True, digest_frequency="hourly")
    events = [tell(org, data={"period": str(i)}) for i in range(2)]
    members = [wait_states(org, event, "held")[0] for event in events]
    digest = delivery(org, members[0]["digest_id"])
    answer = org.admin.post("/background-jobs/cancel", {"job_type": "notify.deliver"})
    assert answer.status_code == 202, answer.text
    org.admin.wait_job(answer.json()["id"], "completed")
    assert [delivery(org, d["id"])["state"] for d in [digest, *members]] == ["failed"] * 3
    assert org.admin.post(f"/background-jobs/{digest['job_id']}/retry").status_code == 200
    sent = wait_state(org, digest["id"], "sent")
    assert [delivery(org, d["id"])["state"] for d in members] == ["sent"] * 2 and len(mails(stack, sent)) == 1


def test_a_delivery_whose_job_is_gone_fails(stack, org):
    held = hold_by_dnd(org)
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM background_jobs WHERE id = %s", (held["job_id"],))
        cursor.execute("UPDATE job_counts SET jobs = jobs - 1 WHERE organization_id = %s AND job_type = 'notify.deliver'"
                       " AND status = 'queued' LIMIT 1", (org.id,))
        cursor.execute("UPDATE deliveries SET updated_at = updated_at - INTERVAL 1 HOUR WHERE id = %s", (held["id"],))
    assert "gone" in wait_state(org, held["id"], "failed")["error_message"]


# --- other settings ---

def test_held_deliveries_go_when_settings_let_them(org):
    held = hold_by_dnd(org)
    assert held["hold_reason"] == "dnd" and held["held_until"] is None
    set_settings(org, dnd_enabled=False)
    wait_state(org, held["id"], "sent", 10)
    now = datetime.now(timezone.utc)
    set_settings(org, quiet_hours_start=(now - timedelta(hours=1)).strftime("%H:%M"),
                 quiet_hours_end=(now + timedelta(hours=2)).strftime("%H:%M"))
    [quiet] = wait_states(org, tell(org), "held")
    later = (now + timedelta(hours=3)).strftime("%H:%M")
    set_settings(org, quiet_hours_end=later)
    wait_until("the hold to follow the settings",
               lambda: delivery(org, quiet["id"])["held_until"][11:16] == later, 10, org.stack)
    set_settings(org, quiet_hours_start=None, quiet_hours_end=None)
    wait_state(org, quiet["id"], "sent", 10)


def test_nothing_is_held_by_settings_that_have_changed_untold(stack, org):
    """As when whoever changed them dies before the workers, which remember them, are told."""
    held = hold_by_dnd(org)
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE notification_settings SET dnd_enabled = 0, sms_enabled = 1, sms_on_payroll = 1 WHERE"
                       " organization_id = %s", (org.id,))
    event = tell(org)
    both = wait_until("both channels", lambda: len(f := deliveries(org, event)) == 2 and f, 15, stack)
    [mail] = [d for d in both if d["channel"] == "email"]
    wait_state(org, mail["id"], "sent")
    database.make_due(stack, held["job_id"])
    wait_state(org, held["id"], "sent")


def test_what_is_being_held_while_settings_change_looks_again(stack, org):
    """A worker has read the old settings and is about to write that it holds the delivery."""
    now = datetime.now(timezone.utc)
    set_settings(org, quiet_hours_start=(now - timedelta(hours=1)).strftime("%H:%M"),
                 quiet_hours_end=(now + timedelta(hours=2)).strftime("%H:%M"))
    assert org.admin.put("/background-jobs/pauses/notify.deliver", {}).status_code == 200
    event = tell(org)
    [row] = wait_until("the delivery", lambda: deliveries(org, event), 15, stack)
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT id FROM deliveries WHERE id = %s FOR UPDATE", (row["id"],))
        assert org.admin.call("DELETE", "/background-jobs/pauses/notify.deliver").status_code in (200, 204)
        wait_until("a worker to be at it", lambda: database.value(
            stack, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE deliveries SET state = ''held''%%'"),
            15, stack)
        set_settings(org, quiet_hours_start=None, quiet_hours_end=None)
        cursor.execute("ROLLBACK")
    wait_state(org, row["id"], "sent")


def wakers(org):
    return org.admin.get("/background-jobs", params={"job_type": "notify.wake"}).json()["jobs"]


def test_all_that_is_held_follows_the_settings(stack, org):
    """However much it is."""
    hours = [(datetime.now(timezone.utc) + timedelta(hours=h)).strftime("%H:%M") for h in (-1, 2, 3)]
    set_settings(org, quiet_hours_start=hours[0], quiet_hours_end=hours[1])
    n = 1300
    for first in range(0, n, 650):
        tell(org, recipients=[{"user_id": f"u{i}", "email": f"u{i}@example.com"} for i in range(first, first + 650)])

    def held_until(hour):
        return database.value(stack, "SELECT COUNT(*) FROM deliveries WHERE organization_id = %s AND state = 'held' AND"
                              " hold_reason = 'quiet_hours' AND DATE_FORMAT(held_until, '%%H:%%i') = %s", org.id, hour)

    wait_until("all to be held", lambda: held_until(hours[1]) == n, 60, stack)
    set_settings(org, quiet_hours_end=hours[2])
    wait_until("all to follow", lambda: held_until(hours[2]) == n, 30, stack)
    [job] = wakers(org)
    assert org.admin.wait_job(job["id"])["result"]["woken"] == n
    for i in range(3):  # each change begins anew; those before it need not go on
        set_settings(org, quiet_hours_end=hours[1 + i % 2])
    wait_until("all to follow the last", lambda: held_until(hours[1]) == n, 30, stack)
    woken = [org.admin.wait_job(job["id"])["result"]["woken"] for job in wakers(org)]
    assert len(woken) == 4 and sorted(woken)[-2:] == [n, n] and sorted(woken)[:2] < [n, n], woken


def test_digests_follow_the_settings(stack, org):
    hours = {name: (datetime.now(timezone.utc) + timedelta(hours=h)).strftime("%H:00") for name, h in (("far", 8), ("near", 4))}
    set_settings(org, digest_enabled=True, digest_frequency="daily", digest_time=hours["far"])
    [member] = wait_states(org, tell(org), "held")
    assert member["held_until"][11:16] == hours["far"]
    set_settings(org, digest_time=hours["near"])
    digest = wait_until("the digest to move", lambda: (d := delivery(org, member["digest_id"]))["held_until"][11:16]
                        == hours["near"] and d, 10, stack)
    assert delivery(org, member["id"])["held_until"][11:16] == hours["near"]
    [second] = wait_states(org, tell(org), "held")
    assert second["digest_id"] == digest["id"]
    set_settings(org, digest_enabled=False)
    sent = wait_state(org, digest["id"], "sent", 10)
    assert [delivery(org, d["id"])["state"] for d in (member, second)] == ["sent"] * 2 and len(mails(stack, sent)) == 1


# --- suppressions ---

def suppress(org, address, status=201, **members):
    answer = org.admin.post("/suppressions", {"channel": "email", "address": address, **members})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_suppressed_addresses_get_nothing(stack, org):
    row = suppress(org, "ADA@Example.com", reason="unsubscribe", note="by phone")
    assert (row["address"], row["reason"], row["note"], row["created_by"]) == ("ada@example.com", "unsubscribe", "by phone", "admin")
    assert suppress(org, "ada@example.com", 200)["reason"] == "unsubscribe"
    event = tell(org, recipients=[ADA, BOB])
    found = {d["recipient"]: d for d in wait_states(org, event, "failed", "sent")}
    assert found["ada"]["state"] == "failed" and found["ada"]["error_message"].startswith("suppressed: ")
    assert mails(stack, found["ada"]) == []
    assert org.admin.wait_job(found["ada"]["job_id"])["status"] == "completed"
    wait_states(org, tell(org, event="alert", severity="critical", data={"title": "Fire"}), "sent")
    suppress(org, "ada@example.com", 200, reason="bounce")
    wait_states(org, tell(org, event="alert", severity="critical", data={"title": "Fire"}), "failed")
    assert org.admin.post("/suppressions/remove", {"channel": "email", "address": "Ada@example.com"}).status_code == 204
    assert org.admin.post("/suppressions/remove", {"channel": "email", "address": "ada@example.com"}).status_code == 404
    wait_states(org, tell(org), "sent")
    assert len(audit(org, "suppression.add")) == 1 and len(audit(org, "suppression.remove")) == 1


def test_the_list_is_paged_and_filtered(stack, org):
    for i in range(7):
        suppress(org, f"user{i}@example.com", reason="complaint" if i % 2 else "manual")
    org.admin.post("/suppressions", {"channel": "sms", "address": "+4915112345678"})
    seen, cursor = [], None
    while True:
        page = org.admin.get("/suppressions", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [s["address"] for s in page["suppressions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["+4915112345678"] + [f"user{i}@example.com" for i in reversed(range(7))]
    assert len(org.admin.get("/suppressions", params={"reason": "complaint"}).json()["suppressions"]) == 3
    assert len(org.admin.get("/suppressions", params={"channel": "sms"}).json()["suppressions"]) == 1
    assert len(org.admin.get("/suppressions", params={"address": "USER3@example.com"}).json()["suppressions"]) == 1
    assert faults(org.admin.get("/suppressions", params={"cursor": "bm9uc2Vuc2U="})) == {"?cursor": "format"}
    assert Org(stack, "other").admin.get("/suppressions").json()["suppressions"] == []


def test_wrong_suppressions_are_refused(org):
    for body, pointer in [({"channel": "email", "address": "nobody"}, "/address"), ({"channel": "sms", "address": "0151"}, "/address"),
                          ({"channel": "slack", "address": "x"}, "/channel"), ({"channel": "email"}, "/address"),
                          ({"channel": "email", "address": "a@example.com", "reason": "mood"}, "/reason")]:
        assert pointer in faults(org.admin.post("/suppressions", body)), body
    assert deliveries(org, {"id": "0190a6f0-0000-7000-8000-000000000000"}) == []


# --- what an auditor takes away, and what is kept ---

def test_the_export_is_the_list_without_formulas(stack, org):
    evil = {"user_id": "=HYPERLINK(\"http://x\",\"y\"), \"z\"", "email": "eve@example.com"}
    event = tell(org, recipients=[ADA, evil])
    wait_states(org, event, "sent", "sent")
    answer = org.admin.get("/deliveries/export.csv", params={"event_id": event["id"]})
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"] and "X-Next-Cursor" not in answer.headers
    assert answer.text.endswith("\r\n")
    rows = {r["id"]: r for r in csv.DictReader(io.StringIO(answer.text, newline=""))}
    listed = {d["id"]: d for d in deliveries(org, event)}
    assert set(rows) == set(listed)
    for delivery_id, row in rows.items():
        for name, value in listed[delivery_id].items():
            text = "" if value is None else value
            assert row[name] == ("'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text else text), name
    first = org.admin.get("/deliveries/export.csv", params={"event_id": event["id"], "limit": 1})
    second = org.admin.get("/deliveries/export.csv", params={"event_id": event["id"], "limit": 1,
                                                             "cursor": first.headers["X-Next-Cursor"]})
    assert first.text.splitlines()[1:] + second.text.splitlines()[1:] == answer.text.splitlines()[1:]
    assert "X-Next-Cursor" not in second.headers
    assert faults(org.admin.get("/deliveries/export.csv", params={"limit": 10001})) == {"?limit": "range"}
    assert faults(org.admin.get("/deliveries/export.csv", params={"cursor": "x"})) == {"?cursor": "format"}


def test_old_deliveries_and_events_go(stack, org):
    [old, young, held] = [tell(org, data={"period": p}) for p in ("old", "young", "later")]
    rows = [wait_states(org, event, "sent")[0] for event in (old, young, held)]
    with database.connected(stack) as connection, connection.cursor() as cursor:
        for event, row, state, days in ((old, rows[0], "sent", 91), (young, rows[1], "sent", 89), (held, rows[2], "held", 200)):
            cursor.execute("UPDATE deliveries SET updated_at = UTC_TIMESTAMP(6) - INTERVAL %s DAY, state = %s, job_id = IF(%s ="
                           " 'held', NULL, job_id), digest_id = IF(%s = 'held', id, NULL) WHERE id = %s",
                           (days, state, state, state, row["id"]))
            cursor.execute("UPDATE notification_events SET created_at = UTC_TIMESTAMP(6) - INTERVAL %s DAY WHERE id = %s",
                           (days, event["id"]))
    wait_until("the old event to go", lambda: org.admin.get(f"/notifications/events/{old['id']}").status_code == 404, 30, stack)
    assert org.admin.get(f"/deliveries/{rows[0]['id']}").status_code == 404
    assert database.value(stack, "SELECT COUNT(*) FROM delivery_attempts WHERE delivery_id = %s", rows[0]["id"]) == 0
    for event, row in ((young, rows[1]), (held, rows[2])):
        assert org.admin.get(f"/notifications/events/{event['id']}").status_code == 200
        assert org.admin.get(f"/deliveries/{row['id']}").status_code == 200


def test_a_digest_is_shown_before_it_goes(stack, org):
    path = "/notifications/digest-preview"
    assert faults(org.admin.get(path)) == {"?recipient": "required"}
    assert org.admin.get(path, params={"recipient": "ada"}).status_code == 404
    set_settings(org, digest_enabled=True, digest_frequency="hourly")
    members = [wait_states(org, tell(org, data={"period": f"week {i}"}), "held")[0] for i in range(2)]
    seen = org.admin.get(path, params={"recipient": "ada"}).json()
    assert (seen["delivery_id"], seen["members_n"], seen["address"]) == (members[0]["digest_id"], 2, "ada@example.com")
    assert {m["id"] for m in seen["members"]} == {m["id"] for m in members}
    assert seen["message"]["subject"] and seen["message"]["text"] and seen["held_until"] == members[0]["held_until"]
    assert org.admin.get(path, params={"delivery_id": seen["delivery_id"]}).json() == seen
    for wanted in (members[0]["id"], "0190a6f0-0000-7000-8000-000000000000"):
        assert org.admin.get(path, params={"delivery_id": wanted}).status_code == 404
    assert Org(stack, "other").admin.get(path, params={"recipient": "ada"}).status_code == 404
    digest = delivery(org, seen["delivery_id"])
    assert digest["state"] == "held"
    database.make_due(stack, digest["job_id"])
    wait_state(org, digest["id"], "sent")
    [mail] = mails(stack, digest)
    assert mail["Subject"] == seen["message"]["subject"]
