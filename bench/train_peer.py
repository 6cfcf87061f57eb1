"""The peer of `bench/train.py`: PEFT's LoRA under TRL's SFTTrainer on PyTorch, run by the Python that has them."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peak import peak_mb
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
JUDGE_EVERY_S = 20.0
EXAMPLES_A_STEP = 8


class Watch(TrainerCallback):
    """Judges the model now and then, stops it in time; judging does not count as training time."""

    def __init__(self, judged: list[dict[str, Any]], seconds: float) -> None:
        self._judged = judged
        self._seconds = seconds
        self.spent = 0.0
        self.steps = 0
        self.curve: list[tuple[float, float]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        del args, state, control
        self._judge(model)

    def on_step_end(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        del args, state
        self.spent += time.monotonic() - self._since
        self.steps += 1
        if self.spent - self.curve[-1][0] > JUDGE_EVERY_S or self.spent > self._seconds:
            self._judge(model)
        control.should_training_stop = self.spent > self._seconds
        self._since = time.monotonic()

    def _judge(self, model: Any) -> None:
        nats = words = 0.0
        model.eval()
        with torch.no_grad():
            for row in self._judged:
                ids = torch.tensor([row["tokens"]])
                logits = model(input_ids=ids).logits[0, :-1]
                losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
                mask = torch.tensor(row["words"][1:])
                nats += float(losses[mask].sum())
                words += float(mask.sum())
        model.train()
        self.curve.append((self.spent, nats / words))
        self._since = time.monotonic()


def main(folder: Path, seconds: float, learning_rate: float) -> None:
    torch.manual_seed(17)
    rows = json.loads((folder / "tokens.json").read_text())
    data = Dataset.from_list(
        [
            {
                "input_ids": row["tokens"],
                "labels": [
                    token if learned else -100 for token, learned in zip(row["tokens"], row["learned"], strict=True)
                ],
            }
            for row in rows["train"]
        ]
    )
    watch = Watch(rows["judge"], seconds)
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
        train_dataset=data,
        peft_config=LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM"),
        args=SFTConfig(
            output_dir=str(folder / "peer"),
            per_device_train_batch_size=EXAMPLES_A_STEP,
            learning_rate=learning_rate,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=3,
            max_steps=100_000,
            max_length=None,
            gradient_checkpointing=False,
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            seed=17,
        ),
        callbacks=[watch],
    )
    trainer.train()
    mean = sum(len(row["tokens"]) for row in rows["train"]) / len(rows["train"])
    result = {
        "tokens_per_s": watch.steps * EXAMPLES_A_STEP * mean / watch.spent,
        "peak_mb": peak_mb(),
        "curve": watch.curve,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
