"""PyTorch, Transformers and PEFT compute with our files what Keras computed in training."""
# ruff: noqa: E402  the imports come after the question whether they can be imported

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch, Transformers and PEFT: run `make test-oracles`")

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.exact import attach, log_probabilities
from tests.lines import lines
from tests.llama import Llama
from tests.tiny import TinyGemma, tiny_adapter, tiny_gemma
from twin.base import keras
from twin.base.adapter import LoraAdapter, LowRank
from twin.base.lora import merge
from twin.base.models import Base
from twin.base.vocabulary import Piece
from twin.convert.gguf import write_adapter, write_merged
from twin.convert.huggingface import write_folder

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.timeout(900),
    # PEFT asks Transformers for something by an old name; what PEFT says of our files stays an error.
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

CHAT = """Ana: did you water the tomatoes this morning
Ben: not yet, i was asleep until ten 😅
Ana: the bus leaves at half past six, don't be late again!
Chen: 明天下午我们去公园吧，天气很好
Ben: okay okay, i will be there... probably
"""

Report = Callable[[str, np.ndarray, np.ndarray], float]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Print how far two sets of log-probabilities are apart, and return the greatest difference."""

    def show(what: str, ours: np.ndarray, theirs: np.ndarray) -> float:
        apart = np.abs(ours - theirs)
        divergence = (np.exp(ours) * (ours - theirs)).sum(-1)
        with capsys.disabled():
            print(
                f"\n  {what}: greatest difference {apart.max():.1e} nats, divergence {divergence.mean():.1e}",
                end="",
                flush=True,
            )
        return float(apart.max())

    return show


def ask(model: Any, tokens: list[int]) -> np.ndarray:
    """What a PyTorch model expects after each token: (tokens, words), in nats."""
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([tokens])).logits[0].double(), -1).numpy()


def read(folder: Path) -> Any:
    """A Hugging Face folder, computing in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


# --- random Gemma, seven layers, so that one has full attention ---


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> TinyGemma:
    return tiny_gemma(tmp_path_factory.mktemp("deep"), layers=7)


@pytest.fixture(scope="module")
def tokens(deep: TinyGemma) -> list[int]:
    words = len(deep.weights["model.embed_tokens.weight"])
    return [2, *np.random.default_rng(5).integers(4, words, 149).tolist()]


ADAPTERS = {
    "all layers": {"layers": tuple(range(7))},
    "upper layers": {"layers": (5, 6), "rank": 8},
    "query and value": {"layers": tuple(range(7)), "modules": ("self_attn.q_proj", "self_attn.v_proj"), "rank": 2},
}


@pytest.mark.parametrize("which", ADAPTERS)
def test_tiny(which: str, deep: TinyGemma, tokens: list[int], tmp_path: Path, report: Report) -> None:
    adapter = tiny_adapter(**ADAPTERS[which])
    backbone = deep.backbone()
    before = log_probabilities(backbone, tokens)
    base = read(deep.huggingface)
    assert report("base", before, ask(base, tokens)) < 1e-3

    attach(backbone, adapter)
    trained = log_probabilities(backbone, tokens)
    assert np.abs(trained - before).max() > 1

    adapter.save(tmp_path / "peft")
    peft = PeftModel.from_pretrained(base, tmp_path / "peft").eval()
    adapted = {name.removesuffix(".lora_A") for name, _ in peft.named_modules() if name.endswith(".lora_A")}
    assert adapted == {f"base_model.model.{name}" for name in adapter.weights}
    assert report(f"PEFT, {which}", trained, ask(peft, tokens)) < 1e-3

    peft.save_pretrained(tmp_path / "again")
    ours, theirs = LoraAdapter.load(tmp_path / "peft"), LoraAdapter.load(tmp_path / "again")
    assert (theirs.rank, theirs.alpha) == (ours.rank, ours.alpha)
    for name, (a, b) in ours.weights.items():
        np.testing.assert_array_equal(theirs.weights[name].a, a)
        np.testing.assert_array_equal(theirs.weights[name].b, b)

    write_folder(adapter, Base("tiny", deep.gguf), tmp_path / "hf", dtype="float32")
    exported = ask(read(tmp_path / "hf"), tokens)
    assert report(f"merged folder, {which}", trained, exported) < 1e-3
    assert np.abs(exported - before).max() > 1

    write_adapter(adapter, tmp_path / "adapter.gguf")
    words = trained.shape[1]
    llama = Llama(deep.gguf, [tmp_path / "adapter.gguf"])
    said = llama.log_probabilities(tokens, words=words, adapter=0)
    assert report(f"GGUF adapter, {which}", trained[-1:], said[None]) < 0.05


# --- Gemma 3 270M ---


@dataclasses.dataclass(frozen=True)
class Real:
    """Gemma 3 270M with an adapter of the strength that training gives it, and what Keras computes with it."""

    base: Base
    adapter: LoraAdapter
    tokens: list[int]
    before: np.ndarray
    trained: np.ndarray
    merged: np.ndarray


@pytest.fixture(scope="module")
def real(gemma: Base) -> Real:
    tokens = [gemma.vocabulary.bos, *gemma.vocabulary.encode(CHAT)]
    random = np.random.default_rng(0)
    backbone = keras.load(gemma)
    weights = {}
    for linear in keras.linears(backbone):
        matrix = gemma.model.floats(f"{linear.gguf}.weight")
        a = random.normal(0, 1, (8, matrix.shape[1]))
        b = random.normal(0, 1, (matrix.shape[0], 8))
        b *= 0.03 * np.linalg.norm(matrix) / np.linalg.norm(b @ a)
        weights[linear.name] = LowRank(a.astype(np.float32), b.astype(np.float32))
    adapter = LoraAdapter(rank=8, alpha=16, weights=weights)
    before = log_probabilities(backbone, tokens)
    merge(backbone, adapter)
    merged = log_probabilities(backbone, tokens)
    backbone = keras.load(gemma)
    attach(backbone, adapter)
    return Real(gemma, adapter, tokens, before, log_probabilities(backbone, tokens), merged)


def test_keras_merged(real: Real, report: Report) -> None:
    assert np.abs(real.trained - real.before).max() > 1
    assert report("270M, merged in Keras", real.trained, real.merged) < 1e-3


def test_peft_over_the_base_folder(real: Real, tmp_path: Path, report: Report) -> None:
    nothing = {name: LowRank(a, np.zeros_like(b)) for name, (a, b) in real.adapter.weights.items()}
    write_folder(dataclasses.replace(real.adapter, weights=nothing), real.base, tmp_path / "hf", dtype="float32")
    model = read(tmp_path / "hf")
    assert report("270M, base folder", real.before, ask(model, real.tokens)) < 1e-3
    real.adapter.save(tmp_path / "peft")
    assert (
        report("270M, PEFT", real.trained, ask(PeftModel.from_pretrained(model, tmp_path / "peft"), real.tokens)) < 1e-3
    )


def test_merged_folder(real: Real, tmp_path: Path, report: Report) -> None:
    write_folder(real.adapter, real.base, tmp_path / "exact", dtype="float32")
    assert report("270M, merged folder, float32", real.trained, ask(read(tmp_path / "exact"), real.tokens)) < 1e-3
    write_folder(real.adapter, real.base, tmp_path / "half")
    assert report("270M, merged folder, bfloat16", real.trained, ask(read(tmp_path / "half"), real.tokens)) < 0.5


def test_gguf(real: Real, tmp_path: Path, report: Report) -> None:
    # llama.cpp rounds what goes into a quantised layer to eight bits, with or without an adapter.
    at = list(range(15, len(real.tokens), 16))
    likely = np.argsort(-real.trained[at], axis=-1)[:, :1000]

    def said(llama: Llama, adapter: int | None) -> np.ndarray:
        all_words = real.trained.shape[1]
        rows = [llama.log_probabilities(real.tokens[: n + 1], words=all_words, most=5000, adapter=adapter) for n in at]
        return np.take_along_axis(np.stack(rows), likely, -1)

    def apart(what: str, exact: np.ndarray, other: np.ndarray) -> float:
        exact = np.take_along_axis(exact[at], likely, -1)
        known = np.isfinite(other)
        assert known.mean() > 0.9
        exact, other = np.where(known, exact, 0), np.where(known, other, 0)
        report(what, exact, other)
        return float((np.exp(exact) * (exact - other)).sum(-1).mean())

    write_adapter(real.adapter, tmp_path / "adapter.gguf")
    llama = Llama(real.base.path, [tmp_path / "adapter.gguf"])
    assert abs(apart("270M, base in llama.cpp, likely words", real.before, said(llama, None))) < 0.015
    adapted = said(llama, 0)
    assert abs(apart("270M, GGUF adapter, likely words", real.trained, adapted)) < 0.015
    assert abs(apart("270M, GGUF adapter against the base", real.before, adapted)) > 0.02
    del llama
    write_merged(real.adapter, real.base.model, tmp_path / "merged.gguf")
    merged = said(Llama(tmp_path / "merged.gguf"), None)
    assert abs(apart("270M, merged GGUF, likely words", real.trained, merged)) < 0.015


def _plain(base: Base) -> Iterator[str]:
    """Lines without the names of control tokens, which Transformers takes for the tokens themselves."""
    vocabulary = base.vocabulary
    marks = {piece for piece, kind in zip(vocabulary.pieces, vocabulary.types, strict=True) if kind == Piece.CONTROL}
    marks.add("<mask>")
    return (line for line in lines(vocabulary, seed=12) if not any(mark in line for mark in marks))


def test_tokenizer(gemma: Base, tmp_path: Path) -> None:
    out, into = gemma.model.tensors["blk.0.attn_q.weight"].shape
    pair = LowRank(np.zeros((1, into), np.float32), np.zeros((out, 1), np.float32))
    write_folder(LoraAdapter(1, 1, {"model.layers.0.self_attn.q_proj": pair}), gemma, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == len(gemma.vocabulary)
    count = 0
    for line in _plain(gemma):
        assert tokenizer(line, add_special_tokens=False).input_ids == gemma.vocabulary.encode(line), repr(line)
        count += 1
    assert count > 500
    assert tokenizer("hi").input_ids == [gemma.vocabulary.bos, *gemma.vocabulary.encode("hi")]
    assert tokenizer("<start_of_turn>", add_special_tokens=False).input_ids == [
        gemma.vocabulary.mark("<start_of_turn>")
    ]
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["tokenizer_class"] == "GemmaTokenizer"
