"""Providers over HTTP against a peer that holds what it receives against their documentation: what is sent, what becomes of
every answer, hostile answers, and that no secret comes back. provider_send.c calls their send functions."""
import concurrent.futures
import email.header
import email.utils
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

from provider_peer import (CANARY, CHECKED, TAKEN, ProviderPeer, aws_json, aws_xml, install_packages, secrets_of,  # noqa: E402
                           sendgrid_error, slack_error, twilio_error)

DELIVERY_ID = "0190a000-0000-7000-8000-00000000d001"
PROVIDERS = list(TAKEN)
TIMEOUT_S = 1  # of what never ends


class Sender:
    """build/*/tests/integration/provider_send, kept running: its one handle serves all providers, as a runner's does."""

    def __init__(self, peer):
        build = pathlib.Path(os.environ.get("BELLMAN_BUILD", "build/release")).resolve()
        self.peer = peer
        self.process = subprocess.Popen([build / "tests" / "integration" / "provider_send"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def send(self, provider, config=None, **order):
        to = {"sendgrid": "ada@example.com", "ses": "ada@example.com", "slack": "slack", "webhook": "webhook"}
        order = {
            "provider": provider, "config": self.peer.config(provider) if config is None else config,
            "to": to.get(provider, "+4915112345678"), "subject": "Payroll", "text": "Paid.", "html": "<p>Paid.</p>",
            "settings": {"email_from_address": "hr@acme.example", "email_from_name": "Acme HR",
                         "sms_from_number": "+15005550006", "slack_webhook_url": self.peer.slack_url},
            "delivery": {"event": "payroll", "severity": "info", "created_at": "2026-11-23T16:00:00.123456Z",
                         "data": {"period": "November"}, "recipients": [{"user_id": "ada"}]},
            "timeout_s": 10, **order}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def peer():
    install_packages()
    with ProviderPeer() as serving:
        yield serving


@pytest.fixture(scope="module")
def sender(peer):
    running = Sender(peer)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def nothing_planned(peer):
    yield
    peer.script = None


def send_well(sender, provider, **order):
    """A message that is taken; the reply and what arrived."""
    before = len(sender.peer.requests)
    reply = sender.send(provider, **order)
    assert reply["outcome"] == "sent", reply
    [request] = sender.peer.requests[before:]
    assert request["problems"] == [], request
    return reply, request


# ---- what is sent -----------------------------------------------------------------------------------------------------

STRANGE = "Zoë \"& Co\" <b>%0d%0aBcc: x@example.com</b> \u2028 \U0001f600 'ok' a+b=c\r\nBcc: eve@example.com"


def test_sendgrid_is_sent_what_it_wants(sender):
    reply, request = send_well(sender, "sendgrid", subject=STRANGE, text=STRANGE, html=STRANGE,
                               unsubscribe_url="https://bellman.example/api/system/u/token")
    mail = request["job"]
    assert reply["message_id"].startswith("sg-") and reply["code"] == 202
    assert mail["from"] == {"email": "hr@acme.example", "name": "Acme HR"}
    assert mail["personalizations"] == [{"to": [{"email": "ada@example.com"}], "custom_args": {"delivery_id": DELIVERY_ID}}]
    assert (mail["subject"], [part["value"] for part in mail["content"]]) == (STRANGE, [STRANGE, STRANGE])
    assert mail["headers"]["List-Unsubscribe"] == "<https://bellman.example/api/system/u/token>"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["tracking_settings"] == {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}}


def test_sendgrid_without_html_and_name(sender):
    settings = {"email_from_address": "hr@acme.example", "email_from_name": None}
    _, request = send_well(sender, "sendgrid", html=None, settings=settings)
    assert [part["type"] for part in request["job"]["content"]] == ["text/plain"]
    assert request["job"]["from"] == {"email": "hr@acme.example"}
    assert "List-Unsubscribe" not in request["job"]["headers"]


def test_ses_is_sent_what_it_wants(sender):
    name = "Zoë Müller, \"HR\" of the whole of the company with the very long name & daughters"
    settings = {"email_from_address": "hr@acme.example", "email_from_name": name}
    reply, request = send_well(sender, "ses", subject=STRANGE, text=STRANGE, html=STRANGE, settings=settings,
                               unsubscribe_url="https://bellman.example/api/system/u/token")
    mail = request["job"]
    shown, address = email.utils.parseaddr(mail["FromEmailAddress"])
    assert (str(email.header.make_header(email.header.decode_header(shown))), address) == (name, "hr@acme.example")
    assert reply["message_id"].startswith("0102")
    assert mail["Destination"] == {"ToAddresses": ["ada@example.com"]}
    simple = mail["Content"]["Simple"]
    assert {simple["Subject"]["Data"], simple["Body"]["Text"]["Data"], simple["Body"]["Html"]["Data"]} == {STRANGE}
    headers = {h["Name"]: h["Value"] for h in simple["Headers"]}
    assert headers == {"X-Delivery-Id": DELIVERY_ID, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                       "List-Unsubscribe": "<https://bellman.example/api/system/u/token>"}
    assert mail["EmailTags"] == [{"Name": "delivery_id", "Value": DELIVERY_ID}]
    assert mail["ConfigurationSetName"] == "bellman"


def test_ses_signs_a_large_mail(sender):
    _, request = send_well(sender, "ses", html="<p>ü</p>" * 300000, timeout_s=10)
    assert len(request["body"]) > 2 * 1024 * 1024


def test_twilio_is_sent_what_it_wants(sender):
    reply, request = send_well(sender, "twilio", text=STRANGE, callback_url="https://bellman.example/callbacks/twilio/acme")
    assert reply["message_id"].startswith("SM") and reply["text"] == "queued"
    assert request["form"] == {
        "To": "+4915112345678", "From": "+15005550006", "Body": STRANGE,
        "StatusCallback": f"https://bellman.example/callbacks/twilio/acme?delivery_id={DELIVERY_ID}"}


def test_twilio_with_a_messaging_service(sender):
    service = "MG" + "0" * 32
    _, request = send_well(sender, "twilio", config=sender.peer.config("twilio", messaging_service_sid=service))
    assert request["form"] == {"To": "+4915112345678", "MessagingServiceSid": service, "Body": "Paid."}


def test_sns_is_sent_what_it_wants(sender):
    reply, request = send_well(sender, "sns", text=STRANGE)
    assert len(reply["message_id"]) == 36
    assert (request["form"]["PhoneNumber"], request["form"]["Message"]) == ("+4915112345678", STRANGE)
    assert request["attributes"] == {"AWS.SNS.SMS.SMSType": "Transactional", "delivery_id": DELIVERY_ID,
                                     "AWS.MM.SMS.OriginationNumber": "+15005550006"}


@pytest.mark.parametrize("sender_id", [None, "ACME"])
def test_sns_without_a_number(sender, sender_id):
    _, request = send_well(sender, "sns", config=sender.peer.config("sns", sender_id=sender_id), settings={})
    assert request["attributes"].get("AWS.SNS.SMS.SenderID") == sender_id


@pytest.mark.parametrize("to,setting,channel", [
    ("slack", None, None), ("#ops", "#ops", "#ops"), ("#ops", "#dev", "#ops"), ("slack", "slack", "slack"), ("", None, None),
])
def test_slack_is_sent_what_it_wants(sender, to, setting, channel):
    settings = {"slack_webhook_url": sender.peer.slack_url, "slack_channel": setting}
    reply, request = send_well(sender, "slack", to=to, settings=settings, text=STRANGE)
    assert request["job"] == {"text": STRANGE, **({"channel": channel} if channel else {})}
    assert (reply["text"], reply["message_id"]) == ("ok", "")


def test_webhook_is_sent_what_it_wants(sender):
    data = {"note": STRANGE, "amount": 1234567890123456789, "nested": [None, {"a": 1}]}
    delivery = {"event": "alert", "severity": "critical", "created_at": "2026-11-23T16:00:00.123456Z", "data": data,
                "recipients": [{"user_id": "ada", "email": "ada@example.com"}], "address": "webhook"}
    _, request = send_well(sender, "webhook", delivery=delivery)
    assert request["job"] == {"id": DELIVERY_ID, **{k: v for k, v in delivery.items() if k != "address"}}


def test_nothing_of_one_account_goes_to_the_next(sender):
    """The peer knows which headers each may have."""
    for provider in ("twilio", "ses", "webhook", "sns", "slack", "sendgrid", "slack", "twilio", "webhook"):
        send_well(sender, provider)


# ---- what becomes of each answer ----------------------------------------------------------------------------------------
# provider: (answer, outcome, Retry-After in s, part of the words)

REDIRECT = {"status": 307, "headers": {"Location": "http://127.0.0.1:1/elsewhere"}}
AWS_ROWS = [
    ("ThrottlingException", 400, "retry", 1), ("AccessDeniedException", 403, "paused", 0),
    ("NotAuthorized", 400, "paused", 0), ("OptInRequired", 403, "paused", 0),
    ("UnrecognizedClientException", 403, "paused", 0), ("InvalidClientTokenId", 403, "paused", 0),
    ("InvalidAccessKeyId", 403, "paused", 0), ("MissingAuthenticationTokenException", 403, "paused", 0),
    ("ExpiredTokenException", 403, "paused", 0), ("SignatureDoesNotMatch", 403, "paused", 0),
    ("InvalidSignatureException", 403, "paused", 0), ("IncompleteSignature", 403, "paused", 0),
    ("RequestExpired", 400, "paused", 0), ("RequestTimeTooSkewed", 403, "paused", 0),
    ("InternalFailure", 500, "retry", 0), ("ServiceUnavailable", 503, "retry", 0),
]
ROWS = {
    "sendgrid": [
        ({"status": 202}, "sent", 0, ""),
        (200, "refused", 0, "did not queue"),
        (204, "ambiguous", 0, "none of its answers"),
        (sendgrid_error(400, "The from email does not contain a valid address."), "refused", 0, "valid address"),
        (sendgrid_error(401, "The provided authorization grant is invalid, expired, or revoked"), "paused", 0, "revoked"),
        (sendgrid_error(401, "Maximum credits exceeded"), "paused", 0, "credits exceeded"),
        (sendgrid_error(403, "The from address does not match a verified Sender Identity."), "paused", 0, "Sender Identity"),
        (sendgrid_error(404, "not found"), "paused", 0, "nothing at this address"),
        (sendgrid_error(405, "method not allowed"), "refused", 0, "405"),
        (sendgrid_error(413, "too large"), "refused", 0, "too large"),
        (sendgrid_error(415, "unsupported"), "refused", 0, "415"),
        (sendgrid_error(429, "too many requests", **{"Retry-After": "7"}), "retry", 7, "too many"),
        (sendgrid_error(429, "too many requests"), "retry", 0, "too many"),
        (sendgrid_error(500, "error"), "retry", 0, "its own failure"),
        (502, "retry", 0, "502"), (503, "retry", 0, "503"), (504, "ambiguous", 0, "504"),
    ],
    "ses": [
        *((aws_json(status, code, "words"), outcome, after, code.removesuffix("Exception") + ", ")
          for code, status, outcome, after in AWS_ROWS),
        (aws_json(429, "TooManyRequestsException", "Maximum sending rate exceeded"), "retry", 1, "Maximum sending rate"),
        (aws_json(400, "MessageRejected", "Email address is not verified."), "refused", 0, "not verified"),
        (aws_json(400, "BadRequestException", "Missing final '@domain'"), "refused", 0, "Missing final"),
        (aws_json(400, "ValidationException", "1 validation error"), "refused", 0, "1 validation error"),
        (aws_json(400, "AccountSuspendedException", "restricted"), "paused", 0, "may not send any more"),
        (aws_json(400, "SendingPausedException", "paused"), "paused", 0, "sending is paused"),
        (aws_json(400, "MailFromDomainNotVerifiedException", "not verified"), "paused", 0, "domain is not verified"),
        (aws_json(400, "LimitExceededException", "quota"), "paused", 0, "quota is used up"),
        (aws_json(404, "NotFoundException", "Configuration set does not exist"), "paused", 0, "configuration set"),
        (aws_json(400, "TooManyRequestsException:http://internal.amazon.com/coral/", "x"), "retry", 1, "TooManyRequests,"),
        ({"status": 400, "body": {"__type": "com.amazonaws#AccountSuspendedException", "Message": "it"}}, "paused", 0, "it"),
        ({"status": 400, "body": {"message": "who knows"}}, "refused", 0, "who knows"),
        ({"status": 200, "body": {}}, "ambiguous", 0, "without the id"),
        ({"status": 200, "body": "<html>welcome</html>"}, "ambiguous", 0, "welcome"),
        (504, "ambiguous", 0, "504"),
    ],
    "sns": [
        *((aws_xml(status, code, "words"), outcome, after, code.removesuffix("Exception") + ", ")
          for code, status, outcome, after in AWS_ROWS),
        (aws_xml(429, "Throttled", "Rate exceeded"), "retry", 1, "Rate exceeded"),
        (aws_xml(400, "KMSThrottling", "x"), "retry", 1, "KMSThrottling"),
        *((aws_xml(400, code, "x"), "paused", 0, code) for code in (
            "KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired")),
        (aws_xml(403, "AuthorizationError", "not authorized to perform: SNS:Publish"), "paused", 0, "SNS:Publish"),
        (aws_xml(403, "InvalidSecurity", "x"), "paused", 0, "InvalidSecurity"),
        *((aws_xml(400, code, "x &amp; y"), "refused", 0, "x & y") for code in (
            "InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationException", "EndpointDisabled",
            "PlatformApplicationDisabled", "OptedOut", "UserError")),
        (aws_xml(404, "NotFound", "Topic does not exist"), "paused", 0, "Topic"),
        (aws_xml(500, "InternalError", "x"), "retry", 0, "InternalError"),
        ({"status": 200, "body": "<PublishResponse/>"}, "ambiguous", 0, "without the id"),
        ({"status": 200, "body": {"MessageId": "json"}}, "ambiguous", 0, "without the id"),
        ({"status": 400, "body": "<Error><Code>InvalidParameter</Code><Message>cut"}, "refused", 0, "InvalidParameter"),
        (504, "ambiguous", 0, "504"),
    ],
    "twilio": [
        *((twilio_error(429, code, "Too Many Requests"), "retry", 1, f"429 {code}") for code in (14107, 20429)),
        *((twilio_error(429, code, "x"), "retry", after, str(code)) for code, after in (
            (30001, 60), (21611, 60), (63038, 3600))),
        (twilio_error(401, 20003, "Authenticate"), "paused", 0, "credentials: Authenticate"),
        *((twilio_error(status, code, "x"), "paused", 0, str(code)) for status, code in (
            (401, 20005), (403, 20008), (403, 20403), (404, 20404), (400, 30002), (400, 21212), (400, 21267), (400, 21603),
            (400, 21606), (400, 21609), (400, 21659), (400, 21660), (400, 21661), (400, 21701), (400, 21703), (400, 21704),
            (400, 21705))),
        *((twilio_error(400, code, "The 'To' number"), "refused", 0, f"400 {code}") for code in (
            21211, 21265, 21266, 21408, 21602, 21604, 21608, 21610, 21612, 21614, 21617, 21635)),
        (twilio_error(400, 29999, "something new"), "refused", 0, "something new"),
        (twilio_error(500, 20500, "Internal"), "retry", 0, "its own failure"),
        ({"status": 429, "headers": {"Retry-After": "11"}, "body": ""}, "retry", 11, "429"),
        (401, "paused", 0, "401"), (403, "paused", 0, "403"), (404, "paused", 0, "404"), (400, "refused", 0, "400"),
        (502, "retry", 0, "502"), (503, "retry", 0, "503"), (504, "ambiguous", 0, "504"),
        ({"status": 201, "body": {"status": "queued"}}, "ambiguous", 0, "without the id"),
        ({"status": 200, "body": "ok"}, "ambiguous", 0, "without the id"),
    ],
    "slack": [
        (200, "sent", 0, ""),
        (slack_error(400, "invalid_payload"), "refused", 0, "invalid_payload"),
        (slack_error(400, "no_text"), "refused", 0, "no_text"),
        (slack_error(400, "user_not_found"), "refused", 0, "no such user"),
        (slack_error(400, "too_many_attachments"), "refused", 0, "too_many_attachments"),
        (slack_error(403, "action_prohibited"), "paused", 0, "action_prohibited"),
        (slack_error(403, "posting_to_general_channel_denied"), "paused", 0, "does not allow it"),
        (slack_error(403, "invalid_token"), "paused", 0, "invalid_token"),
        (slack_error(400, "no_active_hooks"), "paused", 0, "switched off"),
        (slack_error(404, "channel_not_found"), "paused", 0, "no such channel"),
        *((slack_error(404, word), "paused", 0, word) for word in ("no_service", "no_service_id", "no_team", "team_disabled")),
        (slack_error(410, "channel_is_archived"), "paused", 0, "archived"),
        (slack_error(410, "gone"), "paused", 0, "gone"),
        (slack_error(429, "rate_limited", **{"Retry-After": "30"}), "retry", 30, "rate_limited"),
        (slack_error(429, "rate_limited"), "retry", 1, "rate_limited"),
        (slack_error(500, "rollup_error"), "retry", 0, "rollup_error"),
        (503, "retry", 0, "503"), (504, "ambiguous", 0, "504"),
    ],
    "webhook": [
        (200, "sent", 0, ""), (201, "sent", 0, ""), (204, "sent", 0, ""),
        (400, "refused", 0, "400"), (402, "refused", 0, "402"), (404, "refused", 0, "404"), (405, "refused", 0, "405"),
        (422, "refused", 0, "422"), (401, "paused", 0, "signature"), (403, "paused", 0, "signature"), (410, "paused", 0, "gone"),
        (408, "retry", 0, "408"), (409, "retry", 0, "409"), (425, "retry", 0, "425"), (429, "retry", 0, "429"),
        ({"status": 429, "headers": {"Retry-After": "17"}}, "retry", 17, "429"),
        ({"status": 503, "headers": {"Retry-After": "999999999"}}, "retry", 86400, "503"),
        (500, "retry", 0, "500"), (502, "retry", 0, "502"), (504, "ambiguous", 0, "504"),
    ],
}
CASES = [pytest.param(provider, *row, id=f"{provider}-{i}-{row[1]}")
         for provider, rows in ROWS.items() for i, row in enumerate(rows)]


@pytest.mark.parametrize("provider,answer,outcome,after_s,words", CASES)
def test_answer(sender, provider, answer, outcome, after_s, words):
    sender.peer.script = [answer]
    reply = sender.send(provider)
    assert (reply["outcome"], reply["retry_after_ms"]) == (outcome, after_s * 1000), reply
    assert words in reply["text"]
    assert reply["code"] == (answer if isinstance(answer, int) else answer["status"])
    assert sender.peer.requests[-1]["problems"] == []
    assert outcome == "sent" or reply["message_id"] == ""


def test_sendgrid_says_when_its_limit_is_filled_again(sender):
    sender.peer.script = [sendgrid_error(429, "too many requests", **{"X-RateLimit-Reset": str(int(time.time()) + 40)}),
                          sendgrid_error(429, "too many requests", **{"X-RateLimit-Reset": "99999999999999999999"}),
                          sendgrid_error(429, "too many requests", **{"X-RateLimit-Reset": "12"})]
    delays = [sender.send("sendgrid")["retry_after_ms"] for _ in range(3)]
    assert 35000 <= delays[0] <= 40000 and delays[1:] == [3600000, 1000]


# ---- hostile answers ----------------------------------------------------------------------------------------------------

HOSTILE = [
    ("stall", {}), ("close", {}), ("reset", {}), ("half", {}), ("headers", {}), ("drip", {}), ("garbage", {}),
    ("endless", {"slack": "sent", "webhook": "sent", "sendgrid": "refused"}),
]


@pytest.fixture(scope="module", name="senders")
def fixture_senders(peer):
    """One for each provider, so that all can wait at one time."""
    running = {provider: Sender(peer) for provider in PROVIDERS}
    yield running
    for each in running.values():
        each.stop()


@pytest.mark.parametrize("answer,others", HOSTILE, ids=[h[0] for h in HOSTILE])
def test_hostile_answer(senders, peer, answer, others):
    """Where the request has gone out and nobody knows, nobody claims to know."""
    def send(provider):
        began = time.monotonic()
        return senders[provider].send(provider, timeout_s=TIMEOUT_S), time.monotonic() - began

    peer.script = answer  # every time: a kept connection that closes is tried once more
    with concurrent.futures.ThreadPoolExecutor(len(PROVIDERS)) as pool:
        ends = dict(zip(PROVIDERS, pool.map(send, PROVIDERS)))
    assert {p: reply["outcome"] for p, (reply, _) in ends.items()} == {p: others.get(p, "ambiguous") for p in PROVIDERS}, ends
    assert max(took_s for _, took_s in ends.values()) < TIMEOUT_S + 3, ends
    assert all(reply["text"] or reply["outcome"] == "sent" for reply, _ in ends.values()), ends


@pytest.mark.parametrize("provider", PROVIDERS)
def test_redirects_are_not_followed(sender, provider):
    before = len(sender.peer.requests)
    sender.peer.script = [{**REDIRECT, "headers": {"Location": sender.peer.url + "/elsewhere"}}]
    reply = sender.send(provider)
    assert reply["outcome"] == ("refused" if provider == "webhook" else "paused") and "not followed" in reply["text"]
    assert len(sender.peer.requests) == before + 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nobody_there(sender, provider):
    """Surely not taken: another provider may be tried at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    changes = {"url": address + "/x"} if provider == "webhook" else {"endpoint": address}
    reply = sender.send(provider, config=sender.peer.config(provider, **changes))
    assert reply["outcome"] == "retry" and reply["code"] == 0, reply


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "https://127.0.0.1:1", "https://localhost:1", "https://[::1]:1",
                                     "https://0x7f.1:1", "https://2130706433:1", "https://[::ffff:10.0.0.1]:1",
                                     "https://[64:ff9b::a00:1]:1", "https://user:word@example.com", "ftp://example.com"])
def test_only_public_addresses_over_tls(sender, provider, address):
    changes = {"url": address + "/x"} if provider == "webhook" else {"endpoint": address}
    before = len(sender.peer.requests)
    reply = sender.send(provider, config=sender.peer.config(provider, **changes), allow_private=False)
    assert reply["outcome"] == "paused" and "nothing was sent" in reply["text"], reply
    assert len(sender.peer.requests) == before


def test_tls_is_verified(sender):
    with ProviderPeer(tls=True) as peer:
        for provider in PROVIDERS:
            reply = sender.send(provider, config=peer.config(provider), ca_file=str(peer.ca_file), timeout_s=5)
            assert reply["outcome"] == "sent", reply
            distrusted = sender.send(provider, config=peer.config(provider, **(
                {"url": f"https://127.0.0.1:{peer.port}/hooks/bellman"} if provider == "webhook"
                else {"endpoint": f"https://127.0.0.1:{peer.port}"})), timeout_s=5)
            assert distrusted["outcome"] == "retry" and "certificate" in distrusted["text"], distrusted
        assert [r["problems"] for r in peer.requests] == [[]] * len(PROVIDERS)


STAGES = ("resolved", "connected", "tls", "authenticated", "accepted")


def stages(reply):
    """Those that were reached, which must be in order."""
    reached = [(name, ms) for name, ms in zip(STAGES, reply["times"]) if ms >= 0]
    assert [ms for _, ms in reached] == sorted(ms for _, ms in reached), reply
    return [name for name, _ in reached]


def test_how_far_it_came_is_known(sender):
    with ProviderPeer(tls=True) as peer, socket.create_server(("127.0.0.1", 0)) as silent:
        def send(provider="sendgrid", script=None, ca_file=str(peer.ca_file), **changes):
            peer.script = script
            return stages(sender.send(provider, config=peer.config(provider, **changes), ca_file=ca_file, timeout_s=2))

        assert send(endpoint="https://nowhere.invalid") == []
        assert send(endpoint="https://127.0.0.1:1") == ["resolved"]
        assert send(endpoint=f"https://127.0.0.1:{silent.getsockname()[1]}") == ["resolved", "connected"]
        assert send(ca_file=None) == ["resolved", "connected"]
        assert send() == list(STAGES)
        assert send(script=[sendgrid_error(401, "no")]) == ["resolved", "connected"]  # over the connection that is there
        assert send(script=[sendgrid_error(400, "bad address")]) == ["resolved", "connected", "authenticated"]
        assert send("webhook") == ["resolved", "connected", "accepted"]


# ---- accounts that cannot be used ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("provider,config,settings,words", [
    ("sendgrid", {}, None, "api_key"),
    ("sendgrid", {"api_key": "x"}, {}, "no sender address"),
    ("ses", {"region": "eu-central-1", "access_key_id": "x"}, None, "secret_access_key"),
    ("ses", {"region": "eu_central", "access_key_id": "x", "secret_access_key": "y"}, None, "can be signed"),
    ("sns", {"access_key_id": "x", "secret_access_key": "y"}, None, "region"),
    ("twilio", {"account_sid": "AC1"}, None, "auth_token"),
    ("twilio", {"account_sid": "AC1", "auth_token": "x"}, {}, "no sender"),
    ("slack", {}, {"slack_webhook_url": None}, "slack_webhook_url is not set"),
    ("webhook", {"url": "https://example.com"}, None, "no secret"),
    ("webhook", {"url": "https://example.com", "secret": "plain"}, None, "none of Standard Webhooks"),
])
def test_what_is_missing_is_named(sender, provider, config, settings, words):
    order = {} if settings is None else {"settings": settings}
    reply = sender.send(provider, config=config, **order)
    fault_of_settings = "sender" in words or "slack" in words
    assert reply["outcome"] == ("refused" if fault_of_settings else "paused") and words in reply["text"], reply


# ---- asked without a message --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("provider", CHECKED)
def test_an_account_is_asked_without_a_message(sender, provider):
    before = len(sender.peer.requests)
    reply = sender.send(provider, check=True)
    assert (reply["outcome"], reply["code"]) == ("sent", 200) and reply["text"], reply
    [request] = sender.peer.requests[before:]
    assert (request["problems"], request["is_check"]) == ([], True), request
    assert stages(reply)[-2:] == ["authenticated", "accepted"]


@pytest.mark.parametrize("provider,answer,outcome,words", [
    ("sendgrid", {"status": 200, "body": {"scopes": ["alerts.read"]}}, "paused", "not allowed to send mail"),
    ("sendgrid", {"status": 200, "body": "<html>"}, "paused", "not allowed to send mail"),
    ("sendgrid", sendgrid_error(401, "authorization required"), "paused", "authorization required"),
    ("sendgrid", 503, "retry", "503"),
    ("ses", {"status": 200, "body": {"SendingEnabled": False}}, "paused", "switched off"),
    ("ses", aws_json(403, "AccessDeniedException", "not authorized to perform: ses:GetAccount"), "sent", "ses:GetAccount"),
    ("ses", aws_json(403, "SignatureDoesNotMatch", "x"), "paused", "secret is wrong"),
    ("ses", aws_json(429, "TooManyRequestsException", "x"), "retry", "too many"),
    ("sns", aws_xml(403, "AuthorizationError", "not authorized to perform: SNS:GetSMSAttributes"), "sent", "GetSMSAttributes"),
    ("sns", aws_xml(403, "InvalidClientTokenId", "x"), "paused", "does not know the key"),
    ("twilio", {"status": 200, "body": {"status": "suspended"}}, "paused", "suspended"),
    ("twilio", {"status": 200, "body": {"status": "closed"}}, "paused", "closed"),
    ("twilio", {"status": 200, "body": "welcome"}, "paused", "not active"),
    ("twilio", twilio_error(401, 20003, "Authenticate"), "paused", "credentials"),
    ("twilio", twilio_error(404, 20404, "not found"), "paused", "no such account"),
])
def test_what_an_account_says(sender, provider, answer, outcome, words):
    sender.peer.script = [answer]
    reply = sender.send(provider, check=True)
    assert reply["outcome"] == outcome and words in reply["text"], reply
    assert sender.peer.requests[-1]["problems"] == []


@pytest.mark.parametrize("provider", CHECKED)
def test_an_account_that_is_not_complete_is_not_asked(sender, provider):
    assert sender.send(provider, check=True, config={})["outcome"] == "paused"


# ---- secrets ------------------------------------------------------------------------------------------------------------

def echoes(provider, request):
    """What a careless provider may say: the credentials as they came, at places where a cut would leave half of one."""
    secrets = [*secrets_of(provider), request["headers"].get("authorization", ""), "https://hooks.slack.com" + "".join(
        s for s in secrets_of(provider) if s.startswith("/services"))]
    for secret in filter(None, secrets):
        bare = secret.removeprefix("whsec_").removeprefix("Basic ").removeprefix("Bearer ")
        for padding in (0, 180, 230, 250):
            yield "x" * padding + bare + "y" * 50


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_secret_comes_back(sender, provider):
    _, request = send_well(sender, provider)
    forbidden = [CANARY, *(request["headers"][h].split(" ")[-1] for h in ("authorization",) if h in request["headers"]
                           and provider == "twilio")]
    forbidden += [s.removeprefix("whsec_")[:12] for s in secrets_of(provider) if s.startswith("whsec_")]
    for echo in echoes(provider, request):
        for status, answer in ((400, twilio_error(400, 21211, echo)), (400, aws_json(400, "MessageRejected", echo)),
                               (400, aws_xml(400, "InvalidParameter", echo)), (401, sendgrid_error(401, echo)),
                               (500, {"status": 500, "body": echo}),
                               (200, {"status": 200, "body": {"MessageId": echo, "sid": echo, "status": echo}}),
                               (202, {"status": 202, "headers": {"X-Message-Id": echo}, "body": echo})):
            sender.peer.script = [answer]
            reply = sender.send(provider)
            assert reply["code"] == status
            assert not [f for f in forbidden if f in json.dumps(reply)], (echo, reply)


@pytest.mark.parametrize("provider", ("sendgrid", "ses", "twilio"))
def test_a_message_id_is_plain(sender, provider):
    strange = "\u00e9 id\u0007" + "x" * 300
    sender.peer.script = [{"status": 202, "headers": {"X-Message-Id": "\u00e9 id" + "x" * 300},
                           "body": {"MessageId": strange, "sid": strange}}]
    reply = sender.send(provider)
    assert reply["outcome"] == "sent" and reply["message_id"].isascii() and len(reply["message_id"]) <= 255
    assert all(33 <= ord(c) <= 126 for c in reply["message_id"])
