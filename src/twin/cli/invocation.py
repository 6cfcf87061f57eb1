"""One invocation of the command: its settings, its platform, and where it prints."""

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from twin.domain.events import Watcher
    from twin.domain.runs import Run
    from twin.domain.twins import Twin
    from twin.pipeline.work import Work
    from twin.platform import Platform


@dataclass
class Invocation:
    """What commands share. Everything in it is made when it is first used.

    Attributes:
        closing: what is done when the command ends, however it ends.
    """

    debug: bool = False
    closing: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Let go of whatever was made."""
        self.closing.close()

    @cached_property
    def platform(self) -> "Platform":
        from twin.backends.local import temporary
        from twin.platform import Platform
        from twin.settings import Settings

        platform = Platform(Settings.load(os.environ))
        self.closing.enter_context(temporary.inside(platform.folder))
        return self.closing.enter_context(platform)

    @cached_property
    def out(self) -> "Console":
        """For what was asked for, in whole lines where a program reads it. Words of chats are never markup."""
        from rich.console import Console

        return Console(markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())

    @cached_property
    def err(self) -> "Console":
        """For what goes along with it: progress, hints."""
        from rich.console import Console

        return Console(markup=False, highlight=False, stderr=True)

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer; without a terminal nothing ever asks."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    def twin(self, name: str) -> "Twin":
        """The twin of that name. Raises NotFoundError, which lists those that are there."""
        from twin.domain.twins import LOCAL_USER
        from twin.pipeline.creation import find

        return find(self.platform.records, LOCAL_USER, name)

    @contextmanager
    def work(self, twin: "Twin", run: "Run", *, watch: "Watcher | None" = None) -> "Generator[Work]":
        """What a stage of a run works on, for what is asked of a run outside its stages."""
        from twin.domain.events import nobody
        from twin.pipeline.work import Work

        here = self.platform
        with TemporaryDirectory() as folder:
            scratch, watcher = Path(folder), watch or nobody
            yield Work(twin, run, here.objects, here.records, scratch, here.bases, here.chat, watcher, here.gemini)
