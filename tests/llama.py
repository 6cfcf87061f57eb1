"""llama.cpp in process, asked for what a chat never needs: the probability of every word, and token ids."""

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xllamacpp


class Llama:
    """A base model with adapters, computing as exactly as llama.cpp does: cache in float32, no fused attention."""

    def __init__(self, model: Path, adapters: Sequence[Path] = (), *, context: int = 512) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 0.0) for path in adapters]
        params.lora_init_without_apply = True
        params.n_ctx = context
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more would spin beside other programs
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.warmup = False
        params.verbosity = 0
        self._adapters = len(adapters)
        self._server = xllamacpp.Server(params)

    def tokens(self, text: str) -> list[int]:
        """Token ids of plain text, without a beginning mark."""
        return self._ask("/tokenize", content=text, add_special=False, parse_special=False)["tokens"]

    def log_probabilities(
        self, tokens: Sequence[int], *, words: int, most: int | None = None, adapter: int | None = None
    ) -> np.ndarray:
        """What comes after `tokens`: (words,), in nats; the server's temperature does not touch them.

        With `most`, only that many of the likeliest words are asked for; the others are minus infinity.
        """
        answer = self._ask(
            "/completion",
            prompt=list(tokens),
            n_predict=1,
            n_probs=most or words,
            temperature=0,
            logit_bias=[["a", 1e4]],  # what is drawn must be a whole letter: half of one comes without probabilities
            cache_prompt=False,
            lora=[{"id": n, "scale": float(n == adapter)} for n in range(self._adapters)],
        )
        out = np.full(words, -np.inf, np.float32)
        for one in answer["completion_probabilities"][0]["top_logprobs"]:
            out[one["id"]] = one["logprob"]
        return out

    def _ask(self, path: str, **question: Any) -> Any:
        request = urllib.request.Request(
            self._server.listening_address + path,
            json.dumps(question).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
