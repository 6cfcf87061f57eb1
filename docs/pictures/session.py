"""Records docs/pictures/session.svg from the real program: run it where `twin demo` has made its twin.

.venv/bin/python docs/pictures/session.py
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from twin import sample

WIDTH = 84
ASKED = ("how's gravel?", "what's your secret for the pie?", "quiz tonight?")


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    show(console, ["parse", str(sample.path())], shown=f'parse "{sample.path().name}"')
    show(console, ["status"])
    for asked in ASKED:
        show(console, ["chat", "demo", "--once", asked], shown=f'chat demo --once "{asked}"')
    # Rich's picture would fetch a font from elsewhere; whatever fixed-width font is there will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="twin"), flags=re.DOTALL)
    Path(__file__).with_suffix(".svg").write_text(picture, encoding="utf-8")


def show(console: Console, arguments: list[str], *, shown: str | None = None) -> None:
    twin = Path(sys.executable).with_name("twin")
    environment = {**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1"}
    done = subprocess.run([twin, *arguments], check=True, capture_output=True, text=True, env=environment)
    console.print(Text.assemble(("$ ", "bold green"), (f"twin {shown or ' '.join(arguments)}", "bold")))
    console.print(Text.from_ansi(done.stdout.rstrip()))
    console.print()


if __name__ == "__main__":
    main()
