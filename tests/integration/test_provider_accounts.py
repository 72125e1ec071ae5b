"""Accounts with providers: what the API takes and shows, whose account is used, failover, and what pauses one."""
import email
import email.policy
import json
import pathlib
import subprocess
import sys
from datetime import datetime

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

import database  # noqa: E402
from client import Org, faults  # noqa: E402
from conftest import QUICK_RETRIES, running  # noqa: E402
from http_peer import HttpPeer  # noqa: E402
from smtp_peer import NO_TLS, SmtpPeer  # noqa: E402
from waiting import wait_until  # noqa: E402

MASK = "********"
CANARY = "canary-7f3a-password"
SMTP = {"host": "127.0.0.1", "port": 2525, "security": "none"}


@pytest.fixture(scope="module", name="stack")
def fixture_stack():
    yield from running("accounts", apis=2, conf_extra=QUICK_RETRIES + "[providers]\nbreaker_failures=3\nbreaker_delay_s=1\n"
                       "[smtp]\ntimeout_s=2\n")


@pytest.fixture(name="org")
def fixture_org(stack):
    return Org(stack, "accounts")


def put(client, provider, status=(200, 201), **members):
    answer = client.put(f"/providers/{provider}", members)
    assert answer.status_code in status, answer.text
    return answer


def audit(stack, org_id):
    """(actor, action, subject, changes) of each change of an account; org_id None: of the deployment's."""
    found = database.rows(stack, "SELECT actor, action, subject, changes FROM audit_log WHERE organization_id <=> %s"
                          " AND action LIKE 'provider.%%' ORDER BY id", org_id)
    return [(e["actor"], e["action"], e["subject"], json.loads(e["changes"])) for e in found]


def hasten(stack, job_id):
    """Its next look is due now."""
    database.rows(stack, "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) WHERE id = %s AND status = 'queued'", job_id)


def dump(stack):
    """Every column of every table as text."""
    columns = database.rows(stack, "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
                            " WHERE table_schema = DATABASE() AND data_type IN ('varchar', 'longtext', 'char', 'text')")
    return "\n".join(str(row) for found in columns
                     for row in database.rows(stack, f"SELECT `{found['c']}` FROM `{found['t']}`"))


# ---- what the API takes and shows -----------------------------------------------------------------------------------

def test_providers_are_listed_with_their_schema(org):
    listed = {p["name"]: p for p in org.admin.get("/providers").json()["providers"]}
    smtp = listed["smtp"]
    assert (smtp["channel"], smtp["account"]) == ("email", None)
    assert smtp["config_schema"]["properties"]["port"]["default"] == 587
    put(org.admin, "smtp", config=SMTP)
    listed = {p["name"]: p for p in org.admin.get("/providers").json()["providers"]}
    assert listed["smtp"]["account"]["config"]["port"] == 2525


def test_an_account_is_made_changed_and_deleted(stack, org):
    assert org.admin.get("/providers/smtp").status_code == 404
    made = put(org.admin, "smtp", (201,), config={**SMTP, "username": "u", "password": CANARY}, position=2)
    assert made.headers["Location"].endswith("/providers/smtp")
    account = made.json()
    assert account["config"] == {**SMTP, "username": "u", "password": MASK}
    assert (account["position"], account["enabled"], account["paused_at"]) == (2, True, None)
    assert (account["created_by"], account["updated_by"]) == ("admin", "admin")
    same = put(org.admin, "smtp", (200,), config={"password": CANARY})
    assert same.headers["ETag"] == made.headers["ETag"], "nothing differs, nothing is written"
    moved = put(org.admin, "smtp", (200,), config={"port": 2526}, enabled=False)
    assert moved.headers["ETag"] != made.headers["ETag"]
    assert moved.json()["config"] == {**SMTP, "port": 2526, "username": "u", "password": MASK}
    assert org.admin.get("/providers/smtp").json() == moved.json()
    assert org.admin.call("DELETE", "/providers/smtp").status_code == 204
    assert org.admin.get("/providers/smtp").status_code == 404
    assert org.admin.call("DELETE", "/providers/smtp").status_code == 404
    entries = audit(stack, org.id)
    assert [e[1] for e in entries] == ["provider.update", "provider.update", "provider.delete"]
    assert entries[1][3]["config.port"] == {"from": 2525, "to": 2526}
    assert entries[0][3]["config.password"]["to"] == MASK


def test_null_resets_and_absent_keeps(org):
    put(org.admin, "smtp", config={**SMTP, "username": "u", "password": CANARY}, position=7)
    account = put(org.admin, "smtp", config={"username": None, "password": None, "port": None}, position=None).json()
    assert account["config"] == {**SMTP, "port": 587, "username": None, "password": None}
    assert account["position"] == 0


def test_versions(org):
    tag = put(org.admin, "smtp", config=SMTP).headers["ETag"]
    assert org.admin.put("/providers/smtp", {"position": 1}, headers={"If-Match": '"999"'}).status_code == 412
    assert org.admin.put("/providers/smtp", {"position": 1}, headers={"If-Match": tag}).status_code == 200
    assert org.admin.call("DELETE", "/providers/smtp", headers={"If-Match": tag}).status_code == 412
    other = Org(org.stack, "accounts")
    assert other.admin.put("/providers/smtp", {"config": SMTP}, headers={"If-Match": "*"}).status_code == 412
    assert other.admin.get("/providers/smtp").status_code == 404, "another organization has none"


@pytest.mark.parametrize("body, wanted", [
    ({}, {"/config/host": "required"}),
    ({"config": {}}, {"/config/host": "required"}),
    ({"config": {"host": ""}}, {"/config/host": "length"}),
    ({"config": {"host": "a b"}}, {"/config/host": "format"}),
    ({"config": {"host": "mail.example\r\nX: y"}}, {"/config/host": "format"}),
    ({"config": {**SMTP, "port": 0}}, {"/config/port": "range"}),
    ({"config": {**SMTP, "port": "25"}}, {"/config/port": "type"}),
    ({"config": {**SMTP, "security": "ssl3"}}, {"/config/security": "choice"}),
    ({"config": {**SMTP, "username": "u"}}, {"/config/password": "required"}),
    ({"config": {**SMTP, "password": MASK}}, {"/config/password": "masked"}),
    ({"config": {**SMTP, "secrets": "x"}}, {"/config/secrets": "unknown_field"}),
    ({"config": SMTP, "position": -1}, {"/position": "range"}),
    ({"config": SMTP, "max_per_second": 0}, {"/max_per_second": "range"}),
    ({"config": SMTP, "paused_at": None}, {"/paused_at": "read_only"}),
    ({"config": SMTP, "organization_id": "other"}, {"/organization_id": "unknown_field"}),
    ({"config": "smtp"}, {"/config": "type"}),
])
def test_what_does_not_fit_changes_nothing(org, body, wanted):
    assert faults(org.user().put("/providers/smtp", body)) == wanted
    assert org.admin.get("/providers/smtp").status_code == 404


def test_unknown_provider(org):
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/resume"), ("POST", "/pause")):
        body = {"json": {"config": {}}} if method == "PUT" else {}
        assert org.admin.call(method, "/providers/pigeon" + path, **body).status_code == 404


def test_only_admins(org):
    service = org.user(role="Service")
    for method, path in (("GET", "/providers"), ("GET", "/providers/smtp"), ("DELETE", "/providers/smtp"),
                         ("POST", "/providers/smtp/resume")):
        assert service.call(method, path).status_code == 403


# ---- whose account is used ------------------------------------------------------------------------------------------

def tell(org, user="ada", **members):
    body = {"event": "payroll", "recipients": [{"user_id": user, "email": f"{user}@example.org"}],
            "data": {"employee_name": "Ada", "period": "November"}, **members}
    answer = org.admin.post("/notifications/events", body)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def delivery_of(org, event_id, state=None, timeout_s=20):
    def check():
        found = org.admin.get(f"/deliveries?event_id={event_id}").json()["deliveries"]
        return found[0] if found and (state is None or found[0]["state"] == state) else None

    found = wait_until(f"a delivery of {event_id} to be {state}", check, timeout_s, org.stack)
    return org.admin.get(f"/deliveries/{found['id']}").json()


def tries(delivery):
    return [(a["provider"], a["outcome"]) for a in delivery["attempts"]]


def smtp_account(peer, **members):
    config = {"host": "localhost" if peer.tls != NO_TLS else "127.0.0.1", "port": peer.port, "security": peer.tls}
    if peer.credentials:
        config.update(username=peer.credentials[0], password=peer.credentials[1])
    config.update(members)
    return config


def test_an_organization_uses_its_own_server(org):
    with SmtpPeer(credentials=("acme", CANARY)) as peer:
        put(org.admin, "smtp", config=smtp_account(peer))
        delivery = delivery_of(org, tell(org), "sent")
        assert tries(delivery) == [("smtp", "sent")]
        mail, = peer.mails
        assert (mail["user"], mail["rcpt_to"]) == ("acme", ["ada@example.org"])
        message = email.message_from_bytes(mail["data"], policy=email.policy.default)
        assert message["Message-ID"].startswith(f"<{delivery['id']}@") and not message.defects
        with SmtpPeer() as second:
            put(org.admin, "smtp", config=smtp_account(second, username=None, password=None))
            wait_until("the worker to see the change",
                       lambda: delivery_of(org, tell(org), "sent") and second.mails, 10, org.stack)


def test_a_job_of_mail_goes_the_same_way(org):
    with SmtpPeer() as peer:
        put(org.admin, "smtp", config=smtp_account(peer))
        job = org.admin.wait_job(org.admin.create("email.send", {"to": "x@example.org", "subject": "s", "text": "t"})["id"])
        assert job["status"] == "completed" and len(peer.mails) == 1
        assert f"<{job['id']}@" in peer.mails[0]["data"].decode()


# ---- bad credentials ------------------------------------------------------------------------------------------------

def test_bad_credentials_pause_and_burn_no_attempt(stack, org):
    with SmtpPeer(credentials=("acme", "right"),
                  script={"auth": f"535 5.7.8 {CANARY} is wrong"}) as peer:
        put(org.admin, "smtp", config=smtp_account(peer, password=CANARY))
        event = tell(org)
        account = wait_until("the account to be paused",
                             lambda: (lambda a: a["paused_at"] and a)(org.admin.get("/providers/smtp").json()), 10, stack)
        assert "535 5.7.8" in account["paused_reason"] and account["updated_by"] == "bellman"
        delivery = wait_until("the delivery to say why it waits",
                              lambda: (lambda d: d["error_message"] and d)(delivery_of(org, event, "queued")), 10, stack)
        assert "does not accept us" in delivery["error_message"]
        job = org.admin.wait_job(delivery["job_id"], "queued")
        assert job["retry_count"] == 0
        assert audit(stack, org.id)[-1][:3] == ("bellman", "provider.pause", "smtp")
        log = (stack.log_dir / "consumer.log").read_text(encoding="utf-8")
        alerts = [json.loads(line) for line in log.splitlines() if '"alert.provider_paused"' in line and org.id in line]
        assert len(alerts) == 1 and alerts[0]["level"] == "error" and alerts[0]["provider"] == "smtp"
        for place in (log, json.dumps(account), json.dumps(delivery), json.dumps(job)):
            assert CANARY not in place
        peer.set_script()
        put(org.admin, "smtp", config={"password": "right"})
        assert org.admin.get("/providers/smtp").json()["paused_at"] is None, "another config ends the pause"
        hasten(stack, delivery["job_id"])
        delivery = delivery_of(org, event, "sent")
        assert tries(delivery) == [("smtp", "paused"), ("smtp", "sent")]
        assert org.admin.wait_job(delivery["job_id"])["retry_count"] == 0


def test_pause_and_resume_by_hand(stack, org):
    with SmtpPeer() as peer:
        put(org.admin, "smtp", config=smtp_account(peer))
        answer = org.admin.post("/providers/smtp/pause", {"reason": "moving house"})
        assert answer.status_code == 200 and answer.json()["paused_reason"] == "moving house"
        event = tell(org)
        delivery = wait_until("the delivery to wait", lambda: (lambda d: d["error_message"] and d)(delivery_of(org, event)), 10, stack)
        assert "all accounts are paused" in delivery["error_message"] and not delivery["attempts"]
        org.admin.wait_job(delivery["job_id"], "queued")
        answer = org.admin.post("/providers/smtp/resume")
        assert answer.status_code == 200 and answer.json()["paused_at"] is None
        hasten(stack, delivery["job_id"])
        assert tries(delivery_of(org, event, "sent")) == [("smtp", "sent")]
        assert org.admin.post("/providers/smtp/resume").status_code == 200, "again is no fault"


# ---- secrets --------------------------------------------------------------------------------------------------------

def test_a_secret_stands_nowhere(stack, org):
    with SmtpPeer(credentials=("acme", CANARY)) as peer:
        put(org.admin, "smtp", config=smtp_account(peer))
        delivery_of(org, tell(org), "sent")
    everything = dump(stack)
    assert "acme" in everything and CANARY not in everything
    for log in stack.log_dir.glob("*.log"):
        assert CANARY.encode() not in log.read_bytes(), log
    for provider in org.admin.get("/providers").json()["providers"]:
        assert CANARY not in json.dumps(provider)


# ---- trying out -----------------------------------------------------------------------------------------------------

CHECK = "/providers/smtp/check"
TEST = "/notification-settings/test-email"


def stages(answer):
    assert answer.status_code == 200, answer.text
    return [(s["stage"], s["ok"]) for s in answer.json()["stages"]]


def test_an_account_is_tried_out_before_it_is_saved(stack, org):
    with SmtpPeer(credentials=("acme", CANARY)) as peer:
        config = smtp_account(peer)
        answer = org.admin.post(CHECK, {"config": config})
        assert answer.json().get("success") is True, answer.text
        assert stages(answer) == [("resolved", True), ("connected", True), ("authenticated", True)]
        assert not peer.mails and org.admin.get("/providers/smtp").status_code == 404, "nothing was sent or saved"
        answer = org.admin.post(TEST, {"email": "x@example.org", "provider": "smtp", "config": config})
        assert answer.json().get("success") is True, answer.text
        assert stages(answer)[-1] == ("accepted", True) and "queued as mail-1" in answer.json()["message"]
        job = org.admin.job(answer.json()["job_id"])
        assert job["job_type"] == "notify.check" and CANARY not in json.dumps(job)
        assert CANARY not in dump(stack)


def test_stages_end_where_it_failed(org):
    with SmtpPeer(credentials=("acme", "right"), script={"auth": f"535 5.7.8 {CANARY}? no"}) as peer:
        answer = org.user().post(CHECK, {"config": smtp_account(peer, password=CANARY)})
        assert answer.json()["success"] is False
        assert stages(answer) == [("resolved", True), ("connected", True), ("authenticated", False)]
        assert "535 5.7.8 ********? no" in answer.json()["stages"][-1]["detail"]
        assert "535 5.7.8" in answer.json()["error"] and CANARY not in answer.text
        port = peer.port
    answer = org.user().post(CHECK, {"config": {**SMTP, "port": port}})
    assert stages(answer) == [("resolved", True), ("connected", False)]
    answer = org.user().post(CHECK, {"config": {**SMTP, "host": "mail.invalid"}})
    assert stages(answer) == [("resolved", False)]
    with SmtpPeer() as peer:
        answer = org.user().post(CHECK, {"config": smtp_account(peer, security="starttls")})
        assert stages(answer) == [("resolved", True), ("connected", True), ("tls", False)]
        peer.set_script(rcpt="550 5.1.1 nobody here")
        answer = org.user().post(CHECK, {"config": smtp_account(peer), "to": "x@example.org"})
        assert stages(answer) == [("resolved", True), ("connected", True), ("accepted", False)]
        assert "550 5.1.1 nobody here" in answer.json()["error"]


def test_the_stored_secret_is_used_where_none_is_given(org):
    with SmtpPeer(credentials=("acme", CANARY)) as peer:
        put(org.admin, "smtp", config=smtp_account(peer))
        for config in ({}, {"password": MASK}, {"port": peer.port}, None):
            answer = org.user().post(CHECK, {"config": config})
            assert answer.json().get("success") is True, answer.text


def test_what_cannot_be_tried_out(org):
    assert faults(org.user().post(CHECK, {"config": {"host": ""}})) == {"/config/host": "length"}
    assert faults(org.user().post(CHECK, {"config": {"username": "u"}})) == {"/config/host": "required", "/config/password": "required"}
    assert faults(org.user().post(CHECK, {"to": "nobody"})) == {"/to": "format"}
    assert faults(org.user().post(TEST, {"email": "x@example.org", "provider": "twilio"})) == {"/provider": "choice"}
    assert org.user().post("/providers/pigeon/check", {}).status_code == 404
    answer = org.user().post("/notification-settings/test-webhook")
    assert answer.json()["success"] is False and "no account with webhook" in answer.json()["error"]
    assert faults(org.user().post("/notification-settings/test-slack", {"slack_webhook_url": "https://evil.example/"})) \
        == {"/slack_webhook_url": "format"}


def test_slack_and_webhook_are_tried_out(org):
    with HttpPeer(checks=False) as peer:
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        answer = org.admin.post("/notification-settings/test-webhook", {"config": {"url": peer.url + "/hook", "secret": secret}})
        assert answer.json().get("success") is True, answer.text
        assert stages(answer) == [("resolved", True), ("connected", True), ("authenticated", True), ("accepted", True)]
        answer = org.admin.post("/notification-settings/test-slack", {
            "slack_webhook_url": "https://hooks.slack.com/services/T00/B00/CanaryOfSlack7", "config": {"endpoint": peer.url}})
        assert answer.json().get("success") is True, answer.text
        paths = [request["path"] for request in peer.requests]
        assert paths == ["/hook", "/services/T00/B00/CanaryOfSlack7"]
        assert "CanaryOfSlack7" not in dump(org.stack) + answer.text


def test_trying_out_is_limited(org):
    answers = [org.admin.post("/notification-settings/test-webhook") for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert org.admin.post(TEST, {"email": "x@example.org"}).status_code == 200, "each has its own limit"


# ---- failover -------------------------------------------------------------------------------------------------------

def second_provider(org, peer):
    put(org.admin, "ses", position=5, config={"region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
                                              "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                              "endpoint": peer.url})


@pytest.mark.parametrize("fault", ["closed port", "421", "frozen", "5xx"])
def test_the_second_provider_delivers_when_the_first_is_down(org, fault):
    script = {"421": {"connect": "421 4.3.2 not now"}, "frozen": {"rcpt": "stall"}}.get(fault, {})
    answer = {"status": 503, "body": {"message": "no"}} if fault == "5xx" else {"status": 200, "body": {"MessageId": "0100-abc"}}
    first, second = ("ses", "smtp") if fault == "5xx" else ("smtp", "ses")
    with SmtpPeer(script) as smtp, HttpPeer(answer, checks=False) as http:
        put(org.admin, "smtp", position=1, config=smtp_account(smtp, port=1 if fault == "closed port" else smtp.port))
        second_provider(org, http)
        settings = {"email_provider": first, "email_from_address": "hr@acme.example"}
        assert org.admin.put("/notification-settings", settings).status_code == 200
        delivery = delivery_of(org, tell(org), "sent")
        assert tries(delivery) == [(first, "retry"), (second, "sent")]
        assert (delivery["provider"], org.admin.wait_job(delivery["job_id"])["retry_count"]) == (second, 0)
        assert delivery["attempts"][0]["reply"] and all(a["latency_ms"] is not None for a in delivery["attempts"])


def test_an_answer_that_does_not_come_is_not_given_to_another_at_once(org):
    with SmtpPeer({"body": ["close"]}) as smtp, HttpPeer(checks=False) as http:
        put(org.admin, "smtp", position=1, config=smtp_account(smtp))
        second_provider(org, http)
        delivery = delivery_of(org, tell(org), "sent")
        assert tries(delivery) == [("smtp", "ambiguous"), ("smtp", "sent")]
        assert len(smtp.mails) == 2 and not http.requests
        assert len({m["data"].split(b"Message-ID: ")[1].split(b"\r\n")[0] for m in smtp.mails}) == 1, "both carry the same id"


def test_one_that_fails_again_and_again_is_left_alone(org):
    """breaker_failures=3: the fourth and later messages do not meet it, until it has had its rest."""
    with SmtpPeer({"connect": "421 4.3.2 not now"}) as smtp:
        put(org.admin, "smtp", config=smtp_account(smtp))
        events = [tell(org, f"u{i}") for i in range(8)]
        wait_until("the breaker to open", lambda: smtp.connections >= 3, 10, org.stack)
        smtp.set_script()
        for event in events:
            delivery = delivery_of(org, event, "sent", 30)
            assert [o for _, o in tries(delivery)][-1] == "sent"


def test_a_rate_makes_messages_wait_and_burns_no_attempt(org):
    with SmtpPeer() as smtp:
        put(org.admin, "smtp", config=smtp_account(smtp), max_per_second=2)
        events = [tell(org, f"u{i}") for i in range(6)]
        deliveries = [delivery_of(org, event, "sent", 30) for event in events]
        assert all(tries(d) == [("smtp", "sent")] for d in deliveries)
        jobs = [org.admin.wait_job(d["job_id"]) for d in deliveries]
        assert all(j["retry_count"] == 0 for j in jobs) and any(j["snooze_count"] > 0 for j in jobs)
        sent = sorted(d["sent_at"] for d in deliveries)
        span = datetime.fromisoformat(sent[-1]) - datetime.fromisoformat(sent[0])
        assert span.total_seconds() >= 2, f"six messages at two a second took {span}"


# ---- the operator's side --------------------------------------------------------------------------------------------

def ctl(stack, *argv, status=0, stdin=None):
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, *argv], capture_output=True, text=True, timeout=60,
                          check=False, input=stdin)
    assert done.returncode == status, f"{argv}: exit {done.returncode}: {done.stdout}{done.stderr}"
    assert CANARY not in done.stdout + done.stderr
    return done.stdout


def test_the_deployment_has_accounts_too(stack, org):
    with SmtpPeer(credentials=("shared", CANARY)) as shared, SmtpPeer() as own:
        body = json.dumps({"config": smtp_account(shared)})
        ctl(stack, "providers", "set", "smtp", "--file", "-", stdin=body)
        try:
            listed = json.loads(ctl(stack, "providers", "list", "--json"))["accounts"]
            assert [a["config"]["password"] for a in listed if a["organization_id"] == ""] == [MASK]
            wait_until("the workers to see it", lambda: delivery_of(org, tell(org), "sent") and shared.mails, 10, stack)
            ctl(stack, "providers", "set", "smtp", "--org", org.id, "--file", "-", stdin=json.dumps({"config": smtp_account(own)}))
            wait_until("its own one to be used", lambda: delivery_of(org, tell(org), "sent") and own.mails, 10, stack)
            assert org.admin.get("/providers/smtp").json()["config"]["port"] == own.port
            assert "already" not in ctl(stack, "providers", "pause", "smtp", "--org", org.id, "--reason", "moving")
            assert "already paused" in ctl(stack, "providers", "pause", "smtp", "--org", org.id)
            assert org.admin.get("/providers/smtp").json()["paused_reason"] == "moving"
            ctl(stack, "providers", "resume", "smtp", "--org", org.id)
            assert audit(stack, None)[0][1:3] == ("provider.update", "smtp")
            other = Org(stack, "accounts")
            answer = other.admin.post(CHECK, {"config": {"host": "127.0.0.1", "port": own.port, "security": "none", "username": "shared"}})
            assert faults(answer) == {"/config/password": "required"}, "the deployment's secrets are not an organization's"
        finally:
            database.rows(stack, "DELETE FROM provider_accounts WHERE organization_id = ''")
    ctl(stack, "providers", "set", "pigeon", "--file", "-", stdin="{}", status=64)
    ctl(stack, "providers", "set", "smtp", "--file", "-", stdin='{"config": {"host": "a b"}}', status=64)
    ctl(stack, "providers", "resume", "smtp", "--org", "nobody-there", status=1)


def test_secrets_are_sealed_again_with_a_new_key(stack):
    keyring = stack.dir / "keys" / "keyring"
    before = keyring.read_text(encoding="ascii")
    orgs = [Org(stack, "accounts") for _ in range(3)]
    for one in orgs:
        put(one.admin, "smtp", config={**SMTP, "username": "u", "password": CANARY})
        assert one.admin.put("/notification-settings", {"slack_webhook_url": "https://hooks.slack.com/services/T0/B0/abc"}).ok
    sealed = "SELECT organization_id AS o, secrets AS s FROM provider_accounts WHERE secrets IS NOT NULL" \
             " UNION SELECT organization_id, slack_webhook_url FROM notification_settings WHERE slack_webhook_url IS NOT NULL"
    first = database.rows(stack, sealed)
    assert "0 sealed again" in ctl(stack, "rekey")
    assert database.rows(stack, sealed) == first, "the newest key has sealed all of it"
    assert "key 2 was added" in ctl(stack, "rekey", "--add-key")
    assert keyring.read_text(encoding="ascii").startswith(before) and keyring.stat().st_mode & 0o77 == 0
    for part in ("api", "api_2", "consumer"):
        stack.restart(part)
    assert f"{len(first)} sealed again" in ctl(stack, "rekey")
    second = database.rows(stack, sealed)
    assert not {row["s"] for row in first} & {row["s"] for row in second}
    assert "0 sealed again" in ctl(stack, "rekey")
    keyring.write_text("\n".join(keyring.read_text(encoding="ascii").splitlines()[1:]) + "\n", encoding="ascii")
    assert f"{len(first)} secrets looked at, 0 sealed again, 0 that did not open" in ctl(stack, "rekey")
