"""Settings: where things are, read from the environment by the entry points and by nothing else."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from twin.errors import SettingsError

PREFIX = "TWIN_"


def _setting(default: str, meaning: str, *, shown: str | None = None, secret: bool = False) -> Any:
    shown = f"`{default}`" if shown is None else f"`{shown}`" if "$" in shown else shown
    return field(default=default, metadata={"meaning": meaning, "shown": shown, "secret": secret})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Every setting; the field `objects` is the variable `TWIN_OBJECTS`."""

    home: str = _setting("~/.twin", "the one folder that holds everything of an installation")
    objects: str = _setting(
        "",
        "where uploads, examples, adapters and reports are: `file:FOLDER` or `gs://BUCKET`",
        shown="file:$TWIN_HOME/objects",
    )
    records: str = _setting(
        "",
        "where twins and runs are recorded: `sqlite:///FILE`, `postgresql://USER:PASSWORD@HOST/DATABASE` or "
        "`bigquery://PROJECT/DATASET`",
        shown="sqlite:///$TWIN_HOME/twin.db",
    )
    runner: str = _setting(
        "worker:",
        "who does the training: `worker:` (this machine), `pubsub:PROJECT/TOPIC?users=TOPIC&dead=SUBSCRIPTION`, or in the function that this starts "
        "`vertex:PROJECT/REGION?pipeline=FILE&account=EMAIL`",
    )
    chat: str = _setting("llama:", "who answers: `llama:` (this machine) or `vllm:URL`")
    training: str = _setting(
        "",
        "where a pipeline trains, as a custom job on a spot machine: "
        "`vertex:PROJECT/REGION?image=IMAGE&machine=TYPE&accelerator=TYPE&account=EMAIL`",
        shown="in its own step",
    )
    serving: str = _setting(
        "",
        "where a pipeline registers and deploys what it trained: "
        "`vertex:PROJECT/REGION?image=IMAGE&base=gs://…&machine=TYPE&accelerator=TYPE&account=EMAIL`",
        shown="nowhere",
    )
    base: str = _setting(
        "gemma3-270m",
        "the base model of new twins: `gemma3-270m`, a KerasHub preset, a Hugging Face folder or a GGUF file",
    )
    bases: str = _setting(
        "", "further base models, separated by commas, that people may choose in the web app", shown="none"
    )
    web: str = _setting(
        "",
        "where the web app keeps accounts and conversations: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`",
        shown="$TWIN_RECORDS",
    )
    url: str = _setting(
        "",
        "the address under which people reach the web app; needed where it is served beyond this machine",
        shown="http://127.0.0.1:8000",
    )
    mail: str = _setting(
        "",
        "who sends mail: `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`; without it, links are printed where "
        "`twin serve` runs",
        shown="print",
    )
    mail_from: str = _setting("twin@localhost", "the sender of the web app's mail")
    admins: str = _setting(
        "",
        "the e-mail addresses, separated by commas, of those who may see the admin page",
        shown="on a machine of one's own: the first account",
    )
    gemini: str = _setting(
        "",
        "who is asked by `twin run --gemini` what was said before the passages of diaries and letters: `key:KEY` or "
        "`vertex:PROJECT/REGION`",
        shown="nobody",
        secret=True,
    )
    telegram_token: str = _setting(
        "", "what Telegram's BotFather gave for `twin bot telegram`", shown="none", secret=True
    )

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that `environ` holds; an empty variable counts as unset.

        Raises SettingsError for a `TWIN_…` variable that is no setting.
        """
        names = {PREFIX + item.name.upper(): item.name for item in fields(cls)}
        for variable in sorted(environ):
            if variable.startswith(PREFIX) and variable not in names:
                close = difflib.get_close_matches(variable, names, n=1) or ["one of " + ", ".join(sorted(names))]
                raise SettingsError(f"{variable} is not a setting of twin. Did you mean {close[0]}? If not, unset it.")
        return cls(**{name: environ[variable] for variable, name in names.items() if environ.get(variable)})

    def variables(self) -> dict[str, str]:
        """What `load` makes these settings of again, for processes that are started."""
        return {PREFIX + item.name.upper(): getattr(self, item.name) for item in fields(self)}

    @property
    def folder(self) -> Path:
        """`home` as an absolute path."""
        return Path(self.home).expanduser().absolute()

    @property
    def objects_address(self) -> str:
        return self.objects or f"file:{self.folder / 'objects'}"

    @property
    def records_address(self) -> str:
        return self.records or f"sqlite:///{self.folder / 'twin.db'}"

    @property
    def web_address(self) -> str:
        if self.web or self.records_address.startswith(("sqlite:", "postgresql")):
            return self.web or self.records_address
        return f"sqlite:///{self.folder / 'web.db'}"

    @property
    def base_choices(self) -> tuple[str, ...]:
        """The base models that people may choose from, the usual one first."""
        return tuple(dict.fromkeys([self.base, *filter(None, map(str.strip, self.bases.split(",")))]))

    def __repr__(self) -> str:
        # Settings end up in tracebacks and logs; a database address may hold a password.
        values = {item.name: without_password(getattr(self, item.name)) for item in fields(self)}
        values |= {item.name: "***" for item in fields(self) if item.metadata["secret"] and values[item.name]}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def table() -> list[tuple[str, str, str]]:
    """Variable, default and meaning of every setting, as `docs/settings.md` lists them."""
    return [(PREFIX + item.name.upper(), item.metadata["shown"], item.metadata["meaning"]) for item in fields(Settings)]


def without_password(address: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"(://[^/:]*):.*@", r"\1:***@", address)
