"""The house: `docs/architecture.md` and `docs/where.md` say how the code really is."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "twin"
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if path.stat().st_size and "migrations" not in path.parts]
LINES = 300
"""More than that in one module needs a reason in its docstring, which says "one module" in it."""


def layers() -> list[set[str]]:
    """The layers of the import-linter contract, from the top."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = (one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    return [{name.strip(" ()") for name in layer.split("|")} for layer in contract["layers"]]


def picture() -> list[str]:
    """The folders in the picture, from top to bottom and from left to right."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    return re.findall(r"\[(\w+)\]", page.split("```")[1])


def test_the_picture_shows_the_layers_that_are_checked() -> None:
    shown = picture()
    for layer in layers():
        assert set(shown[: len(layer)]) == layer
        del shown[: len(layer)]
    assert shown == []


def test_the_picture_shows_every_folder() -> None:
    there = {path.stem for path in SOURCE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert there - {"__init__", "__main__", "__pycache__", "sample"} == set(picture())  # sample is a chat and its path


def test_imports_point_downwards() -> None:
    level = {name: depth for depth, layer in enumerate(layers()) for name in layer}
    for path in MODULES:
        here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twin."):
                there = str(node.module).split(".")[1]
                if here in level and there in level and here != there:
                    assert level[there] > level[here], f"{path.relative_to(SOURCE)} imports {node.module}"


def test_what_the_pages_point_to_is_there() -> None:
    named = r"`((?:[\w-]+/)+[\w-]+(?:\.\w+)?|[\w-]+\.(?:py|md|toml))`"
    missing: list[str] = []
    for page in ("docs/where.md", "docs/architecture.md", "docs/web.md", "CONTRIBUTING.md", "README.md"):
        for path in re.findall(named, (ROOT / page).read_text("utf-8")):
            places = (ROOT, SOURCE, SOURCE / "web")
            if not re.search("NAME|RUN|STAGE|TWIN", path) and not any((place / path).exists() for place in places):
                missing.append(f"{page}: {path}")
    assert missing == []


def test_names_that_the_page_mentions_are_defined() -> None:
    page = (ROOT / "docs" / "where.md").read_text("utf-8")
    found = re.findall(r"`([\w/]+\.py)`, `(\w+)`", page)
    assert len(found) >= 4
    for path, name in found:
        assert re.search(rf"^(?:def|class) {name}\b", (SOURCE / path).read_text("utf-8"), re.MULTILINE), (path, name)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    said = ast.get_docstring(ast.parse(text)) or ""
    assert said, "the first line says what the module is"
    assert text.count("\n") <= LINES or "one module" in said
