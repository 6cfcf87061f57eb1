"""The README of an export: what the files are, how to load them, how to prompt, under which terms."""

from pathlib import Path
from textwrap import indent

from twin.base.models import GEMMA_TERMS, Base
from twin.base.names import DEFAULT
from twin.base.template import line_name
from twin.convert.frame import Frame

_HOW = {
    "peft": """The LoRA adapter in PEFT's format. Load it over the base model that it was trained on:

    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base!r}), "this folder")

or serve it beside others: `vllm serve BASE --enable-lora --lora-modules twin="this folder"`.
""",
    "hf": """One model, base and adapter merged, in bfloat16. Load it like any other:

    from transformers import AutoModelForCausalLM, AutoTokenizer
    model, tokenizer = AutoModelForCausalLM.from_pretrained("this folder"), AutoTokenizer.from_pretrained("this folder")

or serve it: `vllm serve "this folder"`.
""",
    "gguf": """- `model.gguf`: base and adapter merged; it stands alone: `llama-server --model model.gguf`.
- `adapter.gguf`: the adapter alone, for the base's own GGUF file: `llama-server --model BASE --lora adapter.gguf`.
""",
    "ollama": """One model, base and adapter merged, with its Modelfile. In this folder:

    ollama create my-twin && ollama run my-twin
""",
}

_PUBLISHED = {DEFAULT: "google/gemma-3-270m"}


def published(base: Base) -> str:
    """What others call the base: its name on the Hugging Face hub, or its file's."""
    return _PUBLISHED.get(base.name, Path(base.name).name)


def readme(kind: str, base: Base, *, speaker: str, partner: str) -> str:
    """Markdown for the folder of an export of `kind`."""
    frame = Frame.of(base.template, speaker=speaker, partner=partner)
    prompt = f"{frame.opening}hi{frame.answer}hello{frame.again}how are you?{frame.final}"
    indented = indent(prompt, "    ") + "\n"
    return (
        f"# The twin of {line_name(speaker)}\n\n"
        f"{_HOW[kind].format(base=published(base))}\n"
        "## The prompt\n\n"
        "The model was trained on conversations of this form, after the beginning mark (`<bos>`), and goes on from its "
        f"end; a message ends with `{frame.stop!r}`:\n\n"
        f"{indented}\n"
        "## Terms\n\n"
        f"{notice(speaker)}\n"
    )


def notice(speaker: str) -> str:
    """What Gemma's terms ask to be said, and what a person should know before sharing the files."""
    return (
        f"Gemma is provided under and subject to the Gemma Terms of Use found at {GEMMA_TERMS}\n"
        f"These weights are modified: Gemma was fine-tuned on messages of {line_name(speaker)}. They may repeat what "
        "was written there; share them only with people who may read those messages."
    )
