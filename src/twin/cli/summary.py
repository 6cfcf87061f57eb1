"""What a run did, summed up for the person who waited for it."""

from shlex import quote
from typing import TYPE_CHECKING, Any

from twin.cli.invocation import Invocation
from twin.domain.runs import Run, Stage
from twin.domain.twins import Twin
from twin.pipeline.work import Outcome, outcome

if TYPE_CHECKING:
    from rich.console import Console


_MUCH = 0.5
"""Of the examples; a training that saw less of them has much to gain from more time."""
_SIDES = {
    "gemini": "answer what Gemini says was asked before",
    "local": "answer what the base model says was asked before",
    "plain": "go on from the passage before",
}


def summary(invocation: Invocation, twin: Twin, run: Run) -> None:
    """Print what was kept, why the rest was not, and what training changed."""
    platform, out = invocation.platform, invocation.out
    folder = platform.scratch / run.twin_id
    found = {stage: outcome(platform.objects, run, stage, scratch=folder) or Outcome() for stage in Stage}
    _kept(out, found[Stage.PREPARE].details)
    for sentence in learned(found[Stage.TRAIN]):
        out.print(sentence)
    _alike(out, twin.name, found[Stage.EVALUATE].figures)


def _kept(out: "Console", details: dict[str, Any]) -> None:
    if not details:
        return
    examples = details["examples"]
    out.print(
        f"Kept {details['kept']:,} of {details['messages']:,} messages in {details['conversations']:,} conversations, "
        f"{details['owner_messages']:,} of them yours: {examples['train']:,} examples to learn from, "
        f"{examples['held_out']:,} held out to judge by."
    )
    if writing := {name: count for name, count in details.get("writing", {}).items() if count}:
        sides = ", ".join(f"{count:,} {_SIDES[name]}" for name, count in writing.items())
        out.print(
            f"Of your diaries, letters and posts {sum(writing.values()):,} passages, every word as it was: {sides}."
        )
    if details["dropped"]:
        reasons = sorted(details["dropped"].items(), key=lambda item: -item[1])
        out.print("Left out: " + ", ".join(f"{count:,} {reason}" for reason, count in reasons) + ".")
    if not details.get("redacts", True):
        out.print("Nothing of other people was replaced, as you asked for.")
    elif details["redacted"]:
        kinds = sorted(details["redacted"].items(), key=lambda item: -item[1])
        out.print("Replaced, of other people: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds) + ".")


def learned(trained: Outcome) -> list[str]:
    """What training changed, and whether more time would change more."""
    if "loss_twin" not in trained.figures:
        return []
    before, after = trained.figures["loss_base"], trained.figures["loss_twin"]
    loss = (
        f"Loss on your held-out words: {before:.2f} nats per token before, {after:.2f} after "
        f"({(before - after) / before:.0%} lower); {trained.details['steps']:,} steps in "
        f"{trained.details['seconds'] / 60:.1f} minutes, {trained.figures['tokens_per_s']:,.0f} tokens/s."
    )
    if trained.details["epochs"] < _MUCH and not trained.details["stopped_early"]:
        return [loss, f"There was time for {trained.details['epochs']:.0%} of your examples: a longer --budget helps."]
    return [loss]


def _alike(out: "Console", name: str, figures: dict[str, float]) -> None:
    if figures:
        if "gain" in figures:
            out.print(f"Over all that was held out, the twin's loss is {figures['gain']:.0%} lower than the base's.")
        out.print(
            f"Of {figures['replies']:.0f} sample replies {figures.get('ended', 0):.0%} ended by themselves, and "
            f"{figures['foreign']:.0f} held a letter of a script that you never use. More: twin report {quote(name)}"
        )
