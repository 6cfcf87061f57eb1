"""Go's `text/template`, which Ollama uses, renders our Modelfile as the base's template renders the conversation."""
# ruff: noqa: E402  the imports come after the question whether they can be imported

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GO = shutil.which("go", path=str(Path(sys.executable).parent)) or shutil.which("go")
if GO is None:
    pytest.skip("needs Go: run `make test-oracles`", allow_module_level=True)

from twin.base.template import Dialogue, Template, Transcript
from twin.convert.frame import Frame
from twin.convert.ollama import template
from twin.domain.examples import Role, Turn

pytestmark = pytest.mark.oracle

PROGRAM = """
package main

import (
	"encoding/json"
	"os"
	"text/template"
)

type Message struct{ Role, Content string }

func main() {
	var question struct {
		Template string
		Messages []*Message
	}
	if err := json.NewDecoder(os.Stdin).Decode(&question); err != nil {
		panic(err)
	}
	parsed := template.Must(template.New("").Option("missingkey=zero").Parse(question.Template))
	if err := parsed.Execute(os.Stdout, map[string]any{"System": "", "Messages": question.Messages}); err != nil {
		panic(err)
	}
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(PROGRAM)
    environment = {"HOME": str(folder), "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    subprocess.run([GO, "build", "-o", "render", "main.go"], cwd=folder, env=environment, check=True)
    return folder / "render"


@pytest.mark.parametrize("speaker", ["Ana Pérez", 'Ana "the {{.System}}" \u200e`x` \\n', "آنا 👩‍🚀"])
@pytest.mark.parametrize("kind", [Transcript(), Dialogue()], ids=["transcript", "dialogue"])
@pytest.mark.parametrize("space", ["", " "])
def test_rendered_alike(kind: Template, speaker: str, space: str, program: Path) -> None:
    turns = [
        Turn(Role.OTHER, "Ben", ("hi {{.System}}",)),
        Turn(Role.OWNER, speaker, ("yo 😅",)),
        Turn(Role.OTHER, "Ben", ("¿qué tal?",)),
        Turn(Role.OWNER, speaker, ("ok",)),
        Turn(Role.OTHER, "Ben", ("bye",)),
    ]
    space = space if isinstance(kind, Transcript) else ""
    text = template(Frame.of(kind, speaker=speaker, partner="Ben"))
    for count in (1, 3, 5):
        messages = [
            {"Role": "assistant", "Content": space + turn.messages[0]}
            if turn.role is Role.OWNER
            else {"Role": "user", "Content": turn.messages[0]}
            for turn in turns[:count]
        ]
        rendered = subprocess.run(
            [program],
            input=json.dumps({"Template": text, "Messages": messages}).encode(),
            capture_output=True,
            check=True,
        ).stdout.decode()
        assert rendered == "".join(segment.text for segment in kind.prompt(turns[:count], speaker=speaker))
