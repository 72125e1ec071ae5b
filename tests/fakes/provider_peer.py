"""A scripted peer for every provider that is reached over HTTP: it holds each request against the provider's documentation
and, where signatures are concerned, against packages that are not ours (node/verify.mjs), and answers as a test wants.

    with ProviderPeer() as peer:
        config = peer.config("ses")         # of an account whose endpoint is the peer
        peer.script = [aws_json(429, "TooManyRequestsException", "Maximum sending rate exceeded")]
        ...
        assert peer.requests[-1]["problems"] == []

An answer is what http_peer.py takes; with nothing in the script the provider is content.
"""
import base64
import email.utils
import json
import pathlib
import re
import subprocess
import threading
import urllib.parse
import uuid

import jsonschema

from http_peer import HttpPeer

NODE = pathlib.Path(__file__).resolve().parent / "node"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Each is planted as a canary: whoever greps for CANARY must find it in no answer, log, error, queue or row.
CANARY = "c4naryc4nary"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(f"{CANARY}-webhook-new-key".encode()).decode()
WEBHOOK_PREVIOUS = "whsec_" + base64.b64encode(f"{CANARY}-webhook-old-key".encode()).decode()
SLACK_PATH = f"/services/T00000000/B00000000/{CANARY}Slack"
TWILIO_SID = "AC" + "0123456789abcdef" * 2

CONFIGS = {
    "sendgrid": {"api_key": f"SG.{CANARY}.sendgrid"},
    "ses": {"region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": f"{CANARY}/ses+Key=",
            "configuration_set": "bellman"},
    "twilio": {"account_sid": TWILIO_SID, "auth_token": f"{CANARY}twilio"},
    "sns": {"region": "us-east-1", "access_key_id": "AKIAIOSFODNN7SNSKEY0", "secret_access_key": f"{CANARY}/sns+Key="},
    "slack": {},
    "webhook": {"secret": WEBHOOK_SECRET, "previous_secret": WEBHOOK_PREVIOUS},
}
SECRET_FIELDS = ("api_key", "secret_access_key", "auth_token", "secret", "previous_secret")


def secrets_of(provider):
    """Every text that must not be seen again."""
    found = [value for name, value in CONFIGS[provider].items() if name in SECRET_FIELDS]
    return found + ([SLACK_PATH] if provider == "slack" else [])


# ---- answers in the providers' own forms ------------------------------------------------------------------------------


def sendgrid_error(status, message, **headers):
    return {"status": status, "headers": headers, "body": {"errors": [{"message": message, "field": None, "help": None}]}}


def aws_json(status, code, message):
    return {"status": status, "headers": {"x-amzn-ErrorType": code}, "body": {"message": message}}


def aws_xml(status, code, message):
    body = (f'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>")
    return {"status": status, "headers": {"Content-Type": "text/xml"}, "body": body}


def twilio_error(status, code, message):
    return {"status": status, "body": {"code": code, "message": message, "status": status,
                                       "more_info": f"https://www.twilio.com/docs/errors/{code}"}}


def slack_error(status, word, **headers):
    return {"status": status, "headers": {"Content-Type": "text/html", **headers}, "body": word}


def sendgrid_taken():
    return {"status": 202, "headers": {"X-Message-Id": "sg-" + uuid.uuid4().hex}}


def ses_taken():
    return {"status": 200, "body": {"MessageId": f"0102{uuid.uuid4().hex}-000000"}}


def sns_taken():
    return {"status": 200, "headers": {"Content-Type": "text/xml"}, "body":
            '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
            f"<MessageId>{uuid.uuid4()}</MessageId></PublishResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId>"
            "</ResponseMetadata></PublishResponse>"}


def twilio_taken():
    return {"status": 201, "body": {"sid": "SM" + uuid.uuid4().hex, "status": "queued", "error_code": None}}


def slack_taken():
    return {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "ok"}


def webhook_taken():
    return {"status": 204}


CHECKED = {
    "sendgrid": lambda: {"status": 200, "body": {"scopes": ["alerts.read", "mail.send"]}},
    "ses": lambda: {"status": 200, "body": {"SendingEnabled": True, "ProductionAccessEnabled": True,
                                            "EnforcementStatus": "HEALTHY"}},
    "twilio": lambda: {"status": 200, "body": {"sid": TWILIO_SID, "status": "active", "type": "Full"}},
    "sns": lambda: {"status": 200, "headers": {"Content-Type": "text/xml"},
                    "body": "<GetSMSAttributesResponse><GetSMSAttributesResult/></GetSMSAttributesResponse>"},
}
TAKEN = {"sendgrid": sendgrid_taken, "ses": ses_taken, "sns": sns_taken, "twilio": twilio_taken, "slack": slack_taken,
         "webhook": webhook_taken}

# ---- what a request owes ----------------------------------------------------------------------------------------------

TEXT = {"type": "string", "minLength": 1}


def closed(required, **properties):
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


MAILBOX = closed(["email"], email={"type": "string", "format": "email", "minLength": 3}, name=TEXT)
SENDGRID_MAIL = closed(
    ["personalizations", "from", "subject", "content", "headers", "tracking_settings"],
    personalizations={"type": "array", "minItems": 1, "maxItems": 1, "items": closed(
        ["to", "custom_args"], to={"type": "array", "minItems": 1, "items": MAILBOX},
        custom_args=closed(["delivery_id"], delivery_id=TEXT))},
    subject=TEXT, tracking_settings={"type": "object"}, headers={"type": "object", "additionalProperties": TEXT},
    content={"type": "array", "minItems": 1, "items": closed(["type", "value"], type={"enum": ["text/plain", "text/html"]},
                                                             value=TEXT)},
    **{"from": MAILBOX})
SES_CONTENT = closed(["Data", "Charset"], Data=TEXT, Charset={"const": "UTF-8"})
SES_PAIR = closed(["Name", "Value"], Name={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,126}$"},
                  Value={"type": "string", "minLength": 1, "maxLength": 870})
SES_MAIL = closed(
    ["FromEmailAddress", "Destination", "Content", "EmailTags"], FromEmailAddress=TEXT,
    Destination=closed(["ToAddresses"], ToAddresses={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 1}),
    Content=closed(["Simple"], Simple=closed(
        ["Subject", "Body"], Subject=SES_CONTENT, Headers={"type": "array", "maxItems": 15, "items": SES_PAIR},
        Body={"type": "object", "minProperties": 1, "additionalProperties": False,
              "properties": {"Text": SES_CONTENT, "Html": SES_CONTENT}})),
    EmailTags={"type": "array", "items": SES_PAIR}, ConfigurationSetName={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
SLACK_MESSAGE = closed(["text"], text=TEXT, channel=TEXT)
WEBHOOK_EVENT = closed(["id", "event", "severity", "created_at", "data", "recipients"], id=TEXT, event=TEXT, severity=TEXT,
                       created_at=TEXT, data={"type": "object"}, recipients={"type": "array"})
# Header fields that SendGrid keeps to itself ("Mail Send", headers).
SENDGRID_RESERVED = {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to",
                     "from", "subject", "reply-to", "cc", "bcc"}


def fits(schema, value):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
            for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def form_of(request):
    """{name: value} of a form; twice the same name is a fault."""
    pairs = urllib.parse.parse_qsl(request["body"], keep_blank_values=True, strict_parsing=True, errors="strict")
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def is_json(request):
    kind = request["headers"].get("content-type", "").split(";")[0]
    return [] if kind == "application/json" else [f"content-type {kind}"]


def is_form(request):
    kind = request["headers"].get("content-type")
    return [] if kind == "application/x-www-form-urlencoded" else [f"content-type {kind}"]


class Verifier:
    """node/verify.mjs as a child process; the packages are installed when they are not there."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = None

    def __call__(self, **request):
        problem = self.ask(**request)["problem"]
        return [] if problem is None else [problem]

    def ask(self, **request):
        """The whole answer."""
        with self.lock:
            if self.process is None:
                install_packages()
                self.process = subprocess.Popen(["node", "verify.mjs"], cwd=NODE, stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, text=True, encoding="utf-8")
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()


def install_packages():
    """npm ci, once, whatever number of tests asks for it at one time."""
    subprocess.run([NODE.parents[2] / "tools" / "npm_ci.sh", NODE], check=True, timeout=600)


class ProviderPeer(HttpPeer):
    """requests have also provider, problems and, of those that send forms, form."""

    def __init__(self, tls=False):
        super().__init__(tls=tls, checks=False)
        self.verify = Verifier()
        self.local = threading.local()

    def start(self):
        self.verify(kind="none")  # it takes its time to start, which no request should have to wait for
        return super().start()

    def stop(self):
        super().stop()
        self.verify.stop()

    def config(self, provider, **changes):
        """The configuration of an account that leads here."""
        address = {"url": f"{self.url}/hooks/bellman"} if provider == "webhook" else {"endpoint": self.url}
        return {**CONFIGS[provider], **address, **changes}

    @property
    def slack_url(self):
        return "https://hooks.slack.com" + SLACK_PATH

    def record(self, request):
        request["provider"] = self.provider_of(request["path"])
        self.local.request = request
        request["is_check"] = request["method"] == "GET" or "Action=GetSMSAttributes" in request["body"]
        name = "account_of" if request["is_check"] else f"check_{request['provider']}"
        check = getattr(self, name, lambda _: ["no provider has this path"])
        try:
            request["problems"] = self.check_all(request) + check(request)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            request["problems"] = [repr(error)]
        super().record(request)

    def plan(self, job):
        planned = super().plan(job)
        provider = self.local.request["provider"]
        answers = CHECKED if self.local.request["is_check"] else TAKEN
        return answers[provider]() if planned is None and provider else planned

    @staticmethod
    def provider_of(path):
        paths = {"/v3/mail/send": "sendgrid", "/v2/email/outbound-emails": "ses", "/": "sns", SLACK_PATH: "slack",
                 f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json": "twilio", "/hooks/bellman": "webhook",
                 "/v3/scopes": "sendgrid", "/v2/email/account": "ses", f"/2010-04-01/Accounts/{TWILIO_SID}.json": "twilio"}
        return paths.get(path)

    def check_all(self, request):
        headers = request["headers"]
        problems = [] if request["method"] == "POST" or request["is_check"] else [f"method {request['method']}"]
        if not re.fullmatch(r"bellman/\S+", headers.get("user-agent", "")):
            problems.append(f"user-agent {headers.get('user-agent')}")
        if headers.get("host") != self.url.partition("://")[2]:
            problems.append(f"host {headers.get('host')}")
        is_large = request["provider"] == "ses" and len(request["body"]) > 1 << 20  # libcurl then expects 100 Continue
        for name in ("cookie", "referer", "transfer-encoding", *(() if is_large else ("expect",))):
            if name in headers:
                problems.append(f"there is a header {name}")
        wants_login = request["provider"] in ("sendgrid", "ses", "sns", "twilio")
        if ("authorization" in headers) != wants_login or ("x-amz-date" in headers) != (request["provider"] in ("ses", "sns")):
            problems.append(f"headers {sorted(headers)}")
        return problems

    # ---- a question about the account -----------------------------------------------------------------------------------

    def account_of(self, request):
        provider = request["provider"]
        if provider in ("ses", "sns"):
            wanted = "" if provider == "ses" else "Action=GetSMSAttributes&Version=2010-03-31"
            return self.check_signature(request, provider) + ([] if request["body"] == wanted else ["body"])
        return ([] if request["headers"]["authorization"] == self.authorization(provider) else ["authorization"]) + (
            ["body"] if request["body"] or "content-type" in request["headers"] else [])

    @staticmethod
    def authorization(provider):
        if provider == "sendgrid":
            return f"Bearer {CONFIGS['sendgrid']['api_key']}"
        account = f"{TWILIO_SID}:{CONFIGS['twilio']['auth_token']}"
        return "Basic " + base64.b64encode(account.encode()).decode()

    # ---- one for each provider ------------------------------------------------------------------------------------------

    def check_sendgrid(self, request):
        mail = request["job"]
        problems = is_json(request) + fits(SENDGRID_MAIL, mail)
        if request["headers"]["authorization"] != self.authorization("sendgrid"):
            problems.append("authorization")
        if {name.lower() for name in mail["headers"]} & SENDGRID_RESERVED:
            problems.append(f"reserved headers {mail['headers']}")
        delivery = mail["personalizations"][0]["custom_args"]["delivery_id"]
        domain = mail["from"]["email"].rpartition("@")[2]
        if mail["headers"]["Message-ID"] != f"<{delivery}@{domain}>" or not UUID.fullmatch(delivery):
            problems.append(f"ids {delivery} {mail['headers']}")
        return problems

    def check_signature(self, request, service):
        config = CONFIGS[service]
        return self.verify(kind="sigv4", service=service, **{k: config[k] for k in (
            "region", "access_key_id", "secret_access_key")}, **{k: request[k] for k in ("method", "path", "headers", "body")})

    def check_ses(self, request):
        mail = request["job"]
        problems = is_json(request) + fits(SES_MAIL, mail) + self.check_signature(request, "ses")
        if not email.utils.parseaddr(mail["FromEmailAddress"])[1] or re.search(r"[\x00-\x1f\x7f-\uffff]",
                                                                                mail["FromEmailAddress"]):
            problems.append(f"sender {mail['FromEmailAddress']!r}")
        return problems

    def check_sns(self, request):
        form = request["form"] = form_of(request)
        problems = is_form(request) + self.check_signature(request, "sns")
        if (form["Action"], form["Version"]) != ("Publish", "2010-03-31"):
            problems.append("action")
        if not re.fullmatch(r"\+[0-9]{6,15}", form["PhoneNumber"]) or not form["Message"]:
            problems.append("number or message")
        entries = {}
        for name, value in form.items():
            found = re.fullmatch(r"MessageAttributes\.entry\.(\d+)\.(Name|Value\.DataType|Value\.StringValue)", name)
            if found:
                entries.setdefault(int(found[1]), {})[found[2]] = value
            elif name not in ("Action", "Version", "PhoneNumber", "Message"):
                problems.append(f"parameter {name}")
        if sorted(entries) != list(range(1, len(entries) + 1)) or any(set(e) != {"Name", "Value.DataType",
                                                                                 "Value.StringValue"} for e in entries.values()):
            problems.append(f"attributes {entries}")
        request["attributes"] = {e["Name"]: e["Value.StringValue"] for e in entries.values()}
        return problems

    def check_twilio(self, request):
        form = request["form"] = form_of(request)
        problems = is_form(request)
        if request["headers"]["authorization"] != self.authorization("twilio"):
            problems.append("authorization")
        if set(form) - {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"} or not form["Body"]:
            problems.append(f"form {form}")
        if ("From" in form) == ("MessagingServiceSid" in form) or not re.fullmatch(r"\+[0-9]{6,15}", form["To"]):
            problems.append("sender or recipient")
        return problems

    @staticmethod
    def check_slack(request):
        return is_json(request) + fits(SLACK_MESSAGE, request["job"])

    def check_webhook(self, request):
        problems = is_json(request) + fits(WEBHOOK_EVENT, request["job"])
        for secret in (WEBHOOK_SECRET, WEBHOOK_PREVIOUS):
            problems += self.verify(kind="standard_webhook", secret=secret, headers=request["headers"], body=request["body"])
        if request["headers"]["webhook-id"] != request["job"]["id"] or not UUID.fullmatch(request["job"]["id"]):
            problems.append("webhook-id is not the delivery's id")
        return problems
