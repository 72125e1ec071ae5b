"""Events reach every provider over HTTP through the whole product: accounts of an organization, failover, pauses, what a lost
answer means, and that an account's secrets stand nowhere."""
import json
import pathlib
import re
import sys

import pika
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

import broker  # noqa: E402
import database  # noqa: E402
from client import Org  # noqa: E402
from conftest import QUICK_RETRIES, running  # noqa: E402
from provider_peer import (CANARY, CONFIGS, SLACK_PATH, WEBHOOK_PREVIOUS, WEBHOOK_SECRET, ProviderPeer,  # noqa: E402
                           aws_json, install_packages, sendgrid_error, slack_error, twilio_error)
from test_provider_accounts import ctl  # noqa: E402
from waiting import wait_until  # noqa: E402

ADA = {"user_id": "ada", "email": "ada@example.com", "phone": "+4915112345678", "locale": "en"}
CHANNELS = {"sendgrid": "email", "ses": "email", "twilio": "sms", "sns": "sms", "slack": "slack", "webhook": "webhook"}


@pytest.fixture(scope="module", name="stack")
def fixture_stack():
    yield from running("channels", conf_extra=QUICK_RETRIES + "[providers]\n"
                       "breaker_failures=1000\nbreaker_delay_s=1\n[limits]\nsettings_put_per_min=1000\n")


@pytest.fixture(scope="module", name="shared_peer")
def fixture_shared_peer():
    install_packages()
    with ProviderPeer() as serving:
        yield serving


@pytest.fixture(name="peer")
def fixture_peer(shared_peer):
    """As if it were the test's own."""
    shared_peer.script = None
    shared_peer.requests = []
    return shared_peer


@pytest.fixture(name="org")
def fixture_org(stack):
    return Org(stack, "channels")


def set_settings(org, **changes):
    answer = org.admin.put("/notification-settings", changes)
    assert answer.status_code == 200, answer.text


def put(org, provider, config, **members):
    answer = org.admin.put(f"/providers/{provider}", {"config": config, **members})
    assert answer.status_code in (200, 201), answer.text


def account(org, provider):
    return org.admin.get(f"/providers/{provider}").json()


def prepare(org, peer, provider, **members):
    """An account with the peer, and settings with which the provider's channel alone is used, by alerts."""
    put(org, provider, peer.config(provider), **members)
    channel = CHANNELS[provider]
    changes = {"email_enabled": channel == "email", "sms_enabled": channel == "sms", "slack_enabled": channel == "slack"}
    if channel == "email":
        changes.update(email_provider=provider, email_on_alert=True, email_from_address="hr@acme.example")
    if channel == "sms":
        changes.update(sms_provider=provider, sms_on_alert=True, sms_from_number="+15005550006")
    if channel == "slack":
        changes.update(slack_webhook_url=peer.slack_url, slack_on_critical_alert=True)
    set_settings(org, **changes)


def tell(org, title="Fire", recipients=(ADA,)):
    answer = org.admin.post("/notifications/events", {"event": "alert", "severity": "critical", "recipients": list(recipients),
                                                      "data": {"title": title, "message": "Leave the house"}})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def delivery_of(org, event_id, check=lambda d: d["state"] == "sent", what="sent"):
    """The event's one delivery, with its attempts, once check is true of it."""
    def look():
        found = org.admin.get("/deliveries", params={"event_id": event_id}).json()["deliveries"]
        detail = org.admin.get(f"/deliveries/{found[0]['id']}").json() if found else None
        return detail if detail and check(detail) else None
    return wait_until(f"the delivery to be {what}", look, 20, org.stack)


def tries(delivery):
    return [(a["provider"], a["outcome"], a["code"]) for a in delivery["attempts"]]


def make_due(stack, delivery):
    database.make_due(stack, delivery["job_id"])


def id_in(request):
    """The delivery's id as the provider gets it."""
    where = {"sendgrid": lambda r: r["job"]["personalizations"][0]["custom_args"]["delivery_id"],
             "ses": lambda r: r["job"]["EmailTags"][0]["Value"], "sns": lambda r: r["attributes"]["delivery_id"],
             "webhook": lambda r: r["headers"]["webhook-id"]}
    return where[request["provider"]](request)


@pytest.mark.parametrize("provider", CHANNELS)
def test_an_event_arrives(org, peer, provider):
    prepare(org, peer, provider)
    delivery = delivery_of(org, tell(org))
    [request] = peer.requests
    assert (request["provider"], request["problems"]) == (provider, []), request
    [attempt] = delivery["attempts"]
    assert (attempt["provider"], attempt["outcome"]) == (provider, "sent") and attempt["latency_ms"] >= 0
    assert (delivery["channel"], delivery["provider"]) == (CHANNELS[provider], provider)
    assert bool(delivery["provider_message_id"]) == (provider not in ("slack", "webhook"))
    if provider not in ("slack", "twilio"):
        assert id_in(request) == delivery["id"]
    assert "Fire" in (request["form"].get("Body", request["form"].get("Message")) if "form" in request else request["body"])


def test_a_webhook_learns_whom_an_event_is_for(org, peer):
    prepare(org, peer, "webhook")
    delivery = delivery_of(org, tell(org))
    [request] = peer.requests
    event = request["job"]
    assert event["recipients"] == [ADA] and event["data"] == {"title": "Fire", "message": "Leave the house"}
    assert (event["id"], event["event"], event["severity"]) == (delivery["id"], "alert", "critical")
    assert event["created_at"] == delivery["created_at"]


def test_slack_posts_to_the_channel_of_the_settings(org, peer):
    prepare(org, peer, "slack")
    set_settings(org, slack_channel="#ops")
    delivery = delivery_of(org, tell(org))
    [request] = peer.requests
    assert (request["job"]["channel"], delivery["address"]) == ("#ops", "#ops")


@pytest.mark.parametrize("locales,word", [
    (["de-CH", "de-ch"], "KRITISCH"), (["de-CH", "de-DE", "de"], "KRITISCH"), (["de", "en"], "CRITICAL"), (["de", None], "CRITICAL"),
])
def test_slack_is_written_to_in_the_language_that_all_share(org, peer, locales, word):
    prepare(org, peer, "slack")
    recipients = [{"user_id": f"u{i}", "locale": locale} for i, locale in enumerate(locales)]
    delivery_of(org, tell(org, recipients=recipients))
    [request] = peer.requests
    assert request["job"]["text"].startswith(f"*{word}: Fire*")


# ---- answers -----------------------------------------------------------------------------------------------------------

def test_what_is_asked_to_wait_waits(org, peer):
    prepare(org, peer, "sendgrid")
    peer.script = [sendgrid_error(429, "too many requests", **{"Retry-After": "2"})]
    delivery = delivery_of(org, tell(org))
    assert tries(delivery) == [("sendgrid", "retry", 429), ("sendgrid", "sent", 202)]
    first, second = peer.requests
    assert second["at"] - first["at"] >= 2 and id_in(first) == id_in(second)


def test_the_second_provider_takes_what_the_first_cannot(org, peer):
    put(org, "ses", peer.config("ses"), position=2)
    prepare(org, peer, "sendgrid", position=1)
    peer.script = [503]
    delivery = delivery_of(org, tell(org))
    assert tries(delivery) == [("sendgrid", "retry", 503), ("ses", "sent", 200)]
    assert [id_in(r) for r in peer.requests] == [delivery["id"]] * 2 and delivery["provider"] == "ses"
    assert org.admin.job(delivery["job_id"])["retry_count"] == 0


def test_a_lost_answer_is_no_reason_to_try_another(org, peer):
    put(org, "ses", peer.config("ses"), position=2)
    prepare(org, peer, "sendgrid", position=1)
    peer.script = ["half"]  # not "reset": on a kept connection libcurl itself would try that once more
    delivery = delivery_of(org, tell(org))
    assert tries(delivery) == [("sendgrid", "ambiguous", None), ("sendgrid", "sent", 202)]
    assert [id_in(r) for r in peer.requests] == [delivery["id"]] * 2


def change(stack, delivery, **values):
    """As a callback does, while a worker waits for an answer."""
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE deliveries SET {', '.join(f'{n} = %s' for n in values)} WHERE id = %s",
                       (*values.values(), delivery["id"]))


def test_what_has_arrived_meanwhile_is_not_given_to_the_next(stack, org, peer):
    put(org, "ses", peer.config("ses"), position=2)
    prepare(org, peer, "sendgrid", position=1)
    peer.script = [{"status": 503, "after_s": 1.5}]
    event = tell(org)
    begun = delivery_of(org, event, lambda d: d["attempts"], "begun")
    wait_until("the request to be there", lambda: peer.requests, 10, stack)
    change(stack, begun, state="delivered")
    assert org.admin.wait_job(begun["job_id"])["status"] == "completed"
    seen = delivery_of(org, event, lambda d: d["state"] == "delivered", "delivered")
    assert tries(seen) == [("sendgrid", "retry", 503)] and len(peer.requests) == 1
    assert org.admin.job(begun["job_id"])["retry_count"] == 0


def test_an_answer_after_the_news_still_names_the_message(stack, org, peer):
    prepare(org, peer, "sendgrid")
    peer.script = [{"status": 202, "headers": {"X-Message-Id": "late"}, "after_s": 1.5}]
    event = tell(org)
    begun = delivery_of(org, event, lambda d: d["attempts"], "begun")
    wait_until("the request to be there", lambda: peer.requests, 10, stack)
    change(stack, begun, state="opened", sent_at="2026-01-02 03:04:05")
    seen = delivery_of(org, event, lambda d: d["provider_message_id"], "named")
    assert (seen["state"], seen["provider_message_id"], seen["sent_at"]) == ("opened", "late", "2026-01-02T03:04:05.000000Z")


@pytest.mark.parametrize("provider,answer", [
    ("sendgrid", sendgrid_error(401, "The provided authorization grant is invalid")),
    ("ses", aws_json(403, "SignatureDoesNotMatch", "the signature we calculated")),
    ("twilio", twilio_error(401, 20003, "Authenticate")), ("slack", slack_error(404, "no_service")), ("webhook", 410),
])
def test_bad_credentials_pause_the_account_and_burn_no_retry(stack, org, peer, provider, answer):
    prepare(org, peer, provider)
    peer.script = [answer]
    event = tell(org)
    delivery = delivery_of(org, event, lambda d: d["attempts"] and d["error_message"], "told why")
    paused = wait_until("the account to be paused", lambda: (lambda a: a["paused_at"] and a)(account(org, provider)), 10, stack)
    assert str(answer if isinstance(answer, int) else answer["status"]) in paused["paused_reason"]
    job = wait_until("the job to wait", lambda: (lambda j: j["status"] == "queued" and j)(org.admin.job(delivery["job_id"])),
                     10, stack)
    assert job["retry_count"] == 0
    assert org.admin.post(f"/providers/{provider}/resume").status_code == 200
    make_due(stack, delivery)
    assert [t[1] for t in tries(delivery_of(org, event))] == ["paused", "sent"]


def test_another_address_of_slack_ends_the_pause(stack, org, peer):
    prepare(org, peer, "slack")
    peer.script = [slack_error(404, "no_service")]
    event = tell(org)
    delivery = delivery_of(org, event, lambda d: d["attempts"] and d["error_message"], "told why")
    before = wait_until("the account to be paused", lambda: (lambda a: a["paused_at"] and a)(account(org, "slack")), 10, stack)
    set_settings(org, slack_channel="#ops")
    assert account(org, "slack")["paused_at"] == before["paused_at"], "that is not what was wrong"
    set_settings(org, slack_webhook_url=peer.slack_url + "New")
    assert account(org, "slack")["paused_at"] is None and account(org, "slack")["paused_reason"] is None
    trail = database.rows(stack, "SELECT actor, action, changes FROM audit_log WHERE organization_id = %s AND subject = 'slack'"
                          " ORDER BY id", org.id)
    assert [(t["actor"], t["action"]) for t in trail][-2:] == [("bellman", "provider.pause"), ("admin", "provider.resume")]
    set_settings(org, slack_webhook_url=peer.slack_url)
    make_due(stack, delivery)
    assert [t[1] for t in tries(delivery_of(org, event))] == ["paused", "sent"]
    assert len(database.rows(stack, "SELECT id FROM audit_log WHERE organization_id = %s AND subject = 'slack'", org.id)) == len(trail)


def test_a_worker_that_used_the_old_address_does_not_pause_the_new_one(stack, org, peer):
    prepare(org, peer, "slack")
    peer.script = [{**slack_error(404, "no_service"), "after_s": 1.5}]
    event = tell(org)
    wait_until("the request to be there", lambda: peer.requests, 10, stack)
    set_settings(org, slack_webhook_url=peer.slack_url + "New")
    delivery_of(org, event, lambda d: d["attempts"] and d["attempts"][0]["outcome"] == "paused", "refused")
    set_settings(org, slack_webhook_url=peer.slack_url)
    assert account(org, "slack")["paused_at"] is None


def test_the_deployments_account_does_not_answer_for_an_organizations_address(stack, org, peer):
    ctl(stack, "providers", "set", "slack", "--file", "-", stdin=json.dumps({"config": peer.config("slack")}))
    try:
        set_settings(org, email_enabled=False, sms_enabled=False, slack_enabled=True, slack_webhook_url=peer.slack_url,
                     slack_on_critical_alert=True)
        peer.script = [slack_error(404, "no_service")]
        event = tell(org)
        delivery = delivery_of(org, event, lambda d: d["attempts"] and d["error_message"], "told why")
        shared = [a for a in json.loads(ctl(stack, "providers", "list", "--json"))["accounts"] if a["provider"] == "slack"
                  and not a["organization_id"]]
        assert [a["paused_at"] for a in shared] == [None]
        make_due(stack, delivery)
        assert [t[1] for t in tries(delivery_of(org, event))] == ["paused", "sent"]
    finally:
        ctl(stack, "providers", "set", "slack", "--file", "-", stdin='{"enabled": false}')


def test_a_refused_message_has_failed(org, peer):
    prepare(org, peer, "twilio")
    peer.script = [twilio_error(400, 21211, "Invalid 'To' Phone Number")]
    delivery = delivery_of(org, tell(org), lambda d: d["state"] == "failed", "failed")
    assert tries(delivery) == [("twilio", "refused", 400)] and "Invalid 'To'" in delivery["error_message"]
    assert org.admin.wait_job(delivery["job_id"])["status"] == "failed" and len(peer.requests) == 1


# ---- secrets ------------------------------------------------------------------------------------------------------------

class Tap:
    """Copies of every message that goes through the broker meanwhile, as text."""

    def __init__(self, stack):
        self.connection = pika.BlockingConnection(pika.URLParameters(stack.amqp_url))
        self.channel = self.connection.channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        for exchange, keys in (("bellman.jobs", [f"{lane}{tier}" for lane in broker.LANES for tier in ("", *broker.BACKLOG)]),
                               ("bellman.dead", ("",)), ("bellman.control", ("",))):
            for key in keys:
                self.channel.queue_bind(self.queue, exchange, key)

    def read(self):
        texts = []
        while True:
            method, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is None:
                self.connection.close()
                return texts
            texts.append(f"{properties} {body!r}")


def every_column(stack):
    """(table.column, value) of all text in the database."""
    for found in database.rows(stack, "SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE"
                               " table_schema = DATABASE() AND data_type IN ('char', 'varchar', 'text', 'longtext', 'blob')"):
        for row in database.rows(stack, f"SELECT `{found['c']}` AS v FROM `{found['t']}` WHERE `{found['c']}` IS NOT NULL"):
            yield f"{found['t']}.{found['c']}", str(row["v"])


def process_texts():
    for path in pathlib.Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                yield path / "cmdline", (path / "cmdline").read_bytes()
                if b"bellman" in (path / "cmdline").read_bytes().split(b"\0")[0]:
                    yield path / "environ", (path / "environ").read_bytes()
            except OSError:
                continue


def test_the_secrets_of_accounts_stand_nowhere(stack, peer):
    """Each provider repeats its secret in a fault of its own and in what pauses the account. One organization for each:
    workers learn of a change to accounts they have read already only some moments later."""
    tap = Tap(stack)
    needles = [CANARY, WEBHOOK_SECRET[6:26], WEBHOOK_PREVIOUS[6:26], SLACK_PATH]
    shown = []
    for provider in CHANNELS:
        secrets = " ".join(map(str, CONFIGS[provider].values())) + (peer.slack_url if provider == "slack" else "")
        echoes = [{"status": status, "body": f"no: {secrets}"} for status in (500, 401)]
        org = Org(stack, "canary")
        prepare(org, peer, provider)
        peer.script = list(echoes)
        event = tell(org)
        wait_until("the account to be paused", lambda o=org, p=provider: account(o, p)["paused_at"], 15, stack)
        delivery = delivery_of(org, event, lambda d: len(d["attempts"]) == 2 and d["attempts"][1]["outcome"] == "paused", "paused")
        assert [a["outcome"] for a in delivery["attempts"]] == ["retry", "paused"]
        shown += [org.admin.get(f"/deliveries/{delivery['id']}").text, org.admin.get(f"/providers/{provider}").text,
                  org.admin.get(f"/background-jobs/{delivery['job_id']}").text]
        shown += [org.admin.get(path).text for path in ("/providers", "/notification-settings", "/deliveries",
                                                        "/background-jobs", "/dead-letters")]
    assert any("no: " in text for text in shown), "the providers' words are shown"
    for needle in needles:
        assert not [text for text in shown if needle in text]
        assert not [(where, value) for where, value in every_column(stack) if needle in value]
        for log in stack.log_dir.glob("*"):
            assert not log.is_file() or needle.encode() not in log.read_bytes(), log
        assert not [where for where, text in process_texts() if needle.encode() in text]
    messages = tap.read()
    assert len(messages) >= 2 * len(CHANNELS), "the tap has seen the jobs"
    assert not [m for m in messages for needle in needles if needle in m]
    assert not [letter for letter in broker.dead_letters(stack) if re.search(CANARY, json.dumps(letter, default=str))]
