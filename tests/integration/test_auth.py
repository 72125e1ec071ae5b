"""Who may call what: tokens, algorithms, roles, organizations."""
import base64
import hashlib
import hmac
import json
import os
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

import config
from client import Client, Org, sign
from waiting import wait_until

ADMIN_CALLS = [("GET", "/notification-settings"), ("PUT", "/notification-settings"), ("PATCH", "/notification-settings"),
               ("POST", "/notification-settings/test-email"), ("GET", "/background-jobs"),
               ("GET", "/background-jobs/0190a6f0-0000-7000-8000-000000000000"),
               ("POST", "/background-jobs/0190a6f0-0000-7000-8000-000000000000/cancel")]
ALL_CALLS = [*ADMIN_CALLS, ("POST", "/background-jobs")]


def b64(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """The stack's keys, and one RSA and one EC key of ours whose public halves are added to the stack's key set."""

    def __init__(self, stack):
        self.stack = stack
        self.jwks_file = stack.dir / "keys" / "jwks.json"
        own = json.loads(self.jwks_file.read_text(encoding="utf-8"))["keys"]
        self.hmac_jwk = next(key for key in own if key["kty"] == "oct")
        self.secret = base64.urlsafe_b64decode(self.hmac_jwk["k"] + "==")
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        rsa_jwk = json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key()))
        numbers = self.ec.public_key().public_numbers()
        ec_jwk = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
        added = [{**rsa_jwk, "kid": "test-rsa", "alg": "RS256", "use": "sig", "key_ops": ["verify"]},
                 {**ec_jwk, "kid": "test-ec", "alg": "ES256", "use": "sig"}]
        config.write_private(self.jwks_file, json.dumps({"keys": [*own, *added]}))

    def claims(self, **changes):
        now = int(time.time())
        claims = {"sub": "tester", "org": "auth-keys", "roles": ["SystemAdmin"], "iat": now, "exp": now + 600}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def hs256(self, claims=None, header=None, secret=None):
        """By hand, since a library refuses to make what must be refused."""
        full = {"alg": "HS256", "typ": "JWT", "kid": self.hmac_jwk["kid"], **(header or {})}
        full = {name: value for name, value in full.items() if value is not None}
        body = f"{b64(full)}.{b64(claims if claims is not None else self.claims())}"
        return f"{body}.{b64(hmac.new(secret or self.secret, body.encode(), hashlib.sha256).digest())}"

    def rs256(self, claims=None, **headers):
        return jwt.encode(claims or self.claims(), self.rsa, "RS256", headers={"kid": "test-rsa", **headers})

    def es256(self, claims=None, **headers):
        return jwt.encode(claims or self.claims(), self.ec, "ES256", headers={"kid": "test-ec", **headers})


@pytest.fixture(scope="module")
def signer(stack):
    made = Signer(stack)

    def taken_everywhere():
        # Both API processes must have read the keys again.
        return all(Client(stack, token).get("/background-jobs").status_code == 200
                   for _ in range(6) for token in (made.rs256(), made.es256()))

    wait_until("the added keys to be taken", taken_everywhere, 30, stack, 0.3)
    return made


def refused(stack, token):
    answer = Client(stack, token).get("/background-jobs")
    assert answer.status_code == 401, f"{answer.status_code}: {answer.text}"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return answer


@pytest.mark.parametrize("method,path", ALL_CALLS)
def test_without_token(stack, method, path):
    answer = Client(stack).call(method, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bellman"'
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer", "Token abc", "abc"])
def test_other_schemes(stack, header):
    answer = Client(stack).get("/background-jobs", headers={"Authorization": header})
    assert answer.status_code == 401


def test_three_algorithms(stack, signer):
    for token in (signer.hs256(), signer.rs256(), signer.es256()):
        assert Client(stack, token).get("/background-jobs").status_code == 200
    assert Client(stack, signer.hs256(header={"kid": None})).get("/background-jobs").status_code == 200
    assert Client(stack, signer.hs256(header={"typ": None})).get("/background-jobs").status_code == 200
    answer = Client(stack).get("/background-jobs", headers={"Authorization": "bearer " + signer.hs256()})
    assert answer.status_code == 200, "the scheme's name is case-insensitive"


CLAIM_FAULTS = {
    "expired": {"exp": 1000000000},
    "expired beyond the leeway": {"exp": int(time.time()) - 120},
    "no exp": {"exp": None},
    "exp a string": {"exp": "4000000000"},
    "exp negative": {"exp": -1},
    "not valid yet": {"nbf": int(time.time()) + 7200},
    "nbf a string": {"nbf": "now"},
    "issued in the future": {"iat": int(time.time()) + 7200},
    "no sub": {"sub": None},
    "empty sub": {"sub": ""},
    "sub not a string": {"sub": 7},
    "sub with a line break": {"sub": "a\nb"},
    "sub too long": {"sub": "x" * 129},
    "no org": {"org": None},
    "empty org": {"org": ""},
    "org with a slash": {"org": "a/b"},
    "org with a space": {"org": "a b"},
    "org too long": {"org": "x" * 65},
    "org not a string": {"org": ["a"]},
    "no roles": {"roles": None},
    "roles a string": {"roles": "SystemAdmin"},
    "role not a string": {"roles": [1]},
    "too many roles": {"roles": ["SystemAdmin"] * 100},
}


@pytest.mark.parametrize("fault", CLAIM_FAULTS)
def test_claims_refused(stack, signer, fault):
    answer = refused(stack, signer.hs256(signer.claims(**CLAIM_FAULTS[fault])))
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json()["code"] == "invalid_token"


def test_times_within_leeway(stack, signer):
    now = int(time.time())
    for times in ({"exp": now - 20}, {"nbf": now + 20}, {"iat": now + 20}, {"exp": now + 600.5}):
        assert Client(stack, signer.hs256(signer.claims(**times))).get("/background-jobs").status_code == 200, times


def confusions(s):
    rsa_pem = s.rsa.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    rsa_der = s.rsa.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ec_pem = s.ec.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = b64(s.claims())
    hs, rs = s.hs256().split("."), s.rs256().split(".")
    unsigned = {"alg": "none", "typ": "JWT"}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "none": f"{b64(unsigned)}.{body}.",
        "none, with bytes": f"{b64(unsigned)}.{body}.{hs[2]}",
        "None": f"{b64({'alg': 'None'})}.{body}.",
        "no alg": f"{b64({'typ': 'JWT'})}.{body}.{hs[2]}",
        "RSA public PEM as HMAC secret": s.hs256(header={"kid": "test-rsa"}, secret=rsa_pem),
        "RSA public PEM as HMAC secret, no kid": s.hs256(header={"kid": None}, secret=rsa_pem),
        "RSA public DER as HMAC secret": s.hs256(header={"kid": "test-rsa"}, secret=rsa_der),
        "EC public PEM as HMAC secret": s.hs256(header={"kid": "test-ec"}, secret=ec_pem),
        "HS256 signature under an RSA header": f"{b64({'alg': 'RS256', 'kid': 'test-rsa'})}.{body}.{hs[2]}",
        "RS256 under the HMAC key's kid": s.rs256(kid=s.hmac_jwk["kid"]),
        "ES256 under the RSA key's kid": s.es256(kid="test-rsa"),
        "HS512": jwt.encode(s.claims(), s.secret, "HS512", headers={"kid": s.hmac_jwk["kid"]}),
        "RS512": jwt.encode(s.claims(), s.rsa, "RS512", headers={"kid": "test-rsa"}),
        "PS256": jwt.encode(s.claims(), s.rsa, "PS256", headers={"kid": "test-rsa"}),
        "unknown kid": s.hs256(header={"kid": "nobody"}),
        "kid not a string": s.hs256(header={"kid": 5}),
        "another secret": s.hs256(secret=os.urandom(32)),
        "empty secret": s.hs256(secret=b"\0"),
        "another RSA key": jwt.encode(s.claims(), other, "RS256", headers={"kid": "test-rsa"}),
        "crit": s.hs256(header={"crit": ["exp"]}),
        "b64": s.hs256(header={"b64": False}),
        "own key in the header": s.hs256(header={"jwk": s.hmac_jwk}),
        "key by address": s.hs256(header={"jku": "https://example.com/jwks.json"}),
        "certificate by address": s.hs256(header={"x5u": "https://example.com/x"}),
        "another type": s.hs256(header={"typ": "JWE"}),
        "payload changed": ".".join((hs[0], b64(s.claims(org="somebody-else")), hs[2])),
        "signature cut": ".".join((hs[0], hs[1], hs[2][:-4])),
        "signature of another token": ".".join((hs[0], hs[1], rs[2])),
        "signature flipped": ".".join((hs[0], hs[1], ("B" if hs[2][0] == "A" else "A") + hs[2][1:])),
        "no signature": ".".join((hs[0], hs[1], "")),
        "two parts": ".".join(hs[:2]),
        "four parts": ".".join([*hs, "AAAA"]),
        "padded": ".".join((hs[0], hs[1], hs[2] + "=")),
        "standard alphabet": ".".join((hs[0], hs[1], "+/" + hs[2][2:])),
        "not JSON": s.hs256().split(".", maxsplit=1)[0] + "." + b64(b"nonsense") + "." + hs[2],
        "payload a list": s.hs256(claims=["SystemAdmin"]),
        "not base64": "a.b.c",
        "too long": s.hs256(s.claims(sub="x" * 100, extra="y" * 9000)),
        "words": "let-me-in",
    }


@pytest.fixture(scope="module")
def confused(signer):
    return confusions(signer)


@pytest.mark.parametrize("case", [
    "none", "none, with bytes", "None", "no alg", "RSA public PEM as HMAC secret", "RSA public PEM as HMAC secret, no kid",
    "RSA public DER as HMAC secret", "EC public PEM as HMAC secret", "HS256 signature under an RSA header",
    "RS256 under the HMAC key's kid", "ES256 under the RSA key's kid", "HS512", "RS512", "PS256", "unknown kid",
    "kid not a string", "another secret", "empty secret", "another RSA key", "crit", "b64", "own key in the header",
    "key by address", "certificate by address", "another type", "payload changed", "signature cut",
    "signature of another token", "signature flipped", "no signature", "two parts", "four parts", "padded",
    "standard alphabet", "not JSON", "payload a list", "not base64", "too long", "words"])
def test_forgeries_refused(stack, confused, case):
    refused(stack, confused[case])


def test_every_forgery_is_listed(confused):
    marks = test_forgeries_refused.pytestmark[0].args[1]
    assert set(marks) == set(confused)


def test_duplicate_claims_refused(stack, signer):
    header = b64({"alg": "HS256", "typ": "JWT", "kid": signer.hmac_jwk["kid"]})
    text = json.dumps(signer.claims())[:-1] + ', "org": "somebody-else"}'
    body = f"{header}.{b64(text.encode())}"
    refused(stack, f"{body}.{b64(hmac.new(signer.secret, body.encode(), hashlib.sha256).digest())}")


@pytest.mark.parametrize("roles", [[], ["Reader"], ["systemadmin"], ["SystemAdmin "], ["Admin", "Root"]])
@pytest.mark.parametrize("method,path", ALL_CALLS)
def test_without_role(stack, signer, method, path, roles):
    answer = Client(stack, signer.hs256(signer.claims(roles=roles))).call(method, path)
    assert answer.status_code == 403, answer.text
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_service_may_create_only(org):
    service = org.user("robot", "Service")
    job = service.create("noop")
    assert job["created_by"] == "robot"
    for method, path in ADMIN_CALLS:
        answer = service.call(method, path.replace("0190a6f0-0000-7000-8000-000000000000", job["id"]))
        assert answer.status_code == 403, (method, path, answer.text)
    org.admin.wait_job(job["id"], "completed")


def test_several_roles(stack, signer, org):
    claims = signer.claims(org=org.id, roles=["Reader", "Service", "SystemAdmin"])
    assert Client(stack, signer.hs256(claims)).get("/background-jobs").status_code == 200


def test_another_organizations_job_is_not_there(stack, org):
    other = Org(stack, "stranger")
    job = org.admin.create("sleep", {"ms": 0}, scheduled_at="2099-01-01T00:00:00Z")
    for call in (lambda: other.admin.get(f"/background-jobs/{job['id']}"), lambda: other.admin.cancel(job["id"])):
        answer = call()
        unknown = other.admin.get("/background-jobs/0190a6f0-0000-7000-8000-000000000000")
        assert answer.status_code == unknown.status_code == 404
        assert answer.json()["detail"] == unknown.json()["detail"], "the answers must not tell the two apart"
    assert other.admin.get("/background-jobs").json()["total"] == 0
    assert org.admin.job(job["id"])["status"] == "queued"


def test_organization_comes_from_the_token_alone(org):
    forged = {"X-Organization-Id": "somebody-else", "X-Org": "somebody-else", "X-User-Id": "root"}
    answer = org.admin.get("/notification-settings", headers=forged)
    assert answer.json()["organization_id"] == org.id
    assert org.admin.get("/background-jobs?organization_id=somebody-else").status_code == 422
    assert org.admin.put("/notification-settings", {"organization_id": "somebody-else"}).status_code == 422
    assert org.admin.post("/background-jobs", {"job_type": "noop", "organization_id": "x"}).status_code == 422


def test_health_is_public(stack):
    for path in ("=/healthz", "=/readyz", "/healthz", "/readyz"):
        assert Client(stack).get(path).status_code == 200
        assert Client(stack, "nonsense").get(path).status_code == 200


def test_token_command_refuses_unknown_role(stack):
    with pytest.raises(AssertionError, match="exit 64|exit 65|exit 1"):
        sign(stack, "demo", "x", "Emperor")
