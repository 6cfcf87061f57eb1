"""What fuzzing found and what is known to be hostile: every request gets an answer that is no fault."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from tests.web.conftest import House
from twin.web import accounts, limits

HALF = "\ud83d"
"""Half of an emoji: JSON can hold it, UTF-8 cannot."""


def body(**told: Any) -> str:
    return json.dumps({"model": "Nora", "max_tokens": 2, **told})


BODIES = {
    body(messages=[{"role": "user", "content": f"a {HALF}"}]): 200,
    body(messages=[{"role": "user", "name": HALF, "content": "a"}]): 200,
    body(
        messages=[{"role": "system", "content": [{"type": "text", "text": HALF}]}, {"role": "user", "content": "a"}]
    ): 200,
    body(prompt=HALF): 200,
    body(prompt="a", stop=[HALF]): 200,
    body(messages=[{"role": HALF, "content": "a"}]): 400,
    body(prompt="a", temperature=float("nan")): 400,
    body(prompt="a", max_tokens=10**400): 400,
    '{"a":' * 100_000: 400,
    "[" * 100_000: 400,
    '"' + "a" * 900_000: 400,
    "\0": 400,
    "": 400,
}


def test_the_api_answers_whatever_is_asked(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.ana()
    _, secret = house.site.keys.make(house.twin("ana@example.org").id, label="k", now=house.clock())
    browser = house.app.test_client()
    house.app.testing, house.app.config["PROPAGATE_EXCEPTIONS"] = False, False
    for sent, status in BODIES.items():
        path = "/v1/completions" if "prompt" in sent else "/v1/chat/completions"
        answer = browser.post(path, data=sent, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status, (sent[:80], answer.text[:200])
        assert status == 200 or answer.json["error"]["message"].endswith(".")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "sent",
    [
        "[" * 100_000,
        json.dumps({"name": HALF, "files": [{"path": "a.txt", "size": 3}]}),
        json.dumps({"name": "a", "files": [{"path": f"{HALF}.txt", "size": 3}]}),
        json.dumps({"name": "a", "files": [{"path": "a.txt", "size": "x"}]}),
        json.dumps({"name": "a", "files": 3}),
        "null",
    ],
)
def test_an_upload_that_makes_no_sense_is_refused(house: House, sent: str) -> None:
    ana = house.ana()
    place = f"/twins/{house.twin('ana@example.org').id}/uploads"
    answer = ana.browser.post(place, data=sent, content_type="application/json", headers=ana.headers)
    assert answer.status_code == 400, answer.text


def test_many_passwords_at_once_do_not_take_the_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check takes 64 MB; whoever sends a hundred at once gets four at a time."""
    at_once = most = 0
    lock = threading.Lock()

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0.02)
            with lock:
                at_once -= 1
            raise VerifyMismatchError

    monkeypatch.setattr(accounts, "_hasher", Counting())
    monkeypatch.setattr(limits.limiter, "enabled", False)
    people = [house.person() for _ in range(12)]
    for person in people:
        person.get("/login")
    wrong = {"email": "ana@example.org", "password": "wrong wrong wrong"}
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda person: person.post("/login", wrong, status=400), people))
    assert 1 < most <= 4
