"""Settings."""

from pathlib import Path

import pytest

from twin.errors import SettingsError
from twin.settings import Settings, table


def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings.load({"PATH": "/bin"})
    assert settings.folder == tmp_path / ".twin"
    assert settings.objects_address == f"file:{tmp_path}/.twin/objects"
    assert settings.records_address == f"sqlite:///{tmp_path}/.twin/twin.db"


def test_home_moves_what_is_not_set_itself(tmp_path: Path) -> None:
    settings = Settings.load({"TWIN_HOME": str(tmp_path), "TWIN_RECORDS": "postgresql://u@h/d", "TWIN_OBJECTS": ""})
    assert settings.objects_address == f"file:{tmp_path}/objects"
    assert settings.records_address == "postgresql://u@h/d"


def test_the_web_app_shares_the_records_where_they_are_sql(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert Settings(home=home).web_address == f"sqlite:///{tmp_path}/twin.db"
    assert Settings(home=home, records="postgresql://u@h/d").web_address == "postgresql://u@h/d"
    assert Settings(home=home, records="bigquery://p/d").web_address == f"sqlite:///{tmp_path}/web.db"
    assert Settings(home=home, web="postgresql://u@h/w").web_address == "postgresql://u@h/w"


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"TWIN_OBJECT is not a setting.*TWIN_OBJECTS"):
        Settings.load({"TWIN_OBJECT": "file:/x"})


def test_a_password_is_never_shown() -> None:
    settings = Settings(records="postgresql+pg8000://ana:s3cret:x@db.example/twin")
    assert "s3cret" not in repr(settings)
    assert "123:abc" not in repr(Settings(telegram_token="123:abc"))
    assert "db.example/twin" in repr(settings)
    for address in ("smtp://me@example.com:s3cret@mail.example", "smtp://me:s3@cret@mail.example"):
        shown = repr(Settings(mail=address))
        assert "cret" not in shown
        assert "@mail.example" in shown


def test_the_documentation_lists_every_setting() -> None:
    page = (Path(__file__).parents[1] / "docs" / "settings.md").read_text("utf-8")
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line[:3] == "| `"
    ]
    assert rows == [(f"`{name}`", default, meaning) for name, default, meaning in table()]


def test_no_part_of_a_password_is_shown() -> None:
    for password in ("s3cret", "s3/cret", "s3:cr/et"):
        shown = repr(Settings(records=f"postgresql://ana:{password}@db.example.org/twin"))
        assert "cret" not in shown
        assert "postgresql://ana:***@db.example.org/twin" in shown


def test_a_started_process_gets_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), runner="worker:")
    assert Settings.load(settings.variables()) == settings
