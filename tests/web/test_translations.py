"""Every text of the web app in every language."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from tests.web.conftest import House

import twin.web
from twin.web.site import LANGUAGES

WEB = Path(twin.web.__file__).parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OTHERS = [code for code in LANGUAGES if code != "en"]


@pytest.fixture(scope="module")
def texts() -> Catalog:
    found = Catalog()
    for _file, _line, text, _comments, _context in extract_from_dir(str(WEB), METHODS):
        found.add(text)
    return found


def catalogue(language: str) -> Catalog:
    return read_po(
        BytesIO((WEB / "translations" / language / "LC_MESSAGES" / "messages.po").read_bytes()), locale=language
    )


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(texts: Catalog, language: str) -> None:
    there = catalogue(language)
    missing = [one.id for one in texts if one.id and not getattr(there.get(one.id), "string", None)]
    assert missing == []
    gone = [one.id for one in there if one.id and one.id not in texts]
    assert gone == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_holds_the_same_values(language: str) -> None:
    names = re.compile(r"%\((\w+)\)[sd.\d]*f?")
    for one in catalogue(language):
        if not one.id:
            continue
        ids, strings = (value if isinstance(value, tuple) else (value,) for value in (one.id, one.string))
        assert set(names.findall(ids[-1])) == set(names.findall(strings[-1])), ids


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_shown_is_what_is_written(language: str) -> None:
    compiled = read_mo(BytesIO((WEB / "translations" / language / "LC_MESSAGES" / "messages.mo").read_bytes()))
    written = catalogue(language)
    assert _as_lists(compiled) == _as_lists(written)


def test_the_language_follows_the_browser_and_the_choice(house: House) -> None:
    person = house.person()
    spanish = {"Accept-Language": "es-MX,es;q=0.9", "Accept": "text/html"}
    page = person.browser.get("/", headers=spanish)
    assert "Habla con una IA" in page.text
    assert 'lang="es"' in page.text
    assert page.headers["Content-Language"] == "es"
    person.post("/language", {"language": "es"})
    assert "Habla con una IA" in person.get("/")
    person.post("/language", {"language": "tlh"})
    person.post("/language", {"language": "en"})
    assert "Talk with an AI" in person.get("/")


def _as_lists(texts: Catalog) -> list[list[str]]:
    """Ids and strings alike, be they one or plural."""
    return sorted([*_listed(one.id), *_listed(one.string)] for one in texts if one.id)


def _listed(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text)  # pyright: ignore[reportArgumentType, reportCallIssue]
