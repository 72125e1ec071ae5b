"""What providers and recipients tell of messages that were sent: who is believed, and what it does to the record. Keys,
certificates and signatures are made by Python's own libraries."""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import re
import secrets
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import database
from client import Org
from conftest import QUICK_RETRIES, running
from test_events import ADA, mails, tell, wait_states
from test_record import audit, delivery

PUBLIC = "https://notify.example.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"


@pytest.fixture(scope="module", name="stack")
def fixture_stack():
    yield from running("callbacks", apis=2, conf_extra=QUICK_RETRIES + f"[api]\npublic_url={PUBLIC}\n[tracking]\nopen=true\n"
                       "click=true\n")


@pytest.fixture(name="org")
def fixture_org(stack):
    return Org(stack, "callbacks")


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
    def __init__(self, org):
        self.org = org
        self.key = ec.generate_private_key(ec.SECP256R1())
        der = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        put_account(org, "sendgrid", api_key="SG.x", webhook_public_key=base64.b64encode(der).decode())

    def post(self, *events, timestamp=None, key=None, change=b"", org=None):
        body = json.dumps([{"sg_event_id": secrets.token_hex(8), "timestamp": int(time.time()), **e} for e in events]).encode()
        timestamp = str(timestamp or int(time.time()))
        signature = (key or self.key).sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return anybody(self.org).call("POST", f"/callbacks/sendgrid/{org or self.org.id}", data=body + change, headers={
            "Content-Type": "application/json", "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode()}).status_code


def test_sendgrid_moves_the_record_forward_only(org):
    peer = SendGrid(org)
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


def test_a_bounce_suppresses_and_is_taken_once(org):
    peer = SendGrid(org)
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


def test_a_lost_answer_is_found_again(org):
    peer = SendGrid(org)
    one = sent(org, "sendgrid", None, state="failed", sent_at=None, error_message="gave no answer")
    assert peer.post({"event": "delivered", "delivery_id": one, "sg_message_id": "late.1"}) == 204
    seen = delivery(org, one)
    assert (seen["state"], seen["provider_message_id"], seen["error_message"]) == ("delivered", "late", None) and seen["sent_at"]


def test_who_is_not_sendgrid_changes_nothing(stack, org):
    peer = SendGrid(org)
    other = SendGrid(Org(stack, "other"))
    one = sent(org, "sendgrid", "c1")
    event = {"event": "bounce", "sg_message_id": "c1", "delivery_id": one}
    assert peer.post(event, key=ec.generate_private_key(ec.SECP256R1())) == 403
    assert peer.post(event, change=b" ") == 403
    assert peer.post(event, timestamp=int(time.time()) - 26 * 3600) == 403
    assert peer.post(event, timestamp=int(time.time()) + 3600) == 403
    assert peer.post(event, org="nobody") == 403
    assert other.post(event) == 204  # signed by its own account, about another's delivery
    assert anybody(org).post(f"/callbacks/sendgrid/{org.id}", []).status_code == 403
    assert peer.post({"event": "bounce", "delivery_id": "0190a6f0-0000-7000-8000-000000000000"}) == 204
    assert delivery(org, one)["state"] == "sent" and suppressed(org) == set()
    assert database.value(stack, "SELECT COUNT(*) FROM provider_callbacks WHERE provider = 'sendgrid' AND seen_at >"
                          " (SELECT created_at FROM deliveries WHERE id = %s)", one) == 0


# --- Twilio ---

def twilio(org, form, token="secret-token", delivery_id=None, url=None):
    path = f"/api/system/callbacks/twilio/{org.id}" + (f"?delivery_id={delivery_id}" if delivery_id else "")
    text = (url or PUBLIC + path) + "".join(k + form[k] for k in sorted(form))
    signature = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return anybody(org).call("POST", "=" + path, data=form, headers={"X-Twilio-Signature": signature}).status_code


def test_twilio(org):
    put_account(org, "twilio", account_sid="AC" + "0" * 32, auth_token="secret-token")
    one = sent(org, "twilio", "SM1", channel="sms", address="+4915112345678")
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC" + "0" * 32, "To": "+4915112345678"}
    assert twilio(org, form, token="wrong") == 403
    assert twilio(org, form, url="https://elsewhere.example.com/") == 403
    assert delivery(org, one)["state"] == "sent"
    assert twilio(org, form) == 204 and delivery(org, one)["state"] == "delivered"
    assert twilio(org, {**form, "MessageStatus": "sent"}) == 204 and delivery(org, one)["state"] == "delivered"
    two = sent(org, "twilio", None, channel="sms", address="+4915112345678")
    assert twilio(org, {**form, "MessageSid": "SM2", "MessageStatus": "undelivered", "ErrorCode": "30005"}, delivery_id=two) == 204
    assert delivery(org, two)["state"] == "bounced" and "30005" in delivery(org, two)["error_message"]
    assert suppressed(org) == {("+4915112345678", "bounce")}


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


# --- links of the message itself ---

def path_of(link):
    assert link.startswith(PUBLIC + "/api/system/"), link
    return "=" + link[len(PUBLIC):]


def test_unsubscribing_by_one_click(stack, org):
    [row] = wait_states(org, tell(org), "sent")
    [mail] = mails(stack, row)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = path_of(re.fullmatch(r"<([^>]+)>", mail["List-Unsubscribe"]).group(1))
    client = anybody(org)
    page = client.call("GET", link)
    assert page.status_code == 200 and "<form method=\"post\">" in page.text and suppressed(org) == set()
    for _ in range(2):
        assert client.call("POST", link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        assert suppressed(org) == {("ada@example.com", "unsubscribe")}
    wait_states(org, tell(org), "failed")
    [urgent] = wait_states(org, tell(org, event="alert", severity="critical", data={"title": "Fire"}), "sent")
    assert mails(stack, urgent)[0]["List-Unsubscribe"] is None
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
