"""email.send from the request to the wire: a scripted SMTP server stands where the organization's mail server would."""
import email
import email.policy
import os
import pathlib
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

import broker  # noqa: E402
import config  # noqa: E402
import database  # noqa: E402
from client import Org, faults  # noqa: E402
from conftest import QUICK_RETRIES, running  # noqa: E402
from smtp_peer import IMPLICIT, NO_TLS, STARTTLS, SmtpPeer  # noqa: E402
from waiting import wait_until  # noqa: E402

TO = "ada@example.org"
FROM = "noreply@bellman.example"


@pytest.fixture(scope="module", name="mail_stack")
def fixture_mail_stack():
    yield from running("mail", conf_extra=QUICK_RETRIES)


@pytest.fixture(name="org")
def fixture_org(mail_stack):
    return Org(mail_stack, "mail")


def reload_consumer(stack, extra):
    log = stack.log_dir / "consumer.log"
    before = log.read_text(encoding="utf-8").count('"config.reloaded"')
    stack.conf_extra = QUICK_RETRIES + extra
    config.write_bellman(stack)
    os.kill(stack.records()["consumer"]["pid"], signal.SIGHUP)
    wait_until("the consumer to read its configuration again",
               lambda: log.read_text(encoding="utf-8").count('"config.reloaded"') > before, 10, stack)


@pytest.fixture(name="server")
def fixture_server(mail_stack):
    """server(script, tls=..., credentials=...) starts a peer and points the consumer at it."""
    peers = []

    def start(script=None, tls=NO_TLS, credentials=None, login=None, trusted=True, timeout_s=10, **options):
        peer = SmtpPeer(script, tls, credentials, **options).start()
        peers.append(peer)
        user, password = login or credentials or ("", "")
        reload_consumer(mail_stack, f"[smtp]\nhost=localhost\nport={peer.port}\ntls={tls}\nuser={user}\npassword={password}\n"
                        f"ca_file={peer.ca_file if peer.ca_file and trusted else ''}\ntimeout_s={timeout_s}\n"
                        f"from_address={FROM}\nfrom_name=Bellman\n")
        return peer

    yield start
    for peer in peers:
        peer.stop()


def send(org, **members):
    payload = {"to": TO, "subject": "Hello", "text": "Good morning\n", **members.pop("payload", {})}
    return org.admin.create("email.send", payload, **members)["id"]


def parse(mail):
    return email.message_from_bytes(mail["data"], policy=email.policy.default)


def content(part):
    return part.get_content().replace("\r\n", "\n")


def outcomes(stack, org, job_id):
    return [a["outcome"] for a in database.attempts(stack, org.id).get(job_id, [])]


# ---- what arrives ---------------------------------------------------------------------------------------------------

def test_a_mail_arrives_as_it_was_meant(server, org):
    peer = server()
    text = "Zürich, 日本\r\n.\n..\n.hidden\nFrom the start\ntrailing blank \n" + "x" * 2000 + "\n=41 is not A\n"
    html = "<p>" + "Überstunden " * 3000 + "</p>"
    subject = "Gehaltsabrechnung für März: 3.000 € (Überstunden eingeschlossen), bitte prüfen"
    job = org.admin.wait_job(send(org, payload={"subject": subject, "text": text, "html": html}))
    assert job["status"] == "completed", job
    assert job["result"]["provider"] == "smtp"
    assert job["result"]["reply"] == "250 2.0.0 queued as mail-1"
    mail, = peer.mails
    assert (mail["mail_from"], mail["rcpt_to"]) == (FROM, [TO])
    assert all(len(line) <= 998 and b"\n" not in line and b"\r" not in line for line in mail["data"].split(b"\r\n"))
    message = parse(mail)
    assert not message.defects
    assert message["Subject"] == subject
    assert message["To"] == TO
    assert message["From"].addresses[0].addr_spec == FROM
    assert message["From"].addresses[0].display_name == "Bellman"
    assert message["Message-ID"] == f"<{job['id']}@bellman.example>" == job["result"]["message_id"]
    assert message["Date"].datetime.isoformat() == job["created_at"][:19] + "+00:00"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert rich.get_content_type() == "text/html"
    assert content(plain) == text.replace("\r\n", "\n")
    assert content(rich) == html + "\n"


@pytest.mark.parametrize("kind", ["text", "html"])
def test_one_body_is_enough(server, org, kind):
    peer = server()
    bodies = {"text": None, "html": None, kind: "<b>only this</b>"}
    assert org.admin.wait_job(send(org, payload=bodies))["status"] == "completed"
    part, = parse(peer.mails[0]).iter_parts()
    assert part.get_content_type() == ("text/plain" if kind == "text" else "text/html")
    assert content(part) == "<b>only this</b>\n"


def test_the_organization_is_the_sender(server, org, mail_stack):
    peer = server()
    assert org.admin.wait_job(send(org))["status"] == "completed"
    answer = org.admin.put("/notification-settings", {"email_from_address": "hr@acme.example",
                                                      "email_from_name": "Acme \"HR\", Zürich"})
    assert answer.status_code == 200, answer.text
    wait_until("the consumer to hear of new settings", lambda: newest_sender(peer, org) == "hr@acme.example", 10, mail_stack)
    message = parse(peer.mails[-1])
    assert message["From"].addresses[0].display_name == "Acme \"HR\", Zürich"
    assert message["Message-ID"].endswith("@acme.example>")


def newest_sender(peer, org):
    assert org.admin.wait_job(send(org))["status"] == "completed"
    return peer.mails[-1]["mail_from"]


def test_a_provider_that_is_not_there(server, org):
    peer = server()
    assert org.admin.put("/notification-settings", {"email_provider": "ses"}).status_code == 200
    job = org.admin.wait_job(send(org))
    assert (job["status"], job["cause"], job["attempt"]) == ("failed", "permanent", 1)
    assert "there is no account with ses" in job["error_message"]
    assert not peer.mails


# ---- TLS and credentials --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("tls", [STARTTLS, IMPLICIT])
def test_tls_and_login(server, org, tls, mechanism):
    peer = server(tls=tls, credentials=("bellman", "s e=cret"), mechanisms=(mechanism,))
    assert org.admin.wait_job(send(org))["status"] == "completed"
    assert peer.mails[0]["tls"] and peer.mails[0]["user"] == "bellman"


def test_a_wrong_password_waits_to_be_mended(server, org, mail_stack):
    peer = server(tls=STARTTLS, credentials=("bellman", "right"), login=("bellman", "wrong-one"))
    job_id = send(org, max_retries=50)
    job = wait_until("the failure to show", lambda: (lambda j: j["error_message"] and j)(org.admin.job(job_id)), 10, mail_stack)
    assert "535 5.7.8 credentials invalid" in job["error_message"]
    assert "does not accept us" in job["error_message"]
    reload_consumer(mail_stack, f"[smtp]\nhost=localhost\nport={peer.port}\ntls=starttls\nuser=bellman\npassword=right\n"
                    f"ca_file={peer.ca_file}\nfrom_address={FROM}\n")
    assert org.admin.wait_job(job_id)["status"] == "completed"
    assert len(peer.mails) == 1
    assert "wrong-one" not in (mail_stack.log_dir / "consumer.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["untrusted", "other name", "not offered"])
def test_tls_is_never_given_up(server, org, mail_stack, fault):
    if fault == "not offered":
        peer = server()
        reload_consumer(mail_stack, f"[smtp]\nhost=localhost\nport={peer.port}\ntls=starttls\nfrom_address={FROM}\n")
    else:
        peer = server(tls=STARTTLS, trusted=fault != "untrusted",
                      certificate_name="mail.example" if fault == "other name" else "localhost")
    job = org.admin.wait_job(send(org, max_retries=1))
    assert (job["status"], job["cause"], job["attempt"]) == ("failed", "exhausted", 2)
    assert not peer.mails
    assert not any(line.startswith("MAIL") for _, line in peer.commands)


# ---- replies --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data", "body"])
def test_try_later_is_tried_later(server, org, mail_stack, stage):
    peer = server({stage: ["451 4.3.0 not now", "421 4.3.2 not now either"]})
    job = org.admin.wait_job(send(org))
    assert (job["status"], job["retry_count"], job["attempt"]) == ("completed", 2, 3)
    assert outcomes(mail_stack, org, job["id"]) == ["failed", "failed", "completed"]
    errors = [a["error"] for a in database.attempts(mail_stack, org.id)[job["id"]]]
    assert "451 4.3.0 not now" in errors[0] and "421 4.3.2 not now either" in errors[1]
    assert len(peer.mails) == (3 if stage == "body" else 1)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body"])
def test_no_means_no(server, org, mail_stack, stage):
    peer = server({stage: "550 5.1.1 never"})
    job = org.admin.wait_job(send(org))
    assert (job["status"], job["cause"], job["retry_count"], job["attempt"]) == ("failed", "permanent", 0, 1)
    assert "550 5.1.1 never" in job["error_message"]
    assert peer.connections == 1
    assert len(broker.wait_dead_letters(mail_stack, {job["id"]})) == 1


def test_a_reply_lost_after_the_mail_repeats_the_same_mail(server, org):
    peer = server({"body": ["close", "reset"]})
    job = org.admin.wait_job(send(org))
    assert (job["status"], job["attempt"]) == ("completed", 3)
    first, *others = [parse(m) for m in peer.mails]
    assert len(others) == 2
    for other in others:
        assert (other["Message-ID"], other["Date"]) == (first["Message-ID"], first["Date"])


def test_a_server_that_says_nothing_ends_in_a_timeout(server, org):
    server({"rcpt": ["stall"]}, timeout_s=1)
    job = org.admin.wait_job(send(org))
    assert (job["status"], job["attempt"]) == ("completed", 2)


def test_a_strange_reply_is_kept_readable(server, org):
    server({"rcpt": "550-5.1.1 \x1b[31mno\x07\n550 5.1.1 caf\udce9 " + "z" * 900})
    job = org.admin.wait_job(send(org))
    assert job["status"] == "failed"
    assert "\x1b" not in job["error_message"] and "\x07" not in job["error_message"]
    assert "caf" in job["error_message"]


# ---- cancel, timeout, connections -----------------------------------------------------------------------------------

@pytest.mark.parametrize("stage", ["connect", "data", "body"])
def test_a_mail_under_way_is_cancelled(server, org, stage):
    peer = server({stage: "stall"}, timeout_s=60)
    job_id = send(org)
    peer.wait_for(lambda p: p.connections > 0 if stage == "connect" else any(c[1] == "DATA" for c in p.commands))
    began = time.monotonic()
    assert org.admin.cancel(job_id).status_code in (200, 202)
    assert org.admin.wait_job(job_id)["status"] == "cancelled"
    assert time.monotonic() - began < 5


def test_a_job_timeout_ends_the_dialogue(server, org):
    server({"mail": "stall"}, timeout_s=60)
    job = org.admin.wait_job(send(org, timeout_s=1, max_retries=0))
    assert (job["status"], job["cause"]) == ("failed", "exhausted")
    assert "timeout of 1 s" in job["error_message"]


def test_many_mails_share_connections(server, org):
    peer = server(mails_per_connection=20)
    bodies = [{"job_type": "email.send", "payload": {"to": f"u{i}@example.org", "subject": f"mail {i}", "text": "t"}}
              for i in range(300)]
    made = org.create_many(bodies)
    database.wait_all_final(org.stack, org.id, 60)
    jobs, _ = database.check_invariants(org.stack, org.id, [m["id"] for m in made])
    assert {(j["status"], j["attempt"]) for j in jobs.values()} == {("completed", 1)}
    assert sorted(m["rcpt_to"][0] for m in peer.mails) == sorted(f"u{i}@example.org" for i in range(300))
    assert peer.connections < 150


# ---- what never gets that far ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("member, text", [
    ("to", "ada@example.org\r\nRCPT TO:<eve@example.org>"), ("to", "ada@example.org, eve@example.org"), ("to", "<ada@example.org>"),
    ("to", "ada@example.org>"), ("to", "ada"), ("to", "ada@exämple.org"),
    ("subject", "Hello\r\nBcc: eve@example.org"), ("subject", "Hello\nBcc: eve@example.org"), ("subject", "Hello\rBcc: eve@example.org"),
    ("subject", "Hello\u0085Bcc: eve@example.org"), ("subject", ""), ("subject", "x" * 201),
])
def test_headers_cannot_be_injected(org, member, text):
    payload = {"to": TO, "subject": "Hello", "text": "t", member: text}
    answer = org.admin.post("/background-jobs", {"job_type": "email.send", "payload": payload})
    assert f"/payload/{member}" in faults(answer)


def test_a_mail_needs_a_body(org):
    answer = org.admin.post("/background-jobs", {"job_type": "email.send", "payload": {"to": TO, "subject": "s"}})
    assert faults(answer) == {"/payload": "required"}


# ---- test-email -----------------------------------------------------------------------------------------------------

def test_the_test_mail_tells_what_the_server_said(server, org):
    peer = server({"rcpt": [None, "550 5.1.1 no such user"]})
    good = org.admin.post("/notification-settings/test-email", {"email": TO})
    assert good.status_code == 200 and good.json()["success"] is True, good.text
    assert "queued as mail-1" in good.text
    assert peer.mails[0]["rcpt_to"] == [TO]
    bad = org.admin.post("/notification-settings/test-email", {"email": TO})
    assert bad.status_code == 200 and bad.json()["success"] is False, bad.text
    assert "550 5.1.1 no such user" in bad.json()["error"]
