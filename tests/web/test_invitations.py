"""Blind tests and shares: made, opened, played, closed."""

import re
from datetime import timedelta

import pytest
from tests.web.conftest import EXAMPLES, House, Person

from twin.domain.twins import Twin
from twin.web.store.invitations import BlindTest, TestState


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


@pytest.fixture
def twin(house: House, ana: Person) -> Twin:
    return house.twin("ana@example.org")


@pytest.fixture
def test(house: House, ana: Person, twin: Twin) -> BlindTest:
    ana.post(f"/twins/{twin.id}/blind-tests")
    house.wait()
    (made,) = house.site.store.invitations.tests(twin.id)
    return made


def opened(house: House, ana: Person, twin: Twin, test: BlindTest, keep: list[int]) -> BlindTest:
    ana.post(f"/twins/{twin.id}/blind-tests/{test.token}/open", {"item": [str(one) for one in keep]})
    found = house.site.store.invitations.get_test(test.token)
    assert found
    return found


def test_a_test_holds_real_and_made_replies_to_held_out_messages(test: BlindTest) -> None:
    assert test.state is TestState.REVIEW
    real = {example.turns[-1].messages for example in EXAMPLES}
    assert len(test.items) >= 3
    for item in test.items:
        assert tuple(item["real"]) in real
        assert item["twin"]
        assert item["twin"] != item["real"]
    assert {item["twin_first"] for item in test.items} == {True, False}


def test_friends_see_only_what_the_owner_let_them(house: House, ana: Person, twin: Twin, test: BlindTest) -> None:
    friend = house.person()
    friend.get(f"/t/{test.token}", status=404)
    test = opened(house, ana, twin, test, [0, 2])
    page = friend.get(f"/t/{test.token}")
    assert page.count("<fieldset") == 2
    assert "twin_first" not in page


def test_picks_are_counted_and_nothing_else_is_kept(house: House, ana: Person, twin: Twin, test: BlindTest) -> None:
    test = opened(house, ana, twin, test, [0, 1, 2])
    fooled = {f"item-{n}": "first" if item["twin_first"] else "second" for n, item in enumerate(test.items)}
    right = {name: "second" if side == "first" else "first" for name, side in fooled.items()}
    assert "right 0 times out of 3" in house.person().post(f"/t/{test.token}", fooled, status=200).text
    assert "right 3 times out of 3" in house.person().post(f"/t/{test.token}", right, status=200).text
    house.person().post(f"/t/{test.token}", {"item-0": "third", "item-99": "first"}, status=400)
    picks = house.site.store.invitations.picks(test.token)
    assert (picks[True], picks[False]) == (3, 3)
    page = ana.get(f"/twins/{twin.id}/blind-tests")
    assert "50 % of the picks took the twin for you" in page
    assert "19 % – 81 %" in page  # Wilson's interval of 3 in 6


def test_a_closed_test_takes_nothing_and_shows_nothing(house: House, ana: Person, twin: Twin, test: BlindTest) -> None:
    test = opened(house, ana, twin, test, [0])
    house.person().post(f"/t/{test.token}", {"item-0": "first"}, status=200)
    ana.post(f"/twins/{twin.id}/blind-tests/{test.token}/close")
    house.person().get(f"/t/{test.token}", status=404)
    house.person().post(f"/t/{test.token}", {"item-0": "first"}, status=404)
    assert "1 pick" in ana.get(f"/twins/{twin.id}/blind-tests")
    closed = house.site.store.invitations.get_test(test.token)
    assert closed
    assert closed.items == []


def test_a_share_expires(house: House, ana: Person, twin: Twin) -> None:
    ana.post(f"/twins/{twin.id}/share", {"days": "7", "replies": "50"})
    ana.post(f"/twins/{twin.id}/share", {"days": "9999", "replies": "50"}, status=400)
    path = re.findall(r"http://localhost(/s/\S+?)\"", ana.get(f"/twins/{twin.id}/share"))[0]
    house.person().get(path)
    house.clock.time += timedelta(days=7)
    house.person().get(path, status=404)


def test_a_key_is_shown_once_opens_the_api_and_can_be_revoked(house: House, ana: Person, twin: Twin) -> None:
    page = ana.post(f"/twins/{twin.id}/keys", {"label": "my phone"}, status=200).text
    secret = re.findall(r'value="(twin-[^"]+)"', page)[0]
    assert secret not in ana.get(f"/twins/{twin.id}/keys")
    program = house.app.test_client()

    def models() -> int:
        return program.get("/v1/models", headers={"Authorization": f"Bearer {secret}"}).status_code

    assert models() == 200
    (key,) = house.site.keys.listed(twin.id)
    ana.post(f"/twins/{twin.id}/keys/{key.id}/revoke")
    assert models() == 401
    assert program.get("/v1/models").status_code == 401
