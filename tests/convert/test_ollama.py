"""Modelfiles for Ollama, and the text around messages that they are made of."""

from pathlib import Path

from tests.tiny import TinyGemma

from twin.base.models import Base
from twin.base.template import Dialogue, Transcript
from twin.convert.frame import Frame
from twin.convert.ollama import template, write_modelfile

TRANSCRIPT = Frame.of(Transcript(), speaker="Ana Pérez", partner="Ben")


def test_frame_of_a_transcript() -> None:
    assert (
        Frame(opening="Ben: ", answer="\n\nAna Pérez: ", again="\n\nBen: ", final="\n\nAna Pérez:", stop="\n")
        == TRANSCRIPT
    )


def test_frame_of_a_dialogue_closes_with_its_mark() -> None:
    frame = Frame.of(Dialogue(start="<|turn>", end="<turn|>"), speaker="Ana", partner="Ben")
    assert frame.answer == frame.final == "<turn|>\n<|turn>model\n"
    assert frame.again == "<turn|>\n<|turn>user\nBen: "
    assert frame.stop == "<turn|>"


def test_template_is_the_frame_around_ollamas_messages() -> None:
    assert template(TRANSCRIPT) == (
        '{{ range $i, $_ := .Messages }}{{ if eq .Role "user" }}{{ if $i }}\n\nBen: {{ else }}Ben: {{ end }}'
        '{{ .Content }}{{ else if eq .Role "assistant" }}\n\nAna Pérez:'
        '{{ if ne (printf "%.1s" .Content) " " }} {{ end }}{{ .Content }}{{ end }}{{ end }}\n\nAna Pérez:'
    )


def test_a_name_cannot_break_out_of_the_template() -> None:
    frame = Frame.of(Transcript(), speaker='{{.System}} """ \u200e@final@', partner="Ben")
    text = template(frame)
    assert ".System}}" not in text
    assert '"""' not in text
    assert "\u200e" not in text
    assert text.endswith('{{ "\\U00000022" }} {{ "\\U0000200e" }}@final@:')


def test_modelfile_names_the_merged_model_and_where_a_reply_ends(tiny: TinyGemma, tmp_path: Path) -> None:
    base = Base("tiny", tiny.gguf)
    write_modelfile(base, tmp_path / "Modelfile", model="model.gguf", speaker='Ana """ Pérez', partner="Ben")
    text = (tmp_path / "Modelfile").read_text(encoding="utf-8")
    assert text.startswith('FROM ./model.gguf\nTEMPLATE """{{ range')
    assert '\nPARAMETER stop "\n"\n' in text
    assert "ADAPTER" not in text
    assert text.count('"""') == 4
