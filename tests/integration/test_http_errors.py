"""Every class of error, through nginx: the right status, problem+json, X-Request-Id."""
import gzip
import json
import re
import socket

import pytest

from client import Client, faults
from waiting import wait_until

JSON = {"Content-Type": "application/json"}


def post_raw(org, data, headers=None, path="/background-jobs", method="POST"):
    return org.admin.call(method, path, data=data, headers={**JSON, **(headers or {})})


def raw_request(stack, text):
    """Bytes as they are, for what no HTTP library sends; (status, headers, body)."""
    with socket.create_connection(("127.0.0.1", stack.ports["http"]), timeout=20) as s, s.makefile("rb") as answer:
        s.sendall(text if isinstance(text, bytes) else text.encode())
        status = int(answer.readline().split()[1])
        headers = {}
        while (line := answer.readline().decode("latin-1").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        # Not to the end of the connection: nginx lingers when it has refused a body.
        return status, headers, answer.read(int(headers["content-length"]))


def check_raw_problem(answer, status):
    assert answer[0] == status, answer
    assert answer[1]["content-type"] == "application/problem+json", answer
    problem = json.loads(answer[2])
    assert problem["status"] == status and problem["request_id"] == answer[1]["x-request-id"], answer


@pytest.mark.parametrize("body", ["", "{", "nonsense", "{\"job_type\": \"noop\"", "{\"job_type\": 'noop'}", "{} {}", "[1,]",
                                  "{\"job_type\": \"noop\"}x", "{\"a\": NaN}", "{\"a\": 1e999}", "{\"a\": \"\\u0000\"}",
                                  "{\"a\": \"\\ud800\"}", "{\"a\": 123456789012345678901234567890}"])
def test_bad_json(org, body):
    answer = post_raw(org, body.encode())
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "malformed_json"


def test_bad_utf8(org):
    assert post_raw(org, b'{"job_type": "\xff\xfe"}').status_code == 400
    assert post_raw(org, b'{"job_type": "\xc0\xaf"}').status_code == 400


def test_depth(org):
    def nested(levels):
        return post_raw(org, b'{"custom_settings":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}",
                        path="/notification-settings", method="PUT")

    assert nested(31).status_code == 200
    answer = nested(32)
    assert answer.status_code == 400 and "32" in answer.json()["detail"]
    assert nested(20000).status_code == 400
    assert post_raw(org, b"[" * 500000).status_code == 400


@pytest.mark.parametrize("body", [b'{"job_type":"noop","job_type":"fail"}', b'{"job_type":"noop","payload":{"a":1,"a":2}}',
                                  b'{"job_type":"noop","job_\\u0074ype":"fail"}'])
def test_duplicate_keys(org, body):
    assert post_raw(org, body).status_code == 400


@pytest.mark.parametrize("body", ["[]", "\"text\"", "5", "null", "true"])
def test_not_an_object(org, body):
    assert faults(post_raw(org, body)) == {"": "type"}


@pytest.mark.parametrize("path", ["/nothing", "/background-jobs/", "/background-jobs/x/y", "/background-jobs/x/cancel/y", "/",
                                  "=/api/system", "=/api/other", "=/api/", "=/api/system/notification-settings/",
                                  "=/api/system//background-jobs"])
def test_unknown_path(org, path):
    assert org.admin.get(path).status_code == 404
    assert Client(org.stack).get(path).status_code == 404


@pytest.mark.parametrize("job_id", ["x", "0", "0190a6f0-0000-7000-8000-00000000000", "0190a6f000007000800000000000000",
                                    "0190a6f0-0000-7000-8000-00000000000g", "%27%20OR%201=1", "x" * 300, "%00", "é"])
def test_job_ids_that_are_none(org, job_id):
    assert org.admin.get(f"/background-jobs/{job_id}").status_code in (400, 404)
    assert org.admin.cancel(job_id).status_code in (400, 404)


ALLOWED = {"/notification-settings": {"GET", "HEAD", "PUT", "PATCH", "OPTIONS"},
           "/notification-settings/test-email": {"POST", "OPTIONS"},
           "/background-jobs": {"GET", "HEAD", "POST", "OPTIONS"},
           "/background-jobs/0190a6f0-0000-7000-8000-000000000000": {"GET", "HEAD", "OPTIONS"},
           "/background-jobs/0190a6f0-0000-7000-8000-000000000000/cancel": {"POST", "OPTIONS"},
           "=/healthz": {"GET", "HEAD", "OPTIONS"}, "=/readyz": {"GET", "HEAD", "OPTIONS"}}


@pytest.mark.parametrize("path", ALLOWED)
def test_wrong_method(org, path):
    for method in ("GET", "PUT", "PATCH", "POST", "DELETE", "PROPFIND"):
        if method in ALLOWED[path]:
            continue
        answer = org.admin.call(method, path)
        assert answer.status_code == 405, (method, answer.text)
        assert set(re.split(r",\s*", answer.headers["Allow"])) == ALLOWED[path]
    options = org.admin.call("OPTIONS", path)
    assert options.status_code == 204 and set(re.split(r",\s*", options.headers["Allow"])) == ALLOWED[path]


def test_head(org):
    job = org.admin.create()
    for path in ("/notification-settings", "/background-jobs", f"/background-jobs/{job['id']}", "=/healthz"):
        answer = org.admin.call("HEAD", path)
        assert answer.status_code == 200 and answer.content == b"", path
        assert int(answer.headers["Content-Length"]) > 0


def body_of(size):
    """A job's body of exactly so many bytes, with a field that is wrong: only its size may be at fault first."""
    frame = json.dumps({"job_type": "noop", "x": ""}).encode()
    return frame[:-2] + b"y" * (size - len(frame)) + frame[-2:]


def test_body_too_large(org):
    mib = 1 << 20
    assert post_raw(org, body_of(mib)).status_code == 422
    answer = post_raw(org, body_of(mib + 1))
    assert answer.status_code == 413 and str(mib) in answer.json()["detail"]


@pytest.mark.parametrize("size", [1100 * 1024 + 1, 3 << 20])
def test_body_too_large_for_nginx(stack, org, size):
    head = (f"POST /api/system/background-jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {org.admin.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n")
    check_raw_problem(raw_request(stack, head), 413)


def test_chunked_body(org):
    def chunks():
        yield b'{"job_type":'
        yield b'"noop"}'

    answer = org.admin.call("POST", "/background-jobs", data=chunks(), headers=JSON)
    assert answer.status_code == 201, answer.text


def test_address_too_long(stack, org):
    check_raw_problem(raw_request(stack, f"GET /api/system/{'x' * 20000} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 414)
    assert org.admin.get("/background-jobs?job_type=" + "x" * 9000).status_code == 400


def test_headers_too_large(stack):
    answer = raw_request(stack, f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 20000}\r\nConnection: close\r\n\r\n")
    check_raw_problem(answer, 431)


def test_not_http(stack):
    check_raw_problem(raw_request(stack, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"), 400)
    status, _headers, _body = raw_request(stack, b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
    assert status == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "",
                                          "application/json; charset=latin-1", "application/jsonx",
                                          "multipart/form-data; boundary=x", "application/merge-patch+json"])
def test_wrong_content_type(org, content_type):
    answer = post_raw(org, b'{"job_type":"noop"}', {"Content-Type": content_type})
    assert answer.status_code == 415, answer.text


def test_compressed_body(org):
    body = gzip.compress(b'{"job_type":"noop"}')
    answer = post_raw(org, body, {**JSON, "Content-Encoding": "gzip"})
    assert answer.status_code == 415 and answer.headers["Accept-Encoding"] == "identity", answer.text
    assert post_raw(org, b'{"job_type":"noop"}', {**JSON, "Content-Encoding": "identity"}).status_code == 201


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8",
                                          "application/json;charset=\"utf-8\""])
def test_right_content_type(org, content_type):
    assert post_raw(org, b'{"job_type":"noop"}', {"Content-Type": content_type}).status_code == 201


def test_many_faults_at_once(org):
    found = faults(org.admin.post("/background-jobs", {"job_type": 5, "payload": [], "priority": 9, "max_retries": -1,
                                                       "scheduled_at": "soon", "timeout_s": 0, "unique_key": "", "x": 1}))
    assert found == {"/job_type": "type", "/payload": "type", "/priority": "range", "/max_retries": "range",
                     "/scheduled_at": "format", "/timeout_s": "range", "/unique_key": "length", "/x": "unknown_field"}


def test_pointers_are_escaped(org):
    assert faults(org.admin.post("/background-jobs", {"job_type": "noop", "a/b~c": 1})) == {"/a~1b~0c": "unknown_field"}


def test_missing_field(org):
    assert faults(org.admin.post("/background-jobs", {})) == {"/job_type": "required"}
    assert faults(org.admin.post("/notification-settings/test-email", {})) == {"/email": "required"}


@pytest.mark.parametrize("query", ["a=1&a=2", "limit=1&limit=2", "=1", "%zz=1", "limit=%", "limit=%f", "limit=%ff", "a=%00"])
def test_malformed_query(stack, org, query):
    check_raw_problem(raw_request(
        stack, f"GET /api/system/background-jobs?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {org.admin.token}\r\n\r\n"), 400)


@pytest.mark.parametrize("path", ["=/api/system/%zz", "=/api/system/background-jobs%2Fx", "=/api/system/%ff"])
def test_malformed_path(stack, path):
    answer = raw_request(stack, f"GET {path[1:]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer[0] in (400, 404), answer
    check_raw_problem(answer, answer[0])


def test_request_id_is_kept_or_made(org):
    answer = org.admin.get("/background-jobs", headers={"X-Request-Id": "my-id.1"})
    assert answer.headers["X-Request-Id"] == "my-id.1"
    for bad in ("with space", "x" * 65, "quote\"", "-first", "semi;colon"):
        made = org.admin.get("/nothing", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made != bad and re.fullmatch(r"[A-Za-z0-9._-]{8,64}", made)


def test_answers_are_not_cached_nor_sniffed(org):
    answer = org.admin.get("/notification-settings")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "nginx/" not in answer.headers.get("Server", "")


def test_page_is_served(stack):
    answer = Client(stack).get("=/", check=False)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy


def test_502_while_the_api_is_down(rough):
    client = Client(rough)
    for name in ("api", "api_2"):
        rough.kill(name)
    try:
        answer = client.get("/notification-settings")
        assert answer.status_code == 502
        assert answer.headers["Retry-After"]
        assert client.get("=/readyz", check=False).status_code == 502
    finally:
        rough.restart("api")
    wait_until("readyz after the API's return", lambda: client.get("=/readyz").status_code == 200, 10, rough)
