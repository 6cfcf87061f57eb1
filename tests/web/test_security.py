"""What keeps others out: headers, cookies, forms, hosts, limits, and logs without words."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update
from tests.web.conftest import PASSWORD, REPORT, Clock, House, Person

from twin.domain.events import Progress
from twin.domain.runs import Stage
from twin.errors import SettingsError
from twin.likeness.report import Sample
from twin.pipeline import keys
from twin.pipeline.journal import Journal
from twin.platform import Platform
from twin.settings import Settings
from twin.web import accounts, create_app, limits, server
from twin.web.mail import Mailer
from twin.web.site import secret_key
from twin.web.store.conversations import Said
from twin.web.store.corrections import Correction
from twin.web.store.invitations import TestState
from twin.web.store.tables import ACCOUNTS


def test_no_page_may_run_or_load_what_is_not_ours(house: House) -> None:
    ana = house.ana()
    twin = house.twin("ana@example.org").id
    for path in ["/", "/twins", f"/twins/{twin}/chat", f"/twins/{twin}/likeness", f"/twins/{twin}/chats"]:
        answer = ana.browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)|\bstyle=|<style|\bon[a-z]+=|javascript:", answer.text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_the_first_page_is_small(house: House) -> None:
    person = house.person()
    page = person.get("/")
    linked = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    total = len(page.encode()) + sum(len(person.file(address)[0]) for address in linked)
    assert len(linked) >= 3
    assert total < 100_000


def test_a_static_file_is_kept_under_an_address_of_its_content(house: House) -> None:
    person = house.person()
    address = re.findall(r'href="(/static/twin\.css\?v=\w{12})"', person.get("/"))[0]
    assert "immutable" in person.file(address)[1]


def test_the_cookie_is_for_this_site_alone(house: House) -> None:
    answer = house.person().post("/signup", {"email": "a@example.org", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.fixture
def public(settings: Settings) -> Iterator[Person]:
    with Platform(replace(settings, url="https://twin.example.org", admins="Boss@Example.org")) as platform:
        app = create_app(platform, mail=Mailer("", "t@example.org", show=lambda _: None), now=Clock())
        app.testing, app.config["RATELIMIT_ENABLED"] = True, False
        person = Person(app)
        person.browser.environ_base |= {"HTTP_HOST": "twin.example.org", "HTTP_X_FORWARDED_PROTO": "https"}
        person.browser.environ_base["HTTP_REFERER"] = "https://twin.example.org/"
        yield person
        app.extensions["twin"].jobs.shutdown()
        app.extensions["twin"].store.database.close()


def test_in_public_the_cookie_is_secure_and_nobody_becomes_admin_by_being_first(public: Person) -> None:
    answer = public.browser.get("/", base_url="https://twin.example.org")
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    token = re.findall(r'csrf-token" content="([^"]+)"', answer.text)[0]
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-twin=")
    assert "Secure" in cookie
    form = {"email": "eve@example.org", "password": PASSWORD, "csrf_token": token}
    public.browser.post("/signup", data=form, base_url="https://twin.example.org")
    (account,) = public.app.extensions["twin"].store.accounts.all()
    assert (account.admin, account.id == "local") == (False, False)


def test_another_host_is_not_served(house: House) -> None:
    browser = house.person().browser
    for accept in ("text/html", "application/json"):
        answer = browser.get("/", headers={"Host": "evil.example", "Accept": accept})
        assert (answer.status_code, answer.text) == (400, "Bad Request.\n")
    assert browser.get("/", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_a_form_without_its_token_is_refused(house: House) -> None:
    ana, eve = house.ana(), house.person().sign_up("eve@example.org")
    eve.get("/twins")
    for token in ("", "forged", eve.token):
        answer = ana.browser.post("/twins", data={"csrf_token": token}, headers={"Accept": "text/html"})
        assert answer.status_code == 400
        assert "too old" in answer.text
    assert not house.platform.records.twins("local")


def test_the_secret_key_is_made_once_and_for_its_owner(house: House) -> None:
    file = house.platform.folder / "secret-key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret_key(house.platform.folder) == house.app.config["SECRET_KEY"]
    assert len(file.read_text()) >= 64


@pytest.fixture
def limited(house: House) -> Iterator[House]:
    limits.limiter.reset()
    limits.limiter.enabled = True
    yield house
    limits.limiter.reset()
    limits.limiter.enabled = False


def test_log_in_is_limited(limited: House) -> None:
    limited.ana()
    person = limited.person()
    wrong: dict[str, object] = {"email": "ana@example.org", "password": "wrong wrong wrong"}
    for _ in range(10):
        person.post("/login", wrong, status=400)
    answer = person.post("/login", {"email": "ana@example.org", "password": PASSWORD}, status=429)
    assert int(answer.headers["Retry-After"]) > 0
    assert "too often" in answer.text


def test_replies_are_limited_for_each_account(limited: House) -> None:
    ana, eve = limited.ana(), limited.person().sign_up("eve@example.org")
    twin, other = limited.twin("ana@example.org").id, limited.twin("eve@example.org").id
    for _ in range(30):
        ana.post(f"/twins/{twin}/chat", {"text": ""}, status=400)
    ana.post(f"/twins/{twin}/chat", {"text": "hi"}, status=429)
    eve.post(f"/twins/{other}/chat", {"text": ""}, status=400)


def test_uploads_and_trainings_are_limited(limited: House) -> None:
    ana = limited.ana()
    twin = limited.twin("ana@example.org").id
    for _ in range(600):
        answer = ana.browser.post(f"/twins/{twin}/uploads", json={}, headers=ana.headers)
        assert answer.status_code == 400
    assert ana.browser.post(f"/twins/{twin}/uploads", json={}, headers=ana.headers).status_code == 429
    for _ in range(10):
        ana.post(f"/twins/{twin}/share", {"days": "0"}, status=400)
    ana.post(f"/twins/{twin}/share", {"days": "1", "replies": "50"}, status=429)


def test_what_people_write_is_escaped(house: House) -> None:
    ana = house.ana()
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    twin = replace(house.twin("ana@example.org"), name=evil, speakers=(evil,))
    house.platform.records.save(twin)
    for path in ["/twins", *[f"/twins/{twin.id}/{page}" for page in ("chat", "likeness", "share", "delete", "export")]]:
        page = ana.get(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_what_a_model_says_is_escaped(house: House) -> None:
    ana = house.ana()
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    twin = house.twin("ana@example.org")
    run = house.platform.records.run(twin.run_id or "")
    store = house.site.store
    talk = store.conversations.begin(twin.id, twin.owner, title=evil, now=house.clock())
    asked = store.conversations.say(talk, Said.PERSON, [evil], parent=None, now=house.clock())
    assert asked
    said = store.conversations.say(talk, Said.TWIN, [evil], parent=asked.id, remembered=[evil], now=house.clock())
    assert said
    store.corrections.save(Correction(said.id, twin.id, [], evil, house.clock()))
    test = store.invitations.begin_test(twin.id, now=house.clock())
    item = {"said": [{"name": evil, "messages": [evil]}], "real": [evil], "twin": [evil], "twin_first": True}
    store.invitations.set_test(test.token, TestState.REVIEW, items=[item])
    Journal(house.platform.objects, run, Stage.TRAIN, scratch=house.platform.scratch)(
        Progress(Stage.TRAIN, 1, 2, {"loss": 1.0}, note=evil)
    )
    file = house.platform.scratch / "report.json"
    sample = Sample(((evil, evil),), (evil,), (evil,))
    file.write_text(json.dumps(replace(REPORT, speaker=evil, samples=(sample,)).to_json()), "utf-8")
    house.platform.objects.put(keys.run(run) + keys.REPORT, file)
    pages = [
        ana.get(path)
        for path in (
            f"/conversations/{talk.id}",
            f"/twins/{twin.id}/training",
            f"/twins/{twin.id}/likeness",
            f"/twins/{twin.id}/versions/{run.id}/report",
            f"/twins/{twin.id}/blind-tests",
        )
    ]
    store.invitations.set_test(test.token, TestState.OPEN)
    pages.append(ana.get(f"/t/{test.token}"))
    pages.append(ana.post(f"/t/{test.token}", {"item-0": "first"}, status=200).text)
    stream = ana.browser.get(f"/twins/{twin.id}/runs/{run.id}/events").text
    pages.append(json.loads(stream.partition("data: ")[2].partition("\n")[0]))
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "alert(1)" in page, "what is not shown says nothing about escaping"


def test_a_fault_is_noted_without_a_word_of_anybody(house: House, caplog: pytest.LogCaptureFixture) -> None:
    @house.app.get("/broken")
    def broken() -> str:  # pyright: ignore[reportUnusedFunction]
        raise ValueError("my secret words")

    house.app.testing, house.app.config["PROPAGATE_EXCEPTIONS"] = False, False
    ana = house.ana()
    with caplog.at_level(logging.DEBUG):
        page = ana.get("/broken", status=500)
    assert "secret" not in page
    assert "secret" not in caplog.text
    assert "ValueError at test_security.py" in caplog.text


def test_nothing_that_is_said_reaches_a_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    ana = house.ana()
    twin = house.twin("ana@example.org")
    with caplog.at_level(logging.DEBUG):
        ana.post(f"/twins/{twin.id}/chat", {"text": "xylophone secrets"})
        ana.post(f"/twins/{twin.id}/search", {"words": "xylophone"}, status=200)
    assert "xylophone" not in caplog.text


def test_serving_to_others_needs_an_address(settings: Settings) -> None:
    with Platform(settings) as platform, pytest.raises(SettingsError, match="TWIN_URL"):
        server.serve(platform, host="0.0.0.0", port=0, ready=print)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "evil", ""]
)
def test_no_log_in_leads_out_of_the_app(path: str) -> None:
    assert accounts._inside(path) == ""
    assert accounts._inside("/twins/1/chat?x=1") == "/twins/1/chat?x=1"


def test_who_is_not_an_admin_any_more_sees_no_admin_page(house: House) -> None:
    admins = house.site.store.accounts
    admins.add("first@example.org", "-", owner_of_machine=True, admins=frozenset(), now=house.clock())
    person = house.person().sign_up("boss@example.org")
    boss = admins.by_email("boss@example.org")
    assert boss
    with admins._database.write() as connection:
        connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == boss.id).values(admin=True))
    person.get("/admin", status=404)
    object.__setattr__(house.platform.settings, "admins", "Boss@example.org")
    person.get("/admin")


def test_without_mail_no_address_makes_an_admin(public: Person) -> None:
    answer = public.browser.get("/signup", base_url="https://twin.example.org")
    token = re.findall(r'csrf-token" content="([^"]+)"', answer.text)[0]
    form = {"email": "boss@example.org", "password": PASSWORD, "csrf_token": token}
    public.browser.post("/signup", data=form, base_url="https://twin.example.org")
    (account,) = public.app.extensions["twin"].store.accounts.all()
    assert not account.admin
