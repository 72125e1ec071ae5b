"""The audit log over HTTP: who changed what, when, from what to what; to each organization its own, and no secret."""
import datetime
import json

import pytest

import database
from client import Org, faults

PATH = "/audit-log"
WEBHOOK = "https://hooks.slack.com/services/T0001/B0001/abcDEF123secret"
MASK = "********"


def entries(org, client=None, **query):
    answer = (client or org.admin).get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]


def pages(org, limit, **query):
    cursor = None
    while True:
        page = org.admin.get(PATH, params={**query, "limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        assert page["limit"] == limit and len(page["entries"]) <= limit
        yield page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_who_changed_which_setting_from_what_to_what(org):
    zoe = org.user("zoe")
    before = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    answer = zoe.put("/notification-settings", {"email_from_name": "Payroll", "digest_enabled": True})
    [entry] = entries(org, action="notification_settings.update")
    assert (entry["actor"], entry["request_id"]) == ("zoe", answer.headers["X-Request-Id"])
    assert entry["changes"]["email_from_name"] == {"from": None, "to": "Payroll"}
    assert entry["changes"]["digest_enabled"] == {"from": False, "to": True}
    assert entry["created_at"] == answer.json()["updated_at"] or entry["created_at"] > before
    assert set(entry) == {"id", "actor", "action", "subject", "request_id", "changes", "created_at"}


def test_who_cancelled_and_retried_a_job(org):
    job = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    other = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    org.user("zoe").cancel(job["id"])
    org.user("bob").post(f"/background-jobs/{job['id']}/retry")
    org.user("zoe").cancel(other["id"])
    assert [(e["action"], e["actor"]) for e in entries(org, subject=job["id"])] == [("job.retry", "bob"), ("job.cancel", "zoe")]
    assert [e["subject"] for e in entries(org, actor="zoe")] == [other["id"], job["id"]]
    assert [e["subject"] for e in entries(org, actor="zoe", action="job.cancel", subject=job["id"])] == [job["id"]]
    assert not entries(org, actor="bob", action="job.cancel")


def test_another_organization_sees_nothing(stack, org):
    job = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    org.admin.cancel(job["id"])
    other = Org(stack, "audit-other")
    assert entries(org, subject=job["id"])
    for query in ({}, {"subject": job["id"]}, {"action": "job.cancel"}, {"actor": "admin"},
                  {"actor": "admin", "subject": job["id"]}):
        assert not entries(other, **query), query
    assert org.user(role="Service").get(PATH).status_code == 403


def test_what_concerns_the_whole_deployment_is_nobodys(stack, org):
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_log (organization_id, actor, action, subject, created_at)"
                       " VALUES (NULL, 'operator', 'limit.set', 'audit-of-all', UTC_TIMESTAMP(6))")
    assert not entries(org, subject="audit-of-all") and not entries(org, actor="operator")


def test_secrets_never_appear(org):
    org.admin.put("/notification-settings", {"slack_webhook_url": WEBHOOK})
    org.admin.put("/notification-settings", {"slack_webhook_url": WEBHOOK + "2"})
    org.admin.put("/notification-settings", {"slack_webhook_url": None})
    answer = org.admin.put("/providers/sendgrid", {"config": {"api_key": "SG.very.secret-key-0123456789"}})
    assert answer.status_code in (200, 201), answer.text
    org.admin.patch("/providers/sendgrid", {"config": {"api_key": "SG.another.secret-key-987654321"}})
    shown = org.admin.get(PATH).text
    for secret in ("abcDEF123", "hooks.slack.com", "very.secret", "another.secret"):
        assert secret not in shown
    newest = entries(org, action="notification_settings.update")
    assert [e["changes"]["slack_webhook_url"] for e in newest] == [
        {"from": MASK, "to": None}, {"from": MASK, "to": MASK}, {"from": None, "to": MASK}]
    assert entries(org, action="provider.update")


@pytest.mark.parametrize("query,wanted", [
    ("limit=0", {"?limit": "range"}), ("limit=201", {"?limit": "range"}), ("limit=many", {"?limit": "type"}),
    ("cursor=nonsense", {"?cursor": "format"}), ("cursor=MTIz", {"?cursor": "format"}),
    ("created_after=yesterday", {"?created_after": "format"}), ("created_before=1", {"?created_before": "format"}),
    ("action=" + "x" * 65, {"?action": "length"}), ("actor=" + "x" * 129, {"?actor": "length"}),
    ("subject=a%C2%85b", {"?subject": "format"}),
    ("action=na%C3%AFve", {"?action": "format"}), ("subject=%E6%97%A5", {"?subject": "format"}),
    ("organization_id=other", {"?organization_id": "unknown_field"}),
])
def test_bad_filters(org, query, wanted):
    assert faults(org.admin.get(f"{PATH}?{query}")) == wanted


@pytest.mark.parametrize("query", [{"action": "nothing"}, {"actor": "Zoë"}, {"subject": "' OR 1=1 --"}])
def test_filters_that_nothing_fits(org, query):
    assert not entries(org, **query)


def test_pages_together_are_the_log(stack):
    org = Org(stack, "audit-pages")
    org.admin.get("/notification-settings")
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_log (organization_id, actor, action, subject, changes, created_at)"
            " SELECT %s, ELT(1 + seq %% 3, 'ada', 'Zoë', 'bob'), ELT(1 + seq %% 2, 'job.cancel', 'job.retry'),"
            " CONCAT('s', seq %% 5), JSON_OBJECT('n', seq), '2026-01-01' + INTERVAL seq DIV 4 SECOND FROM seq_1_to_1000",
            (org.id,))
    rows = database.rows(stack, "SELECT id, actor, action, subject, changes, created_at FROM audit_log"
                         " WHERE organization_id = %s ORDER BY created_at DESC, id DESC", org.id)
    for query in ({}, {"actor": "Zoë"}, {"action": "job.retry"}, {"subject": "s3"}, {"actor": "ada", "action": "job.cancel"},
                  {"actor": "ada", "action": "job.cancel", "subject": "s0"}):
        wanted = [r["id"] for r in rows if all(r[name] == value for name, value in query.items())]
        for limit in (7, 200):
            seen = [e["id"] for page in pages(org, limit, **query) for e in page]
            assert seen == wanted, (query, limit)
    between = {"created_after": "2026-01-01T00:01:00Z", "created_before": "2026-01-01T00:02:00Z"}
    wanted = [r["id"] for r in rows if 60 < (r["created_at"] - datetime.datetime(2026, 1, 1)).total_seconds() < 120]
    assert [e["id"] for page in pages(org, 50, **between) for e in page] == wanted and len(wanted) == 59 * 4
    assert [e["changes"] for e in entries(org, limit=3)] == [json.loads(r["changes"]) for r in rows[:3]]
