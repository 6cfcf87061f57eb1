"""Who may see what: every route, asked by its owner, by somebody else, and by nobody."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from tests.web.conftest import House, Person
from werkzeug.routing import Rule

from twin.web.store.conversations import Said
from twin.web.store.invitations import TestState
from twin.web.store.uploads import Upload, UploadState
from twin.web.surveys import folder

ANYBODYS = {
    "home.front",
    "home.tried",
    "home.privacy",
    "accounts.sign_up",
    "accounts.signed_up",
    "accounts.log_in",
    "accounts.logged_in",
    "accounts.forgotten",
    "accounts.forgot",
    "accounts.choose",
    "accounts.chosen",
    "accounts.language",
    "blind.play",
    "blind.played",
    "sharing.guest",
    "sharing.begun",
    "static",
}
ONES_OWN = {
    "home.twins",
    "drafts.begin",
    "accounts.log_out",
    "accounts.settings",
    "accounts.change_password",
    "accounts.end_sessions",
    "removal.ask_account",
    "removal.account",
}
"""Routes without an id: they show who asks what is theirs."""


@dataclass
class Things:
    """One of everything, of one account."""

    house: House
    email: str
    ids: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        house, now = self.house, self.house.clock()
        store = house.site.store
        twin = house.twin(self.email)
        account = store.accounts.by_email(self.email)
        assert account
        assert twin.run_id
        upload = Upload(uuid4().hex, twin.id, "a", [{"path": "a", "size": 9}], UploadState.RECEIVING, None, None, now)
        store.uploads.add(upload)
        folder(house.site, upload.id).mkdir(parents=True)
        (folder(house.site, upload.id) / "000000").touch()
        talk = store.conversations.begin(twin.id, account.id, title="t", now=now)
        asked = store.conversations.say(talk, Said.PERSON, ["hi"], parent=None, now=house.clock())
        assert asked
        said = store.conversations.say(talk, Said.TWIN, ["yo"], parent=asked.id, now=house.clock())
        assert said
        test = store.invitations.begin_test(twin.id, now=now)
        store.invitations.set_test(test.token, TestState.OPEN, items=[])
        share = store.invitations.share(twin.id, replies=50, expires_at=now + timedelta(days=1), now=now)
        key, _ = house.site.keys.make(twin.id, label="l", now=now)
        self.ids = {
            "twin_id": twin.id,
            "run_id": twin.run_id,
            "upload_id": upload.id,
            "number": "0",
            "conversation_id": talk.id,
            "message_id": said.id,
            "key_id": key.id,
            "kind": "peft",
            "name": twin.name,
            "test": test.token,
            "share": share.token,
        }

    def path(self, rule: Rule) -> str:
        ids = {**self.ids, "token": self.ids["share" if "share" in rule.rule else "test"]}
        path = rule.rule
        for argument in rule.arguments:
            path = re.sub(rf"<(\w+:)?{argument}>", ids[argument], path)
        return path


def rules(app: Flask) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"} or {"HEAD"})
        if not rule.endpoint.startswith("api.")
    ]


def ask(person: Person, method: str, path: str) -> int:
    answer = person.browser.open(path, method=method, headers={**person.headers, "Accept": "text/html"})
    return answer.status_code


def private(house: House) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule, method in rules(house.app) if rule.endpoint not in ANYBODYS]


def test_nobody_gets_further_than_the_log_in(house: House) -> None:
    things = Things(house, house.ana().get("/account") and "ana@example.org")
    nobody = house.person()
    for rule, method in private(house):
        status = ask(nobody, method, things.path(rule))
        allowed = {404} if rule.endpoint.startswith("chat.") else set()
        assert status in allowed | ({302} if method == "GET" else {401}), (method, rule.rule, status)
        if status == 302:
            assert (
                "/login" in nobody.browser.get(things.path(rule), headers={"Accept": "text/html"}).headers["Location"]
            )


def test_somebody_elses_things_are_not_there(house: House) -> None:
    house.ana()
    eve = house.person().sign_up("eve@example.org")
    things = Things(house, "ana@example.org")
    for rule, method in private(house):
        if rule.endpoint not in ONES_OWN:
            assert ask(eve, method, things.path(rule)) == 404, (method, rule.rule)
    assert house.platform.records.twin(things.ids["twin_id"])
    assert house.site.store.conversations.get(things.ids["conversation_id"])


def test_ones_own_twin_opens_nothing_of_anothers(house: House) -> None:
    house.ana()
    eve = house.person().sign_up("eve@example.org")
    anas, eves = Things(house, "ana@example.org"), Things(house, "eve@example.org")
    mixed = Things.__new__(Things)
    mixed.ids = {**anas.ids, "twin_id": eves.ids["twin_id"]}
    asked = [
        (r, m) for r, m in private(house) if "twin_id" in r.arguments and len(r.arguments - {"kind", "number"}) > 1
    ]
    assert len(asked) >= 12
    for rule, method in asked:
        assert ask(eve, method, mixed.path(rule)) == 404, (method, rule.rule)


def test_the_owner_gets_in(house: House) -> None:
    ana = house.ana()
    things = Things(house, "ana@example.org")
    for rule, method in private(house):
        if method == "GET" and rule.endpoint not in {"drafts.me", "drafts.check", "training.stream"}:
            assert ask(ana, method, things.path(rule)) in {200, 302}, rule.rule


def test_nothing_is_changed_without_the_forms_token(house: House) -> None:
    ana = house.ana()
    things = Things(house, "ana@example.org")
    asked = [(rule, method) for rule, method in rules(house.app) if method not in {"GET", "HEAD"}]
    assert len(asked) > 35
    for rule, method in asked:
        for headers in ({}, {"X-CSRFToken": "forged"}):
            answer = ana.browser.open(
                things.path(rule), method=method, headers={**headers, "Accept": "text/html"}, data={"password": "x"}
            )
            assert (answer.status_code, "too old" in answer.text) == (400, True), (method, rule.rule)


def test_every_page_runs_and_loads_only_what_is_ours(house: House) -> None:
    ana = house.ana()
    things = Things(house, "ana@example.org")
    seen: set[str] = set()
    for rule, method in rules(house.app):
        if method != "GET" or rule.endpoint in {"static", "training.stream"}:
            continue
        answer = ana.browser.get(things.path(rule), headers={"Accept": "text/html"})
        if answer.status_code != 200:
            continue
        page, policy = answer.text, answer.headers["Content-Security-Policy"]
        seen.add(rule.endpoint)
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        # The whole report is a document of its own: it has one style sheet, let in by its hash, and no script.
        scripts = "<script" if rule.endpoint == "versions.report" else r"<style|<script(?![^>]*\bsrc=\"/static/)"
        assert not re.search(scripts, page), rule.rule
        assert not re.search(r"\s(?:on[a-z]+|style)=|javascript:|(?:src|href|action)=\"(?:https?:)?//", page), rule.rule
        assert all('method="post"' in form for form in re.findall("<form[^>]*>", page)), "words end up in addresses"
    assert len(seen) >= 18, seen


@pytest.mark.parametrize("path", ["me", "create"])
def test_a_finished_twin_is_no_draft(house: House, path: str) -> None:
    ana = house.ana()
    ana.get(f"/twins/{house.twin('ana@example.org').id}/{path}", status=404)


def test_only_an_admin_sees_the_admin_page(house: House) -> None:
    assert "How it does" in house.ana().get("/admin")
    house.person().sign_up("eve@example.org").get("/admin", status=404)


def test_a_guest_sees_nothing_but_their_own_conversation(house: House) -> None:
    ana = house.ana()
    things = Things(house, "ana@example.org")
    first, second = house.person(), house.person()
    path = first.post(f"/s/{things.ids['share']}", {"text": "hello"}).headers["Location"].partition("#")[0]
    assert "hello" in first.get(path)
    second.get(f"/s/{things.ids['share']}")
    second.get(path, status=404)
    ana.get(path, status=404)  # what a guest says is not the owner's to read
    first.get(f"/conversations/{things.ids['conversation_id']}", status=404)
    ana.post(f"/twins/{things.ids['twin_id']}/share/{things.ids['share']}/end")
    first.get(path, status=404)
    first.get(f"/s/{things.ids['share']}", status=404)
