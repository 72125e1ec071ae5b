"""What providers and recipients tell of messages that were sent: who is believed, and what it does to the record. Twilio's
and SendGrid's own packages sign or judge every call that is made in their names; the keys and certificates of SNS are made
by Python's libraries."""
import base64
import datetime
import http.server
import json
import pathlib
import re
import secrets
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import database
from client import Org
from conftest import QUICK_RETRIES, running
from provider_peer import Verifier
from test_events import ADA, mails, set_settings, tell, wait_states
from test_provider_accounts import ctl
from test_record import audit, delivery, hold_by_dnd, wait_state

PUBLIC = "https://notify.example.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"


@pytest.fixture(scope="module", name="stack")
def fixture_stack():
    yield from running("callbacks", apis=2, conf_extra=QUICK_RETRIES + f"[api]\npublic_url={PUBLIC}\n[tracking]\nopen=true\n"
                       "click=true\n")


@pytest.fixture(name="org")
def fixture_org(stack):
    return Org(stack, "callbacks")


@pytest.fixture(scope="module", name="judge")
def fixture_judge():
    """The providers' own packages."""
    verifier = Verifier()
    yield verifier
    verifier.stop()


def put_account(org, provider, **config):
    """Switched off, so that mail goes to the catcher: callbacks come all the same."""
    answer = org.admin.put(f"/providers/{provider}", {"config": config, "enabled": False})
    assert answer.status_code in (200, 201), answer.text


def sent(org, provider, message_id, channel="email", **change):
    """A delivery as the provider's own would be: sent, and known to it by message_id."""
    [row] = wait_states(org, tell(org), "sent")
    values = {"provider": provider, "provider_message_id": message_id, "channel": channel, "state": "sent", **change}
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE deliveries SET {', '.join(f'{n} = %s' for n in values)} WHERE id = %s", (*values.values(), row["id"]))
    return row["id"]


def anybody(org):
    return org.user()  # a token is not looked at


def suppressed(org):
    return {(s["address"], s["reason"]) for s in org.admin.get("/suppressions").json()["suppressions"]}


# --- SendGrid ---

class SendGrid:
    """Nothing that @sendgrid/eventwebhook refuses may be taken."""

    def __init__(self, org, judge):
        self.org = org
        self.judge = judge
        self.key = ec.generate_private_key(ec.SECP256R1())
        der = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(der).decode()
        self.judged = None  # what the package says of the last call
        put_account(org, "sendgrid", api_key="SG.x", webhook_public_key=self.public_key)

    def post(self, *events, timestamp=None, key=None, change=b"", org=None):
        body = json.dumps([{"sg_event_id": secrets.token_hex(8), "timestamp": int(time.time()), **e} for e in events]).encode()
        timestamp = str(timestamp or int(time.time()))
        signature = base64.b64encode((key or self.key).sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        status = anybody(self.org).call("POST", f"/callbacks/sendgrid/{org or self.org.id}", data=body + change, headers={
            "Content-Type": "application/json", "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": signature}).status_code
        self.judged = self.judge(kind="sendgrid", public_key=self.public_key, signature=signature, timestamp=timestamp,
                                 body=(body + change).decode())
        assert status == 403 or self.judged == [], (status, self.judged)
        return status


def test_sendgrid_moves_the_record_forward_only(org, judge):
    peer = SendGrid(org, judge)
    one = sent(org, "sendgrid", "abc")
    assert peer.post({"event": "open", "sg_message_id": "abc.filter1"}, {"event": "processed", "sg_message_id": "abc"}) == 204
    assert delivery(org, one)["state"] == "opened"
    assert peer.post({"event": "delivered", "delivery_id": one}) == 204
    seen = delivery(org, one)
    assert seen["state"] == "opened" and seen["delivered_at"] and seen["opened_at"] and not seen["clicked_at"]
    assert peer.post({"event": "click", "delivery_id": one}, {"event": "spamreport", "delivery_id": one}) == 204
    assert peer.post({"event": "delivered", "delivery_id": one}) == 204
    assert delivery(org, one)["state"] == "complained" and delivery(org, one)["clicked_at"]
    assert suppressed(org) == {("ada@example.com", "complaint")}


def test_a_bounce_suppresses_and_is_taken_once(org, judge):
    peer = SendGrid(org, judge)
    one = sent(org, "sendgrid", "b1")
    bounce = {"event": "bounce", "type": "bounce", "sg_message_id": "b1.x", "reason": "550 no such user", "sg_event_id": "same"}
    assert peer.post(bounce) == 204
    seen = delivery(org, one)
    assert seen["state"] == "bounced" and "550 no such user" in seen["error_message"]
    assert suppressed(org) == {("ada@example.com", "bounce")}
    org.admin.post("/suppressions/remove", {"channel": "email", "address": "ada@example.com"})
    assert peer.post(bounce) == 204 and suppressed(org) == set()
    assert len(audit(org, "suppression.add")) == 1
    two = sent(org, "sendgrid", "b2")
    assert peer.post({"event": "bounce", "type": "blocked", "sg_message_id": "b2"}) == 204
    assert delivery(org, two)["state"] == "bounced" and suppressed(org) == set()


def test_a_lost_answer_is_found_again(org, judge):
    peer = SendGrid(org, judge)
    one = sent(org, "sendgrid", None, state="failed", sent_at=None, error_message="gave no answer")
    assert peer.post({"event": "delivered", "delivery_id": one, "sg_message_id": "late.1"}) == 204
    seen = delivery(org, one)
    assert (seen["state"], seen["provider_message_id"], seen["error_message"]) == ("delivered", "late", None) and seen["sent_at"]


def test_who_is_not_sendgrid_changes_nothing(stack, org, judge):
    peer = SendGrid(org, judge)
    other = SendGrid(Org(stack, "other"), judge)
    one = sent(org, "sendgrid", "c1")
    event = {"event": "bounce", "sg_message_id": "c1", "delivery_id": one}
    assert peer.post(event, key=ec.generate_private_key(ec.SECP256R1())) == 403 and peer.judged != []
    assert peer.post(event, change=b" ") == 403 and peer.judged != []
    assert peer.post(event, timestamp=int(time.time()) - 26 * 3600) == 403
    assert peer.post(event, timestamp=int(time.time()) + 3600) == 403
    assert peer.post(event, org="nobody") == 403
    assert other.post(event) == 204  # signed by its own account, about another's delivery
    assert anybody(org).post(f"/callbacks/sendgrid/{org.id}", []).status_code == 403
    assert peer.post({"event": "bounce", "delivery_id": "0190a6f0-0000-7000-8000-000000000000"}) == 204
    assert delivery(org, one)["state"] == "sent" and suppressed(org) == set()
    assert database.value(stack, "SELECT COUNT(*) FROM provider_callbacks WHERE provider = 'sendgrid' AND seen_at >"
                          " (SELECT created_at FROM deliveries WHERE id = %s)", one) == 0


# --- what was taken though its answer was lost ---

def tried(org, delivery_id, provider, outcome="unknown"):
    """As after a worker that died, or heard no answer, in the middle of a try."""
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO delivery_attempts (delivery_id, number, provider, outcome, started_at) SELECT %s,"
                       " COALESCE(MAX(number), 0) + 1, %s, %s, UTC_TIMESTAMP(6) FROM delivery_attempts WHERE delivery_id = %s",
                       (delivery_id, provider, outcome, delivery_id))


def change(org, delivery_id, **values):
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE deliveries SET {', '.join(f'{n} = %s' for n in values)} WHERE id = %s", (*values.values(), delivery_id))


def test_the_members_of_a_digest_whose_answer_was_lost_have_arrived_too(org, judge):
    peer = SendGrid(org, judge)
    later = (datetime.datetime.utcnow() + datetime.timedelta(hours=6)).strftime("%H:00")
    set_settings(org, digest_enabled=True, digest_frequency="daily", digest_time=later)
    members = [wait_states(org, tell(org), "held")[0] for _ in range(2)]
    digest = delivery(org, members[0]["digest_id"])
    change(org, digest["id"], state="queued", hold_reason=None, held_until=None, provider="sendgrid")
    tried(org, digest["id"], "sendgrid")
    assert peer.post({"event": "delivered", "delivery_id": digest["id"], "sg_message_id": "lost.1"}) == 204
    for row in (digest, *members):
        seen = delivery(org, row["id"])
        assert (seen["state"], seen["hold_reason"], seen["held_until"], seen["provider_message_id"], seen["provider"]) == (
            "delivered", None, None, "lost", "sendgrid"), seen
    database.make_due(org.stack, digest["job_id"])
    assert org.admin.wait_job(digest["job_id"])["status"] == "completed"
    assert [delivery(org, row["id"])["state"] for row in (digest, *members)] == ["delivered"] * 3
    assert mails(org.stack, digest) == []


def test_what_was_taken_before_it_was_held_has_arrived(org, judge):
    peer = SendGrid(org, judge)
    untouched, held = hold_by_dnd(org), hold_by_dnd(org)
    for row in (held, untouched):
        change(org, row["id"], provider="sendgrid")
    tried(org, held["id"], "sendgrid", "ambiguous")
    for row in (held, untouched):
        assert peer.post({"event": "delivered", "delivery_id": row["id"]}) == 204
    seen = delivery(org, held["id"])
    assert (seen["state"], seen["hold_reason"]) == ("delivered", None)
    assert delivery(org, untouched["id"])["state"] == "held", "nobody has tried to send it yet"
    set_settings(org, dnd_enabled=False)
    wait_state(org, untouched["id"], "sent")
    database.make_due(org.stack, held["job_id"])
    assert org.admin.wait_job(held["job_id"])["status"] == "completed" and mails(org.stack, held) == []


def test_the_first_of_two_providers_is_heard_too(org, judge):
    peer = SendGrid(org, judge)
    one = sent(org, "ses", "ses-9")
    event = {"sg_message_id": "sg-9", "delivery_id": one}
    assert peer.post({"event": "delivered", **event}) == 204 and delivery(org, one)["state"] == "sent", "it was never asked"
    tried(org, one, "sendgrid", "ambiguous")
    assert peer.post({"event": "bounce", "type": "bounce", **event}) == 204
    assert delivery(org, one)["state"] == "sent" and suppressed(org) == set(), "the other one may well deliver it"
    assert peer.post({"event": "delivered", **event}) == 204
    seen = delivery(org, one)
    assert (seen["state"], seen["provider"], seen["provider_message_id"]) == ("delivered", "ses", "ses-9")


# --- Twilio ---

TOKEN = "secret-token"


def twilio(org, judge, form, token=TOKEN, delivery_id=None, url=None, owner=TOKEN):
    """Signed by Twilio's own package; whoever owns the account takes what that package would take, and nothing else."""
    path = f"/api/system/callbacks/twilio/{org.id}" + (f"?delivery_id={delivery_id}" if delivery_id else "")
    signature = judge.ask(kind="twilio_sign", auth_token=token, url=url or PUBLIC + path, form=form)["signature"]
    status = anybody(org).call("POST", "=" + path, data=form, headers={"X-Twilio-Signature": signature}).status_code
    judged = judge(kind="twilio", auth_token=owner, signature=signature, url=PUBLIC + path, form=form)
    assert (status == 204) == (judged == []), (status, judged)
    return status


def test_twilio(org, judge):
    put_account(org, "twilio", account_sid="AC" + "0" * 32, auth_token=TOKEN)
    one = sent(org, "twilio", "SM1", channel="sms", address="+4915112345678")
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC" + "0" * 32, "To": "+4915112345678"}
    assert twilio(org, judge, form, token="wrong") == 403
    assert twilio(org, judge, form, url="https://elsewhere.example.com/") == 403
    assert delivery(org, one)["state"] == "sent"
    assert twilio(org, judge, form) == 204 and delivery(org, one)["state"] == "delivered"
    assert twilio(org, judge, {**form, "MessageStatus": "sent"}) == 204 and delivery(org, one)["state"] == "delivered"
    two = sent(org, "twilio", None, channel="sms", address="+4915112345678")
    bounce = {**form, "MessageSid": "SM2", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    assert twilio(org, judge, bounce, delivery_id=two) == 204
    assert delivery(org, two)["state"] == "bounced" and "30005" in delivery(org, two)["error_message"]
    assert suppressed(org) == {("+4915112345678", "bounce")}


def test_twilio_signs_in_many_ways(org, judge):
    """Whatever stands in the form, and with the port or without."""
    put_account(org, "twilio", account_sid="AC" + "0" * 32, auth_token=TOKEN)
    path = f"/api/system/callbacks/twilio/{org.id}"
    for form in ({"MessageSid": "SM1", "MessageStatus": "read", "Z": "", "a": "+&=%20 \u00e9\U0001f600", "B": "1"}, {"Only": "one"}):
        assert twilio(org, judge, form) == 204
        assert twilio(org, judge, form, url=PUBLIC + ":443" + path) == 204
        assert twilio(org, judge, form, url=PUBLIC + ":8443" + path) == 403
        assert twilio(org, judge, form, url=PUBLIC + path + "/") == 403


def test_twilio_by_the_deployments_account(stack, org, judge):
    """An organization's messages go through it while it has none of its own, or has switched it off."""
    config = {"account_sid": "AC" + "1" * 32, "auth_token": "of-the-deployment"}
    ctl(stack, "providers", "set", "twilio", "--file", "-", stdin=json.dumps({"config": config, "enabled": False}))
    one = sent(org, "twilio", "SM7", channel="sms", address="+4915112345678")
    form = {"MessageSid": "SM7", "MessageStatus": "delivered"}
    deployment = {"token": "of-the-deployment", "owner": "of-the-deployment"}
    assert twilio(org, judge, {**form, "MessageStatus": "sent"}, **deployment) == 204
    put_account(org, "twilio", account_sid="AC" + "0" * 32, auth_token=TOKEN)
    assert twilio(org, judge, form, token="neither") == 403
    assert twilio(org, judge, form, **deployment) == 204 and delivery(org, one)["state"] == "delivered"


# --- SES through SNS ---

class Sns:
    """An endpoint that has the certificate, and signs as SNS does."""

    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.datetime.utcnow()
        self.pem = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(
            1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1)).sign(
            self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.pem)))
                self.end_headers()
                self.wfile.write(outer.pem)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def message(self, message, version="1", key=None, **members):
        full = {"Type": "Notification", "MessageId": secrets.token_hex(8), "TopicArn": TOPIC, "Message": json.dumps(message),
                "Timestamp": datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.000Z"), "SignatureVersion": version,
                "SigningCertURL": self.url + "/SimpleNotificationService-0123abcd.pem", **members}
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{n}\n{full[n]}\n" for n in names if n in full)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        full["Signature"] = base64.b64encode((key or self.key).sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
        return full


@pytest.fixture(scope="module", name="sns")
def fixture_sns():
    sns = Sns()
    yield sns
    sns.server.shutdown()
    sns.server.server_close()


def post_sns(org, message, provider="ses"):
    return anybody(org).call("POST", f"/callbacks/{provider}/{org.id}", data=json.dumps(message),
                             headers={"Content-Type": "text/plain; charset=UTF-8"}).status_code


def test_ses_through_sns(org, sns):
    put_account(org, "ses", region="eu-west-1", access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="x" * 40, endpoint=sns.url,
                topic_arn=TOPIC)
    one = sent(org, "ses", "ses-1")
    assert post_sns(org, sns.message({"eventType": "Delivery", "mail": {"messageId": "ses-1"}, "delivery": {}})) == 204
    assert delivery(org, one)["state"] == "delivered"
    automatic = {"eventType": "Bounce", "mail": {"messageId": "ses-1"}, "bounce": {"bounceType": "Transient", "bounceSubType": "General"}}
    assert post_sns(org, sns.message(automatic, "2")) == 204 and delivery(org, one)["state"] == "delivered"
    bounce = {"eventType": "Bounce", "mail": {"messageId": "other", "tags": {"delivery_id": [one]}}, "bounce": {
        "bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "ada@example.com", "diagnosticCode": "550 gone"}]}}
    forged = [sns.message(bounce, key=rsa.generate_private_key(65537, 2048)), {**sns.message(bounce), "Message": json.dumps(bounce) + " "},
              sns.message(bounce, TopicArn=TOPIC + "2"), sns.message(bounce, Timestamp="2020-01-01T00:00:00.000Z"),
              sns.message(bounce, SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"),
              sns.message(bounce, SigningCertURL=sns.url + "/other.pem"), {**sns.message(bounce), "SignatureVersion": "3"}]
    assert [post_sns(org, message) for message in forged] == [403] * len(forged)
    assert delivery(org, one)["state"] == "delivered" and "/other.pem" not in sns.asked
    assert post_sns(org, sns.message(bounce, "2")) == 204
    assert delivery(org, one)["state"] == "bounced" and suppressed(org) == {("ada@example.com", "bounce")}
    assert post_sns(org, sns.message({}, Type="SubscriptionConfirmation", Token="t", SubscribeURL="http://127.0.0.1:1/?Action=x")) == 503
    assert post_sns(org, sns.message({}, Type="SubscriptionConfirmation", Token="t",
                                     SubscribeURL=sns.url + "/?Action=ConfirmSubscription&Token=t")) == 204
    assert sns.asked[-1] == "/?Action=ConfirmSubscription&Token=t"


# --- text messages through SNS ---

def log_entry(message_id, status, response):
    """As SNS writes it to CloudWatch Logs."""
    return {"notification": {"messageId": message_id, "timestamp": "2016-06-28 00:40:34.558"},
            "delivery": {"phoneCarrier": "My Phone Carrier", "mnc": 270, "numberOfMessageParts": 1, "destination": "+4915112345678",
                         "priceInUSD": 0.00645, "smsType": "Transactional", "mcc": 310, "providerResponse": response,
                         "dwellTimeMs": 599, "dwellTimeMsUntilDeviceAck": 1344}, "status": status}


def test_what_became_of_text_messages_through_sns(org, sns):
    """SNS tells no topic; somebody forwards its log, or the events of End User Messaging, to the account's."""
    put_account(org, "sns", region="eu-west-1", access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="x" * 40, endpoint=sns.url,
                topic_arn=TOPIC)
    rows = [sent(org, "sns", f"sns-{org.id}-{i}", channel="sms", address=f"+491511234567{i}") for i in range(5)]
    ids = [f"sns-{org.id}-{i}" for i in range(5)]
    told = [log_entry(ids[0], "SUCCESS", "Message has been accepted by phone"),
            log_entry(ids[1], "FAILURE", "Phone carrier is currently unreachable/unavailable"),
            log_entry(ids[2], "FAILURE", "Phone number is opted out"),
            {"eventType": "TEXT_DELIVERED", "eventTimestamp": 1686975103470, "messageId": ids[3], "messageStatus": "DELIVERED"},
            log_entry(ids[4], "PENDING", "whatever")]
    for version, message in zip("12121", told):
        assert post_sns(org, sns.message(message, version), "sns") == 204
    seen = [delivery(org, row) for row in rows]
    assert [d["state"] for d in seen] == ["delivered", "bounced", "bounced", "delivered", "sent"]
    assert seen[0]["delivered_at"] == "2016-06-28T00:40:34.558000Z" and "unreachable" in seen[1]["error_message"]
    assert suppressed(org) == {("+4915112345672", "unsubscribe")}
    assert post_sns(org, sns.message(told[0], key=rsa.generate_private_key(65537, 2048)), "sns") == 403


# --- links of the message itself ---

def path_of(link):
    assert link.startswith(PUBLIC + "/api/system/"), link
    return "=" + link[len(PUBLIC):]


def test_unsubscribing_by_one_click(stack, org):
    [row] = wait_states(org, tell(org), "sent")
    [mail] = mails(stack, row)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.fullmatch(r"<([^>]+)>", mail["List-Unsubscribe"]).group(1)
    link = path_of(address)
    text, page = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    assert f"\nSolche Nachrichten abbestellen: {address}\n" in text and f'href="{address}">Abbestellen</a>' in page
    client = anybody(org)
    page = client.call("GET", link)
    assert page.status_code == 200 and "<form method=\"post\">" in page.text and suppressed(org) == set()
    for _ in range(2):
        assert client.call("POST", link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        assert suppressed(org) == {("ada@example.com", "unsubscribe")}
    wait_states(org, tell(org), "failed")
    [urgent] = wait_states(org, tell(org, event="alert", severity="critical", data={"title": "Fire"}), "sent")
    [mail] = mails(stack, urgent)
    assert mail["List-Unsubscribe"] is None and "bbestellen" not in mail.get_body(("plain",)).get_content()
    for broken in (link[:-9] + ("A" if link[-9] != "A" else "B") + link[-8:], link + "x", "=/api/system/u/x", link.replace("/u/", "/t/o/")):
        assert client.call("POST" if "/u/" in broken else "GET", broken).status_code == 404


def test_reading_is_noted_where_it_is_tracked(stack, org):
    [row] = wait_states(org, tell(org), "sent")
    [mail] = mails(stack, row)
    html = mail.get_body(("html",)).get_content()
    [image] = re.findall(r"<img src=\"([^\"]+/t/o/[^\"]+)\"", html)
    client = anybody(org)
    assert client.call("HEAD", path_of(image)).status_code == 200 and delivery(org, row["id"])["state"] == "sent"
    answer = client.call("GET", path_of(image))
    assert answer.headers["Content-Type"] == "image/gif" and answer.content.startswith(b"GIF89a")
    seen = delivery(org, row["id"])
    assert seen["state"] == "opened" and seen["opened_at"] and seen["clicked_at"] is None
    assert client.call("GET", path_of(image).replace("/t/o/", "/t/c/") + "?to=https://evil.example/").status_code == 404
