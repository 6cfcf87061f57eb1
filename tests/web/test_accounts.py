"""Accounts: beginning, logging in, forgetting, ending."""

import re
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from tests.web.conftest import PASSWORD, Clock, House, Person

from twin.domain.twins import LOCAL_USER
from twin.errors import SettingsError, UnavailableError
from twin.platform import Platform
from twin.settings import Settings
from twin.web import create_app
from twin.web.mail import Mailer


def log_in(person: Person, email: str, password: str = PASSWORD, *, status: int = 302) -> str:
    return person.post("/login", {"email": email, "password": password}, status=status).text


def test_an_address_has_one_account_whatever_its_case(house: House) -> None:
    house.ana()
    answer = house.person().post("/signup", {"email": "ANA@Example.org", "password": PASSWORD}, status=400)
    assert "No account could be made" in answer.text
    person = house.person()
    log_in(person, "ANA@example.ORG")
    assert "ana@example.org" in person.get("/account")


def test_the_first_account_is_that_of_the_machine(house: House) -> None:
    house.ana()
    house.person().sign_up("eve@example.org")
    accounts = house.site.store.accounts.all()
    assert [(one.id == LOCAL_USER, one.admin) for one in accounts] == [(True, True), (False, False)]
    assert "@" not in accounts[1].id


def test_a_wrong_password_says_no_more_than_a_wrong_address(house: House) -> None:
    house.ana()
    wrong = [
        log_in(house.person(), email, "not this one at all", status=400)
        for email in ("ana@example.org", "nobody@example.org")
    ]
    assert _without_tokens(wrong[0]) == _without_tokens(wrong[1])
    assert "do not belong together" in wrong[0]


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_is_neither_short_nor_endless(house: House, password: str) -> None:
    house.person().post("/signup", {"email": "ana@example.org", "password": password}, status=400)
    assert house.site.store.accounts.count() == 0


def test_a_password_is_kept_as_an_argon2_hash_only(house: House) -> None:
    house.ana()
    account = house.site.store.accounts.by_email("ana@example.org")
    assert account
    assert account.password.startswith("$argon2id$")
    assert all(PASSWORD.encode() not in file.read_bytes() for file in house.platform.folder.glob("twin.db*"))


def test_sessions_end_everywhere(house: House) -> None:
    here, there = house.ana(), house.person()
    log_in(there, "ana@example.org")
    here.post("/account/sessions")
    for person in (here, there):
        person.get("/twins", status=302)


def test_a_changed_password_ends_the_other_sessions(house: House) -> None:
    here, there = house.ana(), house.person()
    log_in(there, "ana@example.org")
    here.post("/account/password", {"password": "wrong wrong wrong", "new": "another good one"}, status=400)
    here.post("/account/password", {"password": PASSWORD, "new": "another good one"})
    here.get("/twins")
    there.get("/twins", status=302)
    log_in(there, "ana@example.org", status=400)
    log_in(there, "ana@example.org", "another good one")


def test_a_forgotten_password_is_replaced_through_a_link_that_works_once(house: House) -> None:
    house.ana().post("/logout")
    person = house.person()
    known = person.post("/forgotten", {"email": "Ana@example.org"}, status=200).text
    unknown = house.person().post("/forgotten", {"email": "eve@example.org"}, status=200).text
    told = [
        _without_tokens(page).replace(email, "")
        for page, email in ((known, "Ana@example.org"), (unknown, "eve@example.org"))
    ]
    assert told[0] == told[1]
    house.wait()
    (mail,) = house.mails
    link = re.search(r"http://localhost(/password/\S+)", mail)
    assert link
    person.post(link[1], {"password": "another good one"})
    person.get("/twins")
    person.get(link[1], status=404)
    house.person().get(link[1].replace("/password/", "/password/x"), status=404)


def test_a_link_expires(house: House) -> None:
    house.ana()
    token = house.site.sign("password", "ana@example.org", "word")
    assert house.site.signed("password", token, max_age_s=3600) == ("ana@example.org", "word")
    assert house.site.signed("password", token, max_age_s=-1) is None
    assert house.site.signed("another", token, max_age_s=3600) is None


def test_log_in_leads_back_but_never_out(house: House) -> None:
    house.ana()
    for given, expected in {
        "/account": "/account",
        "//evil.example": "/twins",
        "https://evil.example": "/twins",
    }.items():
        person = house.person()
        answer = person.post("/login", {"email": "ana@example.org", "password": PASSWORD, "next": given})
        assert answer.headers["Location"] == expected


class Post(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is sent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Clerk)

    @property
    def address(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Clerk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                assert isinstance(self.server, Post)
                self.server.mails.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
            if command == b"QUIT":
                return


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def mailing(settings: Settings, post: Post) -> Iterator[Flask]:
    with Platform(settings) as platform:
        app = create_app(platform, mail=Mailer(post.address, "twin@example.org"), now=Clock())
        app.testing, app.config["RATELIMIT_ENABLED"] = True, False
        yield app
        app.extensions["twin"].jobs.shutdown()
        app.extensions["twin"].store.database.close()


def test_with_mail_an_address_is_confirmed_and_nobody_learns_whether_it_has_an_account(
    mailing: Flask, post: Post
) -> None:
    pages = [Person(mailing).post("/signup", {"email": "ana@example.org"}, status=200).text]
    mailing.extensions["twin"].jobs.submit(lambda: None).result()
    while not post.mails:
        pass
    link = re.search(r"http://localhost(/password/\S+)", post.mails[0].replace("=\r\n", ""))
    assert link
    assert mailing.extensions["twin"].store.accounts.count() == 0
    Person(mailing).post(link[1].replace("3D", ""), {"password": PASSWORD})
    assert mailing.extensions["twin"].store.accounts.count() == 1
    pages.append(Person(mailing).post("/signup", {"email": "ana@example.org"}, status=200).text)
    assert len(set(map(_without_tokens, pages))) == 1
    while len(post.mails) < 2:
        pass
    assert "Your password for twin" in post.mails[1]


def test_who_is_listed_later_becomes_an_admin_through_a_mailed_link(mailing: Flask, post: Post) -> None:
    here = mailing.extensions["twin"]
    account = here.store.accounts.add(
        "boss@example.org", "-", owner_of_machine=False, admins=frozenset(), now=here.now()
    )
    here.platform.settings = replace(here.platform.settings, admins="Boss@Example.org")
    Person(mailing).post("/forgotten", {"email": "boss@example.org"}, status=200)
    here.jobs.submit(lambda: None).result()
    while not post.mails:
        pass
    link = re.search(r"http://localhost(/password/\S+)", post.mails[0].replace("=\r\n", ""))
    assert link
    boss = Person(mailing)
    boss.post(link[1].replace("3D", ""), {"password": PASSWORD})
    assert here.store.accounts.get(account.id).admin
    boss.get("/admin")


def test_a_mail_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(UnavailableError, match="does not take mail"):
        Mailer("smtp://127.0.0.1:9", "a@example.org").send("b@example.org", "s", "t")
    with pytest.raises(SettingsError, match="TWIN_MAIL"):
        Mailer("mail.example.org", "a@example.org")


def _without_tokens(page: str) -> str:
    return re.sub(r'(content|value)="[^"]*"', "", page)
