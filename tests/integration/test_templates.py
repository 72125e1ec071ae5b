"""The words of messages: whose template serves whom, what is refused, and what hostile data becomes in a mail."""
import re
from html.parser import HTMLParser

import database
import pytest
from client import Org, faults
from test_events import ADA, mails, set_settings, tell, wait_states

TEMPLATES = "/notification-templates"
PAYROLL = f"{TEMPLATES}/payroll.email"


def put(org, key, status=None, headers=None, **texts):
    answer = org.admin.put(f"{TEMPLATES}/{key}", texts, headers=headers)
    assert answer.status_code in ((200, 201) if status is None else (status,)), answer.text
    return answer


def delete(org, path, **options):
    return org.admin.call("DELETE", path, **options)


def preview(org, event, channel, **members):
    answer = org.admin.post(f"{TEMPLATES}/preview", {"event": event, "channel": channel, **members})
    assert answer.status_code == 200, answer.text
    return answer.json()


def mail_of(stack, org, **members):
    event = tell(org, **members)
    [delivery] = wait_states(org, event, "sent")
    [mail] = mails(stack, delivery)
    return mail


def part(mail, kind):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


class Page(HTMLParser):
    """What a reader would see, and which elements and addresses there are."""
    def __init__(self, source):
        super().__init__()
        self.tags, self.links, self.shown = [], [], []
        self.feed(source)
        self.text = "".join(self.shown)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.shown.append(data)


# --- which one -------------------------------------------------------------------------------------------------------

def test_the_list_has_the_products_until_there_is_an_own(org):
    before = org.admin.get(TEMPLATES).json()["templates"]
    assert {t["source"] for t in before} == {"default"}
    names = [t["template"] for t in before]
    assert names == sorted(names) and {"payroll.email", "payroll.email.de", "alert.slack", "digest.email"} <= set(names)
    put(org, "payroll.email", 201, subject="Own", text="Own")
    put(org, "payroll.email.fr", 201, subject="À nous", text="À nous")
    after = {t["template"]: t for t in org.admin.get(TEMPLATES).json()["templates"]}
    assert set(after) == set(names) | {"payroll.email.fr"}
    assert {name for name, t in after.items() if t["source"] == "organization"} == {"payroll.email", "payroll.email.fr"}
    assert after["payroll.email"]["subject"] == "Own" and "text" not in after["payroll.email"]
    assert after["payroll.email"]["updated_by"] == "admin" and after["payroll.email.de"]["updated_by"] is None


def test_one_shows_the_products_beside_it_and_what_it_may_name(org):
    default = org.admin.get(PAYROLL).json()
    assert default["source"] == "default" and default["created_at"] is None
    assert default["default"] == {name: default[name] for name in ("subject", "text", "html")}
    assert {"period", "recipient", "organization"} <= {f["name"] for f in default["fields"]}
    own = put(org, "payroll.email", 201, subject="Own {{period}}", text="Own")
    assert own.headers["Location"].endswith("/notification-templates/payroll.email")
    assert own.json()["default"] == default["default"] and own.json()["html"] is None
    assert org.admin.get(PAYROLL).json() == own.json()


@pytest.mark.parametrize("locale, subject", [
    ("de-CH", "[de-CH]"), ("de-ch", "[de-CH]"), ("de-AT", "[de]"), ("de", "[de]"), ("fr-CA", "[any]"), (None, "[any]"),
])
def test_the_nearest_locale_serves(org, locale, subject):
    for name in ("", ".de", ".de-CH"):
        put(org, f"payroll.email{name}", subject=f"[{name[1:] or 'any'}]", text="x")
    assert preview(org, "payroll", "email", locale=locale)["subject"] == subject


def test_the_products_serve_where_there_is_no_own(stack, org):
    assert "Gehaltsabrechnung" in preview(org, "payroll", "email", locale="de-CH")["subject"]
    assert preview(org, "payroll", "email", locale="fr")["subject"] == "Payroll for November 2026"
    mail = mail_of(stack, org, data={"period": "Mai 2027"})  # Ada reads de-CH
    assert mail["Subject"] == "Gehaltsabrechnung für Mai 2027"
    assert "Zeitraum: Mai 2027" in part(mail, "plain") and "Mai 2027" in Page(part(mail, "html")).text


def test_an_own_one_is_in_the_next_mail_and_gone_when_deleted(stack, org):
    put(org, "payroll.email", 201, subject="{{organization}}: {{period}}", text="Hello {{recipient}}\n",
        html="<p>Hello <b>{{recipient}}</b></p>")
    mail = mail_of(stack, org, data={"period": "May"})
    assert mail["Subject"] == f"{org.id}: May"
    assert part(mail, "plain").strip() == "Hello ada" and "<b>ada</b>" in part(mail, "html")
    assert delete(org, PAYROLL).status_code == 204
    assert delete(org, PAYROLL).status_code == 404
    assert "Gehaltsabrechnung" in mail_of(stack, org)["Subject"]


def test_others_do_not_see_or_get_it(stack, org):
    other = Org(stack, "other")
    put(org, "payroll.email", subject="Ours", text="Ours")
    assert other.admin.get(PAYROLL).json()["source"] == "default"
    assert delete(other, PAYROLL).status_code == 404
    put(other, "payroll.email", 201, subject="Theirs", text="Theirs")
    assert org.admin.get(PAYROLL).json()["subject"] == "Ours"
    assert mail_of(stack, other)["Subject"] == "Theirs" and mail_of(stack, org)["Subject"] == "Ours"


def test_a_digest_lists_the_subjects_of_its_mails(stack, org):
    put(org, "payroll.email", subject="<Pay> {{period}}", text="x")
    set_settings(org, digest_enabled=True, digest_frequency="hourly")
    plain = {**ADA, "locale": None}
    events = [tell(org, recipients=[plain], data={"period": f"week {i}\r\nX: y"}) for i in range(2)]
    held = [wait_states(org, event, "held")[0] for event in events]
    digest = org.admin.get(f"/deliveries/{held[0]['digest_id']}").json()
    database.make_due(stack, digest["job_id"])
    wait_states(org, events[0], "sent")
    [mail] = mails(stack, digest)
    assert mail["Subject"] == f"{org.id}: your digest (2)" and mail["X"] is None
    for i in range(2):
        assert f"<Pay> week {i} X: y" in part(mail, "plain")
        assert f"<Pay> week {i} X: y" in Page(part(mail, "html")).text


# --- changes ---------------------------------------------------------------------------------------------------------

def test_if_match_guards_changes(org):
    default_tag = org.admin.get(PAYROLL).headers["ETag"]
    made = put(org, "payroll.email", 201, {"If-Match": default_tag}, subject="1", text="1")
    put(org, "payroll.email", 412, {"If-Match": default_tag}, subject="2", text="2")
    changed = put(org, "payroll.email", 200, {"If-Match": made.headers["ETag"]}, subject="2", text="2")
    assert changed.headers["ETag"] != made.headers["ETag"]
    stale = delete(org, PAYROLL, headers={"If-Match": made.headers["ETag"]})
    assert stale.status_code == 412 and stale.headers["ETag"] == changed.headers["ETag"]
    same = put(org, "payroll.email", 200, subject="2", text="2")
    assert same.headers["ETag"] == changed.headers["ETag"]
    assert delete(org, PAYROLL, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    again = put(org, "payroll.email", 201, subject="1", text="1")
    assert again.headers["ETag"] not in (made.headers["ETag"], changed.headers["ETag"])
    put(org, "payroll.email.fr", 412, {"If-Match": "*"}, subject="1", text="1")


def test_changes_are_audited(org):
    put(org, "payroll.email.de-ch", subject="A", text="B")
    put(org, "payroll.email.de-CH", subject="C", text="B")
    delete(org, f"{TEMPLATES}/payroll.email.de-CH")
    rows = database.rows(org.stack, "SELECT action, subject, actor, changes FROM audit_log WHERE organization_id = %s"
                         " AND action LIKE 'template.%%' ORDER BY id", org.id)
    assert [(r["action"], r["subject"], r["actor"]) for r in rows] == [
        (action, "payroll.email.de-CH", "admin") for action in ("template.put", "template.put", "template.delete")]
    assert '"subject":{"from":"A","to":"C"}' in rows[1]["changes"] and '"text"' not in rows[1]["changes"]


@pytest.mark.parametrize("key", ["payroll", "party.email", "payroll.pigeon", "payroll.webhook", "payroll.slack",
                                 "digest.sms", "payroll.email.", "payroll.email.d", "payroll.email.de_CH",
                                 "payroll.email.de.CH", "payroll.email.averylongsubtag"])
def test_there_are_no_such_templates(org, key):
    for answer in (org.admin.get(f"{TEMPLATES}/{key}"),
                   org.admin.put(f"{TEMPLATES}/{key}", {"subject": "x", "text": "x"}),
                   delete(org, f"{TEMPLATES}/{key}")):
        assert answer.status_code == 404, answer.text


def test_what_has_no_template_is_not_found(org):
    assert org.admin.get(f"{TEMPLATES}/payroll.email.fr").status_code == 404


WRONG = [
    ("payroll.email", {"subject": "{{salary}}", "text": "x"}, "/subject", "unknown_field", "1:1: salary "),
    ("payroll.email", {"subject": "x", "text": "Hello\n{{#title}}x{{/title}}"}, "/text", "unknown_field", "2:1: title "),
    ("payroll.email", {"subject": "x", "text": "x", "html": "<p>{{items}}</p>"}, "/html", "unknown_field", "1:4: "),
    ("payroll.email", {"subject": "x", "text": "x\n {{period"}, "/text", "syntax", "2:2: "),
    ("payroll.email", {"subject": "x", "text": "{{#period}}"}, "/text", "syntax", "1:1: "),
    ("payroll.email", {"subject": "x", "text": "{{{period}}}"}, "/text", "syntax", "1:1: "),
    ("payroll.email", {"subject": "x", "text": "x", "html": "<a href=\"{{message}}\">"}, "/html", "syntax", "1:10: "),
    ("payroll.email", {"subject": "x", "text": "x", "html": "<script>{{message}}</script>"}, "/html", "syntax", "1:9: "),
    ("payroll.email", {"text": "x"}, "/subject", "required", ""),
    ("payroll.email", {"subject": "x"}, "/text", "required", ""),
    ("payroll.email", {"subject": "a\nb", "text": "x"}, "/subject", "format", ""),
    ("payroll.email", {"subject": "x" * 401, "text": "x"}, "/subject", "length", ""),
    ("payroll.email", {"subject": "x", "text": "x" * 20001}, "/text", "length", ""),
    ("payroll.email", {"subject": "x", "text": "x", "title": "x"}, "/title", "unknown_field", ""),
    ("payroll.sms", {"subject": "x", "text": "x"}, "/subject", "not_allowed", ""),
    ("alert.slack", {"html": "x", "text": "x"}, "/html", "not_allowed", ""),
]


@pytest.mark.parametrize("key, body, pointer, code, detail", WRONG)
def test_wrong_templates_are_refused(org, key, body, pointer, code, detail):
    answer = org.admin.put(f"{TEMPLATES}/{key}", body)
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in [(f["pointer"], f["code"]) for f in answer.json()["errors"]]
    assert any(f["detail"].startswith(detail) for f in answer.json()["errors"] if f["pointer"] == pointer), answer.text
    assert org.admin.get(f"{TEMPLATES}/{key}").json()["source"] == "default"


def test_a_template_that_cannot_be_read_fails_the_delivery_with_its_cause(stack, org):
    put(org, "payroll.email", subject="x", text="x")
    database.rows(stack, "UPDATE notification_templates SET text = 'a\n{{#b' WHERE organization_id = %s", org.id)
    event = tell(org)
    [failed] = wait_states(org, event, "failed")
    assert "template's text cannot be read: 2:1: " in failed["error_message"]


def test_an_organization_has_so_many_templates_and_no_more(stack, org):
    put(org, "payroll.email.aa", subject="x", text="x")
    database.rows(stack, "INSERT INTO notification_templates (organization_id, event, channel, locale, text, created_at,"
                 " updated_at) SELECT %s, 'payroll', 'sms', CONCAT('aa-', seq), 'x', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)"
                 " FROM seq_1_to_499", org.id)
    assert put(org, "payroll.email.ab", 409, subject="x", text="x").json()["code"] == "too_many"
    put(org, "payroll.email.aa", 200, subject="y", text="y")
    assert len(org.admin.get(TEMPLATES).json()["templates"]) > 500


# --- trying out ------------------------------------------------------------------------------------------------------

def test_a_preview_renders_what_is_given_with_what_is_given(org):
    shown = preview(org, "payroll", "email", subject="S {{period}}", html=None, data={"period": "<May>"})
    assert shown["subject"] == "S <May>" and shown["html"] is None and "<May>" in shown["text"]
    assert shown["source"] == "default" and shown["locale"] == "" and shown["sms"] is None
    assert org.admin.get(PAYROLL).json()["source"] == "default"
    shown = preview(org, "payroll", "email", html="<p>{{period}}</p>", data={"period": "<May>"})
    assert shown["html"] == "<p>&lt;May&gt;</p>"


def test_a_sample_has_every_field(org):
    for t in org.admin.get(TEMPLATES).json()["templates"]:
        fields = [f["name"] for f in org.admin.get(f"{TEMPLATES}/{t['template']}").json()["fields"]]
        plain = [name for name in fields if "." not in name and name not in ("items", "more", "critical", "recipient")]
        text = "".join(f"{{{{^{name}}}}}{name} {{{{/{name}}}}}" for name in plain)
        shown = preview(org, t["event"], t["channel"], locale=t["locale"], text=text or "x")
        assert shown["text"] == t["event"], shown  # nothing is missing, and no message is empty


@pytest.mark.parametrize("text, data, encoding, segments", [
    ("{{period}}", "x" * 160, "gsm-7", 1), ("{{period}}", "x" * 161, "gsm-7", 2), ("{{period}}", "€" * 80, "gsm-7", 1),
    ("{{period}}", "€" * 81, "gsm-7", 2), ("{{period}}", "я" * 70, "ucs-2", 1), ("{{period}}", "я" * 71, "ucs-2", 2),
    ("{{period}}", "x" * 5000, "gsm-7", 4), ("{{period}}", "😀" * 2000, "ucs-2", 4),
])
def test_text_messages_are_measured_and_capped(org, text, data, encoding, segments):
    shown = preview(org, "payroll", "sms", text=text, data={"period": data})
    assert (shown["sms"]["encoding"], shown["sms"]["segments"]) == (encoding, segments)
    assert shown["subject"] is None and (shown["text"] == data or shown["text"].endswith("..."))


def test_slack_values_mention_nobody(org):
    shown = preview(org, "alert", "slack", data={"title": "<!channel> & <@U1>", "url": "javascript:alert(1)"})
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in shown["text"] and "<" not in shown["text"]
    shown = preview(org, "alert", "slack", data={"title": "x", "url": "https://a.example/|<!here>"})
    assert "<https://a.example/%7C%3C!here%3E|Open>" in shown["text"]


@pytest.mark.parametrize("body, pointer", [
    ({"event": "party", "channel": "email"}, "/event"), ({"event": "payroll", "channel": "webhook"}, "/channel"),
    ({"event": "payroll", "channel": "slack"}, "/channel"), ({"event": "payroll"}, "/channel"),
    ({"event": "payroll", "channel": "email", "locale": "d!"}, "/locale"),
    ({"event": "payroll", "channel": "email", "text": "{{x"}, "/text"),
    ({"event": "payroll", "channel": "email", "text": None}, "/text"),
    ({"event": "payroll", "channel": "email", "html": "{{nope}}"}, "/html"),
    ({"event": "payroll", "channel": "email", "data": {"period": []}}, "/data/period"),
    ({"event": "payroll", "channel": "email", "data": 1}, "/data"),
])
def test_wrong_previews_say_so(org, body, pointer):
    answer = org.admin.post(f"{TEMPLATES}/preview", body)
    assert answer.status_code == 422 and pointer in faults(answer), answer.text


def test_validation_says_what_a_put_would(org):
    for key, body, pointer, code, _ in WRONG:
        event, channel = key.split(".")
        if code in ("format", "length") or pointer == "/title":
            continue
        answer = org.admin.post(f"{TEMPLATES}/validate", {"event": event, "channel": channel, **body})
        assert answer.status_code == 200, answer.text
        assert not answer.json()["valid"], body
        assert (pointer, code) in [(f["pointer"], f["code"]) for f in answer.json()["errors"]]
    good = org.admin.post(f"{TEMPLATES}/validate", {"event": "payroll", "channel": "sms", "text": "{{period}}"})
    assert good.json() == {"valid": True, "errors": []}


# --- hostile data ----------------------------------------------------------------------------------------------------

HOSTILE = [
    "x\r\nBcc: evil@example.com", "x\nContent-Type: text/html\n\n<b>", "x\r\n\r\n--boundary\r\n\r\nbody", "\r\n.\r\nRCPT",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "a & b &lt; &#60;",
    "{{message}}{{#url}}", "=?utf-8?q?=0d=0aBcc:x?=", "\u202egnp.exe\u2066", "\u2028Bcc: x", "é\U0001F600", "%s%n",
    "x" * 5000,
]


def as_text(value):
    """Without what is never shown: direction overrides, and what kind of blank or line break it is."""
    return re.sub(r"\s+", " ", re.sub("[\u202a-\u202e\u2066-\u2069\ufeff]", "", value)).strip()


@pytest.mark.parametrize("n", range(len(HOSTILE)))
def test_hostile_values_arrive_as_text(stack, org, n):
    value = HOSTILE[n]
    fields = ["employee_name", "period", "pay_date", "amount", "currency", "message"]
    text = "".join(f"[{{{{{name}}}}}]\n" for name in fields)
    html = "".join(f"<p title=\"{{{{{name}}}}}\">[{{{{{name}}}}}]</p>\n" for name in fields)
    put(org, "payroll.email", subject="[{{period}}]", text=text + "{{#url}}{{url}}{{/url}}",
        html=html + "<a href=\"{{url}}\">x</a><a href=\"https://ok.example/?q={{message}}\">y</a>")
    mail = mail_of(stack, org, data={**{name: value for name in fields}, "url": "javascript:" + value[:4000]})
    assert mail.get_all("Bcc") is None and mail.get_all("To") == ["ada@example.com"]
    assert [p.get_content_type() for p in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    if len(value) < 500:
        assert as_text(mail["Subject"]) == as_text(f"[{value}]")
    else:
        assert mail["Subject"].endswith("\u2026") and len(mail["Subject"]) <= 600
    assert as_text(part(mail, "plain")) == as_text(f"[{value}] " * len(fields))
    page = Page(part(mail, "html"))
    assert as_text(page.text) == as_text(f"[{value}] " * len(fields) + "xy")
    assert set(page.tags) == {"p", "a"}
    assert page.links[0] == "" and re.fullmatch(r"https://ok\.example/\?q=[A-Za-z0-9._~%-]*", page.links[1])
    assert "\u202e" not in part(mail, "plain") + part(mail, "html") + mail["Subject"]
