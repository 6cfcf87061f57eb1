"""What each image installs: the part of requirements/gcp.txt that its extras need, with the same hashes.

    .venv-cloud/bin/python deploy/image_requirements.py names    write deploy/images/*.txt anew
    python deploy/image_requirements.py cut web                  print the lines of the lock file for an image

One lock file stands for all images, so that they share versions and layers; building an image cuts out its part.
"""

# ruff: noqa: PLC0415  `cut` runs in an image that has nothing but Python yet

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

IMAGES = {
    "web": {"formats", "gcp", "gemini", "postgres", "web"},
    "worker": {"chat", "formats", "gcp", "gemini", "postgres", "train", "web"},
    "prepare": {"formats", "gcp", "gemini"},
    "trainer": {"chat", "gcp", "train"},
    "function": {"gcp"},
}
FILES_OF_MODELS = {"gguf", "ml-dtypes", "numpy", "protobuf", "safetensors", "sentencepiece"}
"""What reading a base model's vocabulary takes, of the extra `train`; prompts are rendered where there is no JAX."""

NEVER = {"tensorflow", "tensorflow-text", "torch"}
"""What requirements/overrides.txt leaves out."""


def names(image: str) -> list[str]:
    """Every package that an image's extras need, directly or not."""
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    for extra in IMAGES[image]:
        wanted += project["project"]["optional-dependencies"][extra]
    if image in {"prepare", "web"}:
        train = project["project"]["optional-dependencies"]["train"]
        wanted += [text for text in train if canonical(Requirement(text).name) in FILES_OF_MODELS]
    found: set[tuple[str, str]] = set()
    todo = [(Requirement(text), "") for text in wanted]
    while todo:
        requirement, of = todo.pop()
        name = canonical(requirement.name)
        if name in NEVER or (requirement.marker and not requirement.marker.evaluate({"extra": of})):
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                todo += [(Requirement(text), extra) for text in _requires(name)]
    return sorted({name for name, _ in found})


def cut(image: str) -> str:
    """The lines of the lock file for an image."""
    blocks: dict[str, str] = {}
    for block in re.split(r"(?m)^(?=[a-z0-9])", (ROOT / "requirements/gcp.txt").read_text("utf-8")):
        if match := re.match(r"[a-z0-9][a-z0-9._-]*", block):
            # A package with one version for each marker has several blocks.
            blocks[canonical(match[0])] = blocks.get(canonical(match[0]), "") + block.rstrip("\n") + "\n"
    return "".join(blocks[name] for name in (ROOT / f"deploy/images/{image}.txt").read_text("utf-8").split())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requires(name: str) -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires(name) or []
    except PackageNotFoundError:
        raise SystemExit(f"{name} is not installed here; run this with .venv-cloud/bin/python") from None


if __name__ == "__main__":
    if sys.argv[1] == "names":
        for each in IMAGES:
            (ROOT / f"deploy/images/{each}.txt").write_text("\n".join(names(each)) + "\n", "utf-8")
    else:
        sys.stdout.write(cut(sys.argv[2]))
