"""docs/openapi.yaml against the programs: it is what they print, each operation is there, and real answers fit it."""
import re
import subprocess

import jsonschema
import pytest
import yaml

import config
from client import Client
from test_events import tell, wait_states

DOCUMENT = yaml.safe_load((config.REPOSITORY / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
METHODS = ("get", "put", "patch", "post", "delete", "head", "options")
OPERATIONS = [(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS]


def check_answer_fits(answer, method, path):
    """The answer's status, headers and body are described."""
    where = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in responses, f"not described: {where}"
    described = responses[str(answer.status_code)]
    for name in described.get("headers", {}):
        conditional = name in ("Idempotency-Replayed", "RateLimit", "RateLimit-Policy")
        assert conditional or name in answer.headers, f"{name} is missing: {where}"
    for name in ("ETag", "Location", "Retry-After", "WWW-Authenticate", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed"):
        assert name not in answer.headers or name in described["headers"], f"{name} is not described: {where}"
    if "content" not in described:
        assert answer.content == b"", where
        return
    media = answer.headers["Content-Type"].split(";")[0]
    assert media in described["content"], where
    if "json" in media:
        check_fits(answer.json(), described["content"][media]["schema"])


def check_fits(value, schema):
    resolver = jsonschema.RefResolver("", DOCUMENT)
    jsonschema.Draft202012Validator(schema, resolver=resolver, format_checker=jsonschema.FormatChecker()).validate(value)


def strict(schema):
    """The schema of an object with no member beyond those it names."""
    return {**schema, "additionalProperties": False}


def test_the_program_prints_the_document(stack):
    printed = subprocess.run([stack.build / "bellman-api", "--print-openapi"], capture_output=True, text=True, timeout=20, check=True)
    assert printed.stdout == (config.REPOSITORY / "docs" / "openapi.yaml").read_text(encoding="utf-8"), "run make openapi"


def test_every_route_is_described_and_nothing_else():
    text = "".join(path.read_text(encoding="utf-8") for path in (config.REPOSITORY / "fcgi-app").glob("routes*"))
    routes = re.findall(r'\.method = "(\w+)",\s*\.pattern = "([^"]+)"', text)
    assert len(routes) == text.count(".handler = ") >= 10
    assert sorted(routes) == sorted(OPERATIONS)


def test_document_is_well_formed():
    assert DOCUMENT["openapi"].startswith("3.1")
    ids = []
    for method, path in OPERATIONS:
        operation = DOCUMENT["paths"][path][method.lower()]
        ids.append(operation["operationId"])
        assert operation["summary"] and operation["responses"]
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
    assert len(set(ids)) == len(ids)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description") or "properties" in schema, name
    for reference in re.findall(r"'\$ref': '#/components/schemas/(\w+)'", repr(DOCUMENT)):
        assert reference in DOCUMENT["components"]["schemas"], reference


def path_values(org, path):
    """Ids of what is there, for the names in paths."""
    job = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    if path.startswith("/dead-letters/"):
        job = org.admin.wait_job(org.admin.create("fail", {"permanent": True})["id"], "failed")
    schedule = org.admin.post("/schedules", {"name": "s", "cron": "@yearly", "job_type": "noop"}).json()
    values = {"job_id": job["id"], "schedule_id": schedule["id"], "job_type": "noop", "organization": org.id,
              "token": "A" * 43}  # of nobody: 404
    if "{template_id}" in path:
        values["template_id"] = "payroll.email"
        assert org.admin.put("/notification-templates/payroll.email", {"subject": "x", "text": "x"}).status_code == 201
    if "{provider}" in path:
        values["provider"] = "smtp"
        assert org.admin.put("/providers/smtp", {"config": {"host": "mail.example"}}).status_code == 201
    if "{event_id}" in path or "{delivery_id}" in path:
        event = tell(org)
        [delivery] = wait_states(org, event, "sent")
        values.update(event_id=event["id"], delivery_id=delivery["id"])
    return values


@pytest.mark.parametrize("method,path", OPERATIONS)
def test_every_operation_is_answered(org, method, path):
    """Whatever it says: not 404 and not 405, and as described."""
    values = path_values(org, path)
    for client in (org.admin, Client(org.stack), org.user("robot", "Service")):
        answer = client.call(method, path.format(**values))
        assert answer.status_code not in ((405,) if "{token}" in path else (404, 405)), answer.text
        check_answer_fits(answer, method, path)


def walk_schedules(call):
    all_, one = "/schedules", "/schedules/{schedule_id}"
    body = {"name": "fits", "cron": "@daily", "timezone": "Europe/Paris", "job_type": "noop"}
    address = f"{all_}/{call('POST', all_, 201, json=body).json()['id']}"
    call("POST", all_, 409, json=body)
    call("POST", all_, 422, json={"cron": "x"})
    call("POST", all_ + "/preview", 200, json={"cron": "@daily"})
    call("GET", all_, 200)
    call("GET", address, 200, described_as=one)
    call("PUT", address, 200, json={"priority": 1}, described_as=one)
    call("PATCH", address, 412, json={}, headers={"If-Match": '"9"'}, described_as=one)
    call("POST", address + "/pause", 200, described_as=one + "/pause")
    call("POST", address + "/resume", 200, described_as=one + "/resume")
    call("POST", address + "/run-now", 201, described_as=one + "/run-now")
    call("DELETE", address, 204, described_as=one)
    call("GET", address, 404, described_as=one)


def walk_templates(call):
    all_, one = "/notification-templates", "/notification-templates/{template_id}"
    address, texts = all_ + "/payroll.email.de-CH", {"subject": "{{period}}", "text": "x", "html": "<p>x</p>"}
    call("GET", all_, 200)
    call("GET", address, 404, described_as=one)
    call("GET", all_ + "/payroll.email", 200, described_as=one)
    call("PUT", address, 201, json=texts, described_as=one)
    call("PUT", address, 200, json={**texts, "html": None}, described_as=one)
    call("PUT", address, 412, json=texts, headers={"If-Match": '"9"'}, described_as=one)
    call("PUT", address, 422, json={"subject": "{{x}}", "text": "{{"}, described_as=one)
    call("GET", address, 200, described_as=one)
    call("GET", all_, 200)
    for channel in ("email", "sms"):
        call("POST", all_ + "/preview", 200, json={"event": "payroll", "channel": channel, "locale": "de-CH"})
        call("POST", all_ + "/validate", 200, json={"event": "payroll", "channel": channel, "text": "{{x}}"})
    call("POST", all_ + "/preview", 422, json={"event": "payroll", "channel": "slack"})
    call("DELETE", address, 204, described_as=one)


def walk_bulk(call):
    bulk = "/background-jobs/bulk"
    body = {"jobs": [{"job_type": "noop", "scheduled_at": "2099-01-01T00:00:00Z", "unique_key": "bulk", "retry": {"curve": "fixed"}}]}
    for _ in range(2):
        call("POST", bulk, 201, json=body, headers={"Idempotency-Key": '"bulk"'})
    call("POST", bulk, 409, json=body)
    call("POST", bulk, 422, json={"jobs": body["jobs"] * 2}, headers={"Idempotency-Key": "bulk"})
    call("POST", bulk, 422, json={"jobs": [{}]})
    call("POST", bulk, 413, data=b" " * ((8 << 20) + 1), headers={"Content-Type": "application/json"})


def test_answers_fit(stack, org):
    """One walk through the API in which every kind of answer comes once."""
    def call(method, path, status, client=org.admin, described_as=None, **options):
        answer = client.call(method, path, **options)
        assert answer.status_code == status, (method, path, answer.text)
        check_answer_fits(answer, method, described_as or path)
        return answer

    settings, jobs, one = "/notification-settings", "/background-jobs", "/background-jobs/{job_id}"
    tag = call("GET", settings, 200).headers["ETag"]
    call("GET", settings, 304, headers={"If-None-Match": tag})
    call("PUT", settings, 200, json={"slack_webhook_url": "https://hooks.slack.com/services/T01/B01/x", "custom_settings": {"a": [1]},
                                     "email_from_address": "a@example.com", "quiet_hours_start": "22:00", "quiet_hours_end": "06:00"})
    call("PUT", settings, 412, json={}, headers={"If-Match": tag})
    call("PATCH", settings, 422, json={"timezone": "x", "nothing": 1})
    call("PUT", settings, 400, data=b"{", headers={"Content-Type": "application/json"})
    call("PUT", settings, 415, data=b"{}", headers={"Content-Type": "text/plain"})
    call("PUT", settings, 413, data=b'{"a":"' + b"x" * (1 << 20) + b'"}', headers={"Content-Type": "application/json"})
    limited = org.user()
    while (answer := limited.put(settings, {})).status_code == 200:
        check_answer_fits(answer, "PUT", settings)
    assert answer.status_code == 429
    check_answer_fits(answer, "PUT", settings)

    call("POST", settings + "/test-email", 200, json={"email": "fits@example.com"})
    call("POST", settings + "/test-email", 200, json={"email": "refused@example.com"})
    call("POST", settings + "/test-email", 422, json={"email": "x"})

    walk_bulk(call)
    created = call("POST", jobs, 201, json={"job_type": "fail", "payload": {"times": 1}, "unique_key": "fits"},
                   headers={"Idempotency-Key": "fits"})
    call("POST", jobs, 201, json={"job_type": "fail", "payload": {"times": 1}, "unique_key": "fits"}, headers={"Idempotency-Key": "fits"})
    call("POST", jobs, 422, json={"job_type": "noop"}, headers={"Idempotency-Key": "fits"})
    call("POST", jobs, 409, json={"job_type": "noop", "unique_key": "fits"})
    call("POST", jobs, 400, json={"job_type": "noop"}, headers={"Idempotency-Key": "x" * 300})
    call("POST", jobs, 422, json={"job_type": "nothing"})
    job_id = created.json()["id"]
    org.admin.wait_job(job_id, "completed")
    address = f"/background-jobs/{job_id}"
    call("GET", address, 200, described_as=one)
    call("GET", "/background-jobs/0190a6f0-0000-7000-8000-000000000000", 404, described_as=one)
    call("POST", address + "/cancel", 409, described_as=one + "/cancel")
    waiting = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")["id"]
    call("POST", f"/background-jobs/{waiting}/cancel", 200, described_as=one + "/cancel")
    running = org.admin.create("sleep", {"ms": 60000})["id"]
    org.admin.wait_job(running, "processing")
    call("POST", f"/background-jobs/{running}/cancel", 202, described_as=one + "/cancel")
    call("POST", "/background-jobs/0190a6f0-0000-7000-8000-000000000000/cancel", 404, described_as=one + "/cancel")
    for job_type, payload in (("cache_flush", {}), ("db_optimize", {"tables": ["audit_log"]}), ("fail", {"permanent": True})):
        ended = org.admin.wait_job(org.admin.create(job_type, payload)["id"])
        check_fits(ended, {"$ref": "#/components/schemas/JobDetail"})
    call("GET", jobs + "?limit=3", 200, described_as=jobs)
    call("GET", jobs + "?limit=300", 422, described_as=jobs)
    call("GET", jobs, 403, client=org.user("robot", "Service"))
    call("GET", jobs, 401, client=Client(stack))
    walk_schedules(call)
    walk_templates(call)
    call("GET", "/healthz", 200)
    call("GET", "/readyz", 200)


def test_answers_have_no_members_that_are_not_described(org):
    schemas = DOCUMENT["components"]["schemas"]
    check_fits(org.admin.get("/notification-settings").json(), strict(schemas["NotificationSettings"]))
    job = org.admin.wait_job(org.admin.create()["id"])
    for attempt in job.pop("attempts"):
        check_fits(attempt, strict(schemas["JobAttempt"]))
    check_fits(job, strict(schemas["Job"]))
    page = org.admin.get("/background-jobs").json()
    check_fits(page, strict(schemas["JobList"]))
    check_fits(page["jobs"][0], strict(schemas["Job"]))
    check_fits(org.admin.get("/nothing").json(), strict(schemas["Problem"]))


def test_bodies_are_described_as_they_are_checked(org):
    """What the document's input schemas refuse is refused, what they take is taken."""
    create, update = ({"$ref": f"#/components/schemas/{name}"} for name in ("JobCreate", "NotificationSettingsUpdate"))
    user = org.user()
    for schema, body, send in [
        (create, {"job_type": "noop"}, lambda b: user.post("/background-jobs", b)),
        (create, {"job_type": "sleep", "payload": {"ms": 0}, "priority": -1, "max_retries": 0, "timeout_s": 1}, None),
        (update, {}, lambda b: user.put("/notification-settings", b)),
        (update, {"digest_time": "10:30", "email_from_name": None, "custom_settings": {}}, None),
    ]:
        send = send or (lambda b, s=schema: user.post("/background-jobs", b) if s is create else user.put("/notification-settings", b))
        check_fits(body, schema)
        assert send(body).status_code in (200, 201)
    for schema, body in [
        (create, {}), (create, {"job_type": "nothing"}), (create, {"job_type": "noop", "priority": 2}),
        (create, {"job_type": "sleep", "payload": {"ms": -1}}), (create, {"job_type": "noop", "nothing": 1}),
        (update, {"digest_frequency": "yearly"}), (update, {"email_enabled": "yes"}), (update, {"nothing": 1}),
        (update, {"email_from_name": ""}), (update, {"custom_settings": []}),
    ]:
        with pytest.raises(jsonschema.ValidationError):
            check_fits(body, schema)
        answer = user.post("/background-jobs", body) if schema is create else user.put("/notification-settings", body)
        assert answer.status_code == 422, (body, answer.text)
