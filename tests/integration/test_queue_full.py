"""[limits] org_max_queued: an organization that has that many jobs queued gets 429 until some have ended."""
import pytest

from client import Org, faults
from faults import configured
from waiting import wait_until

PATH = "/background-jobs"
BULK = PATH + "/bulk"
LATER = {"job_type": "noop", "scheduled_at": "2099-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def narrow(rough):
    with configured(rough, "[limits]\norg_max_queued=5\n"):
        rough.restart("api")
        yield rough
    rough.restart("api")


def check_full(answer):
    assert answer.status_code == 429 and answer.json()["code"] == "queue_full", answer.text
    assert int(answer.headers["Retry-After"]) >= 1 and "5 of at most 5" in answer.json()["detail"]


def test_full(narrow):
    org = Org(narrow, "full")
    first = org.admin.post(BULK, {"jobs": [LATER] * 5}, headers={"Idempotency-Key": "k"})
    assert first.status_code == 201, first.text
    for path, body in ((PATH, LATER), (BULK, {"jobs": [LATER]})) * 2:
        check_full(org.admin.post(path, body))
    again = org.admin.post(BULK, {"jobs": [LATER] * 5}, headers={"Idempotency-Key": "k"})
    assert again.content == first.content, "what was accepted is told again"
    assert org.admin.get(PATH).json()["total"] == 5
    assert Org(narrow, "full").admin.post(PATH, LATER).status_code == 201, "others have room"
    assert org.admin.cancel(first.json()["jobs"][0]["id"]).status_code == 200
    wait_until("room for one", lambda: org.admin.post(PATH, LATER).status_code == 201, 5, narrow)


def test_a_bulk_that_does_not_fit(narrow):
    org = Org(narrow, "full")
    assert faults(org.admin.post(BULK, {"jobs": [LATER] * 6})) == {"/jobs": "length"}
    assert org.admin.post(BULK, {"jobs": [LATER] * 4}).status_code == 201
    refused = org.admin.post(BULK, {"jobs": [LATER] * 2})
    assert refused.status_code == 429 and "4 of at most 5" in refused.json()["detail"]
    assert org.admin.post(PATH, LATER).status_code == 201, "one fits"
