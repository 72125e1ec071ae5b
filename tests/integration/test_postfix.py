"""Mail through a real Postfix that wants STARTTLS and a login, read back by the standard library's parser."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

from client import Org  # noqa: E402
from postfix_server import PostfixServer  # noqa: E402
from stacks import QUICK_RETRIES, running  # noqa: E402
from waiting import wait_until  # noqa: E402

PASSWORD = "canary of postfix"


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    with PostfixServer("acme", PASSWORD) as server:
        yield server


@pytest.fixture(scope="module", name="stack")
def fixture_stack(postfix):
    yield from running("postfix", conf_extra=f"{QUICK_RETRIES}[egress]\nca_file={postfix.ca_file}\n")


@pytest.fixture(name="org")
def fixture_org(stack, postfix):
    org = Org(stack, "postfix")
    answer = org.admin.put("/providers/smtp", {"config": {"host": "localhost", "port": postfix.port, "security": "starttls",
                                                          "username": "acme", "password": PASSWORD}})
    assert answer.status_code == 201, answer.text
    assert org.admin.put("/notification-settings", {"email_from_address": "hr@acme.example", "email_from_name": "Zoë \"HR\""}).ok
    return org


def mail_of(postfix, stack, an_id):
    return wait_until(f"the mail of {an_id}", lambda: [m for m in postfix.mails() if an_id in m["Message-ID"]], 15, stack)[0]


def test_an_event_arrives(postfix, stack, org):
    answer = org.admin.post("/notifications/events", {
        "event": "payroll", "recipients": [{"user_id": "ada", "email": "ada@example.org"}],
        "data": {"employee_name": "Ada\r\nBcc: eve@example.org", "period": "März <b>2026</b>"}})
    assert answer.status_code == 202, answer.text
    delivery = wait_until("the delivery", lambda: next(iter(org.admin.get(
        f"/deliveries?event_id={answer.json()['id']}&state=sent").json()["deliveries"]), None), 20, stack)
    mail = mail_of(postfix, stack, delivery["id"])
    assert not mail.defects and not any(part.defects for part in mail.walk())
    assert mail["Bcc"] is None and "eve@example.org" not in str(mail["To"])
    assert (mail["To"], mail["From"].addresses[0].addr_spec, mail["From"].addresses[0].display_name) == \
        ("ada@example.org", "hr@acme.example", 'Zoë "HR"')
    assert "März <b>2026</b>" in mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",))
    assert html is None or "<b>2026</b>" not in html.get_content(), "values are text"
    assert " with ESMTPSA " in mail["Received"].replace("\r\n", " ").replace("\t", " "), "encrypted and logged in"


def test_every_stage_is_told(org):
    answer = org.admin.post("/notification-settings/test-email", {"email": "x@example.org"})
    assert answer.json()["success"] is True, answer.text
    assert [(s["stage"], s["ok"]) for s in answer.json()["stages"]] == [
        (stage, True) for stage in ("resolved", "connected", "tls", "authenticated", "accepted")]
    answer = org.user().post("/providers/smtp/check", {"config": {"password": "wrong " + PASSWORD}})
    assert [(s["stage"], s["ok"]) for s in answer.json()["stages"]] == [
        ("resolved", True), ("connected", True), ("tls", True), ("authenticated", False)]
    assert "535" in answer.json()["error"] and PASSWORD not in answer.text
