"""A Modelfile for Ollama.

It names a merged model, not a base and an adapter: Ollama's engine for Gemma 3 answers "loras are not yet
implemented" when such a model is first asked (seen up to 0.22), and from 0.34.1 `ollama create` refuses `ADAPTER`.

Source: Ollama's `docs/modelfile.md` and `docs/template.md`; the template language is Go's `text/template`.
"""

import re
from pathlib import Path

from twin.base.models import Base
from twin.convert.frame import Frame
from twin.convert.readme import notice
from twin.domain.ports import Sampling

_TEMPLATE = (
    "{{ range $i, $_ := .Messages }}"
    '{{ if eq .Role "user" }}{{ if $i }}@again@{{ else }}@opening@{{ end }}{{ .Content }}'
    '{{ else if eq .Role "assistant" }}@final@@space@{{ .Content }}{{ end }}'
    "{{ end }}@final@"
)
# A model writes the space after a name itself, and Ollama hands back a reply as it came; a client may trim it.
_SPACE = '{{ if ne (printf "%.1s" .Content) " " }} {{ end }}'


def write_modelfile(base: Base, target: Path, *, model: str, speaker: str, partner: str) -> None:
    """Write the Modelfile for a merged GGUF file that lies beside it under the name `model`."""
    frame = Frame.of(base.template, speaker=speaker, partner=partner)
    terms = notice(speaker).replace('"', "'")
    sampling = Sampling()
    target.write_text(
        f"FROM ./{model}\n"
        f'TEMPLATE """{template(frame)}"""\n'
        f'PARAMETER stop "{frame.stop}"\n'
        f"PARAMETER temperature {sampling.temperature}\n"
        f"PARAMETER top_p {sampling.top_p}\n"
        f"PARAMETER top_k {sampling.top_k}\n"
        f"PARAMETER min_p {sampling.min_p}\n"
        f"PARAMETER repeat_penalty {sampling.repeat_penalty}\n"
        f"PARAMETER num_predict {sampling.max_tokens}\n"
        f'LICENSE """{terms}"""\n',
        encoding="utf-8",
    )


def template(frame: Frame) -> str:
    """The conversation as Ollama renders it, up to where the model goes on."""
    values = {
        "opening": _literal(frame.opening),
        "again": _literal(frame.again),
        "final": _literal(frame.final),
        "space": _SPACE if frame.answer == frame.final + " " else "",
    }
    return re.sub("@([a-z]+)@", lambda match: values[match[1]], _TEMPLATE)


def _literal(text: str) -> str:
    """Text that means itself: names may hold braces, quotes and marks that Ollama's parser would drop."""
    return "".join(
        sign if sign == "\n" or (sign.isprintable() and sign not in '{}"') else f'{{{{ "\\U{ord(sign):08x}" }}}}'
        for sign in text
    )
