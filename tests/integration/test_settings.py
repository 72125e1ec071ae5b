"""Notification settings over HTTP: each field's rules, partial update, versions, secrets, audit."""
import json
import threading

import pytest

import database
from client import Org, faults

PATH = "/notification-settings"
MASK = "********"
WEBHOOK = "https://hooks.slack.com/services/T0001/B0001/abcDEF123"
READ_ONLY = ["id", "organization_id", "created_by", "updated_by", "created_at", "updated_at"]
SWITCHES = {"email_enabled": True, "email_on_employee_created": True, "email_on_leave_request": True,
            "email_on_payroll": True, "email_on_alert": True, "sms_enabled": False, "sms_on_leave_approval": False,
            "sms_on_payroll": False, "sms_on_alert": False, "slack_enabled": False, "slack_on_critical_alert": False,
            "digest_enabled": False, "dnd_enabled": False}
CHOICES = {"email_provider": ["smtp", "sendgrid", "ses"], "sms_provider": ["twilio", "sns"],
           "digest_frequency": ["hourly", "daily", "weekly"]}
DEFAULTS = {**SWITCHES, "email_provider": "smtp", "email_from_address": None, "email_from_name": None,
            "sms_provider": "twilio", "sms_from_number": None, "slack_webhook_url": None, "slack_channel": None,
            "digest_frequency": "daily", "digest_time": "09:00", "quiet_hours_start": None, "quiet_hours_end": None,
            "timezone": "UTC", "custom_settings": {}}

# What must go with a field for its good value to be taken.
WITH = {("sms_enabled", True): {"sms_from_number": "+14155550100"}, ("slack_enabled", True): {"slack_webhook_url": WEBHOOK}}

LABEL = "x" * 63
GOOD = {
    "email_from_address": ["a@example.com", "first.last+tag@mail.example.co.uk", "\"quoted local\"@example.com",
                           "o'brien@example.org", "a" * 64 + "@example.com", f"a@{LABEL}.example", "A_b-c@x1.io"],
    "email_from_name": ["Payroll", "Zoë Ünïcode 日本", "x" * 100, "ü" * 100, "a, b <c>", "x"],
    "sms_from_number": ["+14155550123", "+999999999999999", "+4930123456"],
    "slack_webhook_url": [WEBHOOK, "https://hooks.slack-gov.com/services/T0001/B0001/x"],
    "slack_channel": ["#alerts", "x" * 80, "C012345", "Ä"],
    "digest_time": ["00:00", "23:59", "09:30"],
    "timezone": ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+5"],
    "custom_settings": [{}, {"a": {"b": [1, 2.5, None, True, "ü"]}}, {"big": "x" * 65000}],
}
BAD = {
    "email_from_address": [("", "format"), ("a", "format"), ("a@", "format"), ("@b.com", "format"), ("a@b", "format"),
                           ("a b@c.de", "format"), ("a@b..com", "format"), ("a@-b.com", "format"), ("a@b-.com", "format"),
                           ("a@b.com\n", "format"), ("a@b.com\r\nBcc: x@y.de", "format"), ("é@b.com", "format"),
                           ("a@é.com", "format"), ("a" * 65 + "@b.com", "format"), ("a@[127.0.0.1]", "format"),
                           ("a@1.2.3.4", "format"), ("a..b@c.de", "format"), (".a@c.de", "format"), ("a.@c.de", "format"),
                           ("a@b.com, c@d.com", "format"), ("Name <a@b.com>", "format"), ("a@b.com ", "format"),
                           (f"a@x{LABEL}.com", "format"), ("a@" + f"{LABEL}." * 4 + "com", None), (5, "type"), ([], "type"),
                           ({}, "type"), (True, "type")],
    "email_from_name": [("", "length"), ("x" * 101, "length"), ("a\nb", "format"), ("a\r\nBcc: x@y.de", "format"),
                        ("a\tb", "format"), ("a\u0085b", "format"), ("a\u007fb", "format"), (5, "type"), (["a"], "type")],
    "sms_from_number": [("14155550123", "format"), ("+04155550123", "format"), ("+9999999999999999", "format"),
                        ("+1 415 555", "format"), ("", "format"), ("+", "format"), ("+1", "format"), ("+1415555o123", "format"),
                        ("+14155550123\n", "format"), ("00491234567", "format"), (4155550123, "type")],
    "slack_webhook_url": [("http://hooks.slack.com/services/T0001/B0001/abc", "format"), ("", "format"),
                          ("https://hooks.slack.com/", "format"), ("https://hooks.slack.com/services/T0001/B0001/", "format"),
                          ("https://hooks.slack.com.evil.com/services/T0001/B0001/abc", "format"),
                          ("https://evil.com/hooks.slack.com/services/T0001/B0001/abc", "format"),
                          ("https://hooks.slack.com@evil.com/services/T0001/B0001/abc", "format"),
                          ("https://hooks.slack.com:8443/services/T0001/B0001/abc", "format"),
                          ("https://hooks.slack.com/services/T0001/B0001/abc?x=1", "format"),
                          ("https://hooks.slack.com/services/T0001/B0001/abc#x", "format"),
                          ("https://hooks.slack.com/services/../T0001/B0001/abc", "format"),
                          ("HTTPS://HOOKS.SLACK.COM/services/T0001/B0001/abc", "format"),
                          ("https://hooks.slack.com/services/T0001/B0001/a b", "format"),
                          ("https://hooks.slack.com/services/T0001/B0001/" + "x" * 300, "format"),
                          ("https://127.0.0.1/services/T0001/B0001/abc", "format"), (MASK, "masked"), (5, "type")],
    "slack_channel": [("", "length"), ("x" * 81, "length"), ("a\nb", "format"), ("a\u0000b", None), (5, "type")],
    "digest_time": [("24:00", "format"), ("9:00", "format"), ("09:60", "format"), ("0900", "format"), ("", "format"),
                    ("09:00:00", "format"), ("09:0a", "format"), ("-9:00", "format"), (" 9:00", "format"), (900, "type")],
    "timezone": [("Mars/Phobos", "format"), ("", "format"), ("europe/paris", "format"), ("../../etc/passwd", "format"),
                 ("+05", "format"), ("Europe/", "format"), ("AAA3", "format"), ("Europe/Paris\n", "format"),
                 ("/etc/localtime", "format"), ("Europe/../Europe/Paris", "format"), ("x" * 65, "format"), (5, "type")],
    "custom_settings": [([], "type"), ("{}", "type"), (5, "type"), ({"big": "x" * 66000}, "length")],
}
BAD_SWITCH = ["true", 1, 0, "", [], {}, 1.5]


def good_cases():
    for field in SWITCHES:
        yield from ((field, value) for value in (True, False))
    for field, choices in CHOICES.items():
        yield from ((field, value) for value in choices)
    for field, values in GOOD.items():
        yield from ((field, value) for value in values)


def bad_cases():
    for field in SWITCHES:
        yield from ((field, value, "type") for value in BAD_SWITCH)
    for field, choices in CHOICES.items():
        yield from ((field, value, "choice") for value in ("", "nobody", choices[0].upper(), choices[0] + " "))
        yield from ((field, value, "type") for value in (1, True, [choices[0]], {}))
    for field, values in BAD.items():
        yield from ((field, value, code) for value, code in values)
    for field in ("quiet_hours_start", "quiet_hours_end"):
        yield from ((field, value, code) for value, code in BAD["digest_time"])
    for field in READ_ONLY:
        yield from ((field, value, "read_only") for value in ("x", 5))


def name_of(value):
    return json.dumps(value, ensure_ascii=True)[:40]


class Users:
    """Users of one organization, each good for a number of changes within the limit."""

    def __init__(self, org):
        self.org = org
        self.left = 0
        self.current = None

    def user(self):
        if self.left == 0:
            self.current, self.left = self.org.user(), 15
        self.left -= 1
        return self.current


@pytest.fixture(scope="module")
def shared(stack):
    """For the tables: one organization, and users who do not meet the limit."""
    return Users(Org(stack, "settings"))


def test_the_32_columns(org):
    answer = org.admin.get(PATH)
    assert answer.status_code == 200
    settings = answer.json()
    assert {name: settings[name] for name in DEFAULTS} == DEFAULTS
    assert settings["organization_id"] == org.id and settings["created_by"] == "admin"
    columns = [r["c"] for r in database.rows(
        org.stack, "SELECT column_name AS c FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND table_name = 'notification_settings' ORDER BY ordinal_position")]
    assert len(settings) == 32 and list(settings) == columns[:32]
    assert columns[32:] == ["version"]
    assert set(settings) == {*DEFAULTS, *READ_ONLY}
    tested = {c[0] for c in good_cases()} | {"quiet_hours_start", "quiet_hours_end"}
    assert tested == set(DEFAULTS), "each field has its good values"
    assert {c[0] for c in bad_cases()} == set(settings), "and its bad ones"


def test_first_sight_makes_one_row(org):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(org.admin.get(PATH))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status_code for a in answers] == [200] * 8
    assert len({a.json()["id"] for a in answers}) == 1
    assert database.value(org.stack, "SELECT COUNT(*) FROM notification_settings WHERE organization_id = %s", org.id) == 1


@pytest.mark.parametrize("field,value", list(good_cases()), ids=lambda v: v if isinstance(v, str) and v in DEFAULTS else name_of(v))
def test_good_values(shared, field, value):
    user = shared.user()
    answer = user.put(PATH, {field: value, **WITH.get((field, value) if isinstance(value, bool) else (), {})})
    assert answer.status_code == 200, answer.text
    shown = user.get(PATH).json()
    assert answer.json() == shown
    if field == "custom_settings":
        assert all(shown[field][name] == inner for name, inner in value.items())
    else:
        assert shown[field] == (MASK if field == "slack_webhook_url" else value)


@pytest.mark.parametrize("field,value,code", list(bad_cases()), ids=lambda v: v if isinstance(v, str) and v in DEFAULTS else name_of(v))
def test_bad_values(shared, field, value, code):
    user = shared.user()
    before = user.get(PATH)
    answer = user.put(PATH, {field: value, "slack_channel": "#must-not-stay"} if field != "slack_channel" else {field: value})
    if isinstance(value, str) and "\0" in value:
        assert answer.status_code == 400
    else:
        found = faults(answer)
        assert list(found) == [f"/{field}"]
        assert code is None or found[f"/{field}"] == code, answer.text
        assert all(fault["detail"] for fault in answer.json()["errors"])
    after = user.get(PATH)
    assert after.json() == before.json() and after.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize("field", ["version", "nothing", "Email_enabled", "", "email_enabled ", "__proto__"])
def test_unknown_fields(shared, field):
    assert faults(shared.user().put(PATH, {field: 1})) in ({f"/{field}": "unknown_field"}, {f"/{field}": "read_only"})


def test_every_fault_is_told(org):
    found = faults(org.admin.put(PATH, {"email_enabled": 1, "email_provider": "x", "sms_from_number": "1", "timezone": "x",
                                        "id": "x", "nothing": 1, "digest_time": "late", "custom_settings": []}))
    assert found == {"/email_enabled": "type", "/email_provider": "choice", "/sms_from_number": "format",
                     "/timezone": "format", "/id": "read_only", "/nothing": "unknown_field", "/digest_time": "format",
                     "/custom_settings": "type"}


def test_partial_update_keeps_the_rest(org):
    org.admin.put(PATH, {"email_from_name": "Payroll", "timezone": "Europe/Berlin"})
    answer = org.admin.put(PATH, {"digest_enabled": True})
    assert answer.status_code == 200
    expected = {**DEFAULTS, "email_from_name": "Payroll", "timezone": "Europe/Berlin", "digest_enabled": True}
    assert {name: answer.json()[name] for name in DEFAULTS} == expected
    answer = org.admin.put(PATH, {})
    assert answer.status_code == 200 and {name: answer.json()[name] for name in DEFAULTS} == expected


def test_null_resets_every_field(org):
    other = {name: not value for name, value in SWITCHES.items()}
    other.update({"email_provider": "ses", "email_from_address": "a@example.com", "email_from_name": "A", "sms_provider": "sns",
                  "sms_from_number": "+14155550123", "slack_webhook_url": WEBHOOK, "slack_channel": "#x",
                  "digest_frequency": "weekly", "digest_time": "10:11", "quiet_hours_start": "22:00",
                  "quiet_hours_end": "06:00", "timezone": "Europe/Paris", "custom_settings": {"a": 1}})
    assert set(other) == set(DEFAULTS)
    answer = org.admin.put(PATH, other)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in other} == {**other, "slack_webhook_url": MASK}
    answer = org.admin.put(PATH, dict.fromkeys(DEFAULTS))
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in DEFAULTS} == DEFAULTS


def test_custom_settings_merge(org):
    org.admin.put(PATH, {"custom_settings": {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": "keep"}})
    answer = org.admin.put(PATH, {"custom_settings": {"a": {"x": None, "z": 3}, "b": [9], "d": {"new": None, "n": 1}}})
    assert answer.json()["custom_settings"] == {"a": {"y": 2, "z": 3}, "b": [9], "c": "keep", "d": {"n": 1}}


def test_custom_settings_size_counts_after_the_merge(org):
    assert org.admin.put(PATH, {"custom_settings": {"a": "x" * 40000}}).status_code == 200
    assert faults(org.admin.put(PATH, {"custom_settings": {"b": "x" * 40000}})) == {"/custom_settings": "length"}
    assert list(org.admin.get(PATH).json()["custom_settings"]) == ["a"]


@pytest.mark.parametrize("change,expected", [
    ({"quiet_hours_start": "22:00"}, {"/quiet_hours_end": "required"}),
    ({"quiet_hours_end": "06:00"}, {"/quiet_hours_start": "required"}),
    ({"quiet_hours_start": "22:00", "quiet_hours_end": "22:00"}, {"/quiet_hours_end": "range"}),
    ({"sms_enabled": True}, {"/sms_from_number": "required"}),
    ({"slack_enabled": True}, {"/slack_webhook_url": "required"}),
])
def test_rules_over_fields(org, change, expected):
    assert faults(org.admin.put(PATH, change)) == expected
    assert {name: org.admin.get(PATH).json()[name] for name in DEFAULTS} == DEFAULTS


def test_rules_look_at_the_merged_row(org):
    assert org.admin.put(PATH, {"quiet_hours_start": "22:00", "quiet_hours_end": "06:00"}).status_code == 200
    assert org.admin.put(PATH, {"quiet_hours_start": "23:00"}).status_code == 200
    assert faults(org.admin.put(PATH, {"quiet_hours_end": None})) == {"/quiet_hours_end": "required"}
    assert org.admin.put(PATH, {"slack_enabled": True, "slack_webhook_url": WEBHOOK}).status_code == 200
    assert faults(org.admin.put(PATH, {"slack_webhook_url": None})) == {"/slack_webhook_url": "required"}
    assert org.admin.put(PATH, {"slack_webhook_url": None, "slack_enabled": False}).status_code == 200
    assert org.admin.put(PATH, {"sms_enabled": True, "sms_provider": "sns"}).status_code == 200
    assert faults(org.admin.put(PATH, {"sms_provider": "twilio"})) == {"/sms_from_number": "required"}


def test_patch_is_the_twin(org):
    answer = org.admin.call("PATCH", PATH, data=b'{"slack_channel": "#a"}', headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status_code == 200 and answer.json()["slack_channel"] == "#a"
    answer = org.admin.patch(PATH, {"slack_channel": None})
    assert answer.status_code == 200 and answer.json()["slack_channel"] is None
    assert faults(org.admin.patch(PATH, {"slack_channel": ""})) == {"/slack_channel": "length"}


def test_versions(org):
    first = org.admin.get(PATH)
    tag = first.headers["ETag"]
    assert tag.startswith('"') and tag.endswith('"')
    unchanged = org.admin.get(PATH, headers={"If-None-Match": tag})
    assert unchanged.status_code == 304 and unchanged.content == b"" and unchanged.headers["ETag"] == tag
    assert org.admin.get(PATH, headers={"If-None-Match": f'W/{tag}, "other"'}).status_code == 304
    assert org.admin.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200
    changed = org.admin.put(PATH, {"slack_channel": "#1"}, headers={"If-Match": tag})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    stale = org.admin.put(PATH, {"slack_channel": "#2"}, headers={"If-Match": tag})
    assert stale.status_code == 412 and stale.headers["ETag"] == changed.headers["ETag"]
    assert org.admin.get(PATH).json()["slack_channel"] == "#1"
    assert org.admin.get(PATH, headers={"If-None-Match": tag}).status_code == 200
    weak = org.admin.put(PATH, {"slack_channel": "#3"}, headers={"If-Match": "W/" + changed.headers["ETag"]})
    assert weak.status_code == 412, "a weak tag never matches strongly"
    several = org.admin.put(PATH, {"slack_channel": "#4"}, headers={"If-Match": f'{tag}, {changed.headers["ETag"]}'})
    assert several.status_code == 200
    assert org.admin.put(PATH, {"slack_channel": "#5"}, headers={"If-Match": "*"}).status_code == 200
    assert org.admin.put(PATH, {"slack_channel": "#6"}, headers={"If-Match": "nonsense"}).status_code == 400
    assert org.admin.patch(PATH, {"slack_channel": "#7"}, headers={"If-Match": tag}).status_code == 412


def test_secret_is_sealed_masked_and_kept(org):
    answer = org.admin.put(PATH, {"slack_webhook_url": WEBHOOK})
    assert answer.json()["slack_webhook_url"] == MASK
    sealed = database.value(org.stack, "SELECT slack_webhook_url FROM notification_settings WHERE organization_id = %s", org.id)
    assert sealed and "hooks" not in sealed and "slack" not in sealed and "abcDEF" not in sealed
    assert faults(org.admin.put(PATH, {**{n: v for n, v in answer.json().items() if n not in READ_ONLY}})) == {
        "/slack_webhook_url": "masked"}, "an answer sent back as it is"
    org.admin.put(PATH, {"slack_channel": "#x"})
    kept = database.value(org.stack, "SELECT slack_webhook_url FROM notification_settings WHERE organization_id = %s", org.id)
    assert kept == sealed, "an update of another field leaves the blob alone"
    other = Org(org.stack, "settings-other")
    other.admin.put(PATH, {"slack_webhook_url": WEBHOOK})
    theirs = database.value(org.stack, "SELECT slack_webhook_url FROM notification_settings WHERE organization_id = %s", other.id)
    assert theirs != sealed
    assert org.admin.put(PATH, {"slack_webhook_url": None}).json()["slack_webhook_url"] is None
    for log in org.stack.log_dir.glob("*.log"):
        assert b"abcDEF123" not in log.read_bytes(), f"the secret is in {log}"
    audit = database.rows(org.stack, "SELECT changes FROM audit_log WHERE organization_id IN (%s, %s)", org.id, other.id)
    assert audit and not any("abcDEF123" in row["changes"] for row in audit)


def audit_rows(org):
    return database.rows(org.stack, "SELECT actor, action, subject, request_id, changes FROM audit_log"
                         " WHERE organization_id = %s AND action = 'notification_settings.update' ORDER BY id", org.id)


def test_audit(org):
    clerk = org.user("clerk")
    settings = clerk.get(PATH).json()
    assert audit_rows(org) == []
    answer = clerk.put(PATH, {"slack_channel": "#new", "digest_enabled": True, "email_enabled": True, "slack_webhook_url": WEBHOOK})
    rows = audit_rows(org)
    assert len(rows) == 1
    assert rows[0]["actor"] == "clerk" and rows[0]["subject"] == settings["id"]
    assert rows[0]["request_id"] == answer.headers["X-Request-Id"]
    assert json.loads(rows[0]["changes"]) == {"slack_channel": {"from": None, "to": "#new"},
                                              "digest_enabled": {"from": False, "to": True},
                                              "slack_webhook_url": {"from": None, "to": MASK},
                                              "version": {"from": 1, "to": 2}}
    assert answer.json()["updated_by"] == "clerk"
    clerk.put(PATH, {"slack_channel": ""})
    clerk.put(PATH, {"slack_channel": "#x"}, headers={"If-Match": '"1"'})
    assert len(audit_rows(org)) == 1, "what changed nothing leaves no row"


def in_threads(calls):
    answers = [None] * len(calls)

    def run(i):
        answers[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_concurrent_updates_lose_nothing(org):
    users = [org.user() for _ in range(8)]
    version = int(org.admin.get(PATH).headers["ETag"].strip('"'))

    def update(user, number):
        return lambda: [user.put(PATH, {"custom_settings": {f"k{number}-{i}": i}}) for i in range(4)]

    answers = [a for some in in_threads([update(user, n) for n, user in enumerate(users)]) for a in some]
    assert [a.status_code for a in answers] == [200] * 32, [a.text for a in answers if a.status_code != 200][:1]
    final = org.admin.get(PATH)
    assert len(final.json()["custom_settings"]) == 32
    assert int(final.headers["ETag"].strip('"')) == version + 32
    assert len({a.headers["ETag"] for a in answers}) == 32
    assert len(audit_rows(org)) == 32


def test_concurrent_updates_of_one_version(org):
    tag = org.admin.get(PATH).headers["ETag"]
    users = [org.user() for _ in range(8)]
    answers = in_threads([lambda u=user, n=n: u.put(PATH, {"slack_channel": f"#{n}"}, headers={"If-Match": tag})
                          for n, user in enumerate(users)])
    codes = sorted(a.status_code for a in answers)
    assert codes == [200] + [412] * 7, codes
    winner = next(a for a in answers if a.status_code == 200)
    assert org.admin.get(PATH).json()["slack_channel"] == winner.json()["slack_channel"]


def test_times_and_authors(org):
    made = org.admin.get(PATH).json()
    changed = org.user("second").put(PATH, {"dnd_enabled": True}).json()
    assert (changed["created_by"], changed["updated_by"]) == ("admin", "second")
    assert changed["created_at"] == made["created_at"] and changed["updated_at"] > made["updated_at"]
    assert made["created_at"].endswith("Z") and len(made["created_at"]) == len("2026-01-01T00:00:00.000000Z")
