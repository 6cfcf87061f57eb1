"""What base models are called. Needs no library, so that a twin can be made where none is installed."""

from pathlib import Path

from twin.errors import SettingsError

DEFAULT = "gemma3-270m"
"""The base that ships as a package."""


def checked(name: str) -> str:
    """The name of a base model as twins record it: a path is made whole, so that it is found from everywhere.

    Raises:
        SettingsError: no such base; says which there are.
    """
    if name == DEFAULT:
        return name
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and not path.is_file():
        raise SettingsError(f"Base model {name}: there is no such file. Give the path of a GGUF file.")
    if path.suffix == ".gguf" or path.is_dir():
        return str(path.absolute())  # links as they are: a server elsewhere may know the model by this path
    if name.startswith("gemma3_"):
        return name
    raise SettingsError(
        f"Base model {name!r} is not known. Give {DEFAULT}, a KerasHub preset (gemma3_1b, gemma3_instruct_1b, …), "
        "a Hugging Face folder, or the path of a GGUF file."
    )
