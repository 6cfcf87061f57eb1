"""Doing stages."""

import errno
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.pipeline.conftest import Place

from twin.domain.runs import RunState, Stage
from twin.errors import BusyError, DataError, NotFoundError, UnavailableError
from twin.pipeline import execute as module
from twin.pipeline import keys
from twin.pipeline.work import Outcome, Work


def test_all_stages_in_order_make_a_run_that_is_done(place: Place) -> None:
    place.submit()
    for stage in Stage:
        place.execute(stage)
        assert place.records.run("r1").stage is stage
    run = place.records.run("r1")
    assert place.done == list(Stage)
    assert run.state is RunState.DONE
    assert run.figures == {f"{stage}_n": 1.0 for stage in Stage}
    assert [key for key in place.objects.keys("t1/") if key.endswith(".txt")] == sorted(
        f"t1/runs/r1/{stage}.txt" for stage in Stage
    )
    assert not (place.scratch / "t1/r1").exists(), "a run that is done needs nothing here any more"


def test_a_stage_that_is_done_is_not_done_again(place: Place) -> None:
    place.submit()
    first = place.execute(Stage.INGEST)
    assert place.execute(Stage.INGEST) == first == Outcome({"ingest_n": 1.0}, {"words": "ingest"}, ("ingest.txt",))
    assert place.done == [Stage.INGEST]


def test_a_stage_waits_for_those_before_it(place: Place) -> None:
    place.submit()
    place.execute(Stage.INGEST)
    with pytest.raises(DataError, match="has not done prepare yet"):
        place.execute(Stage.TRAIN)
    assert place.records.run("r1").state is RunState.RUNNING


def test_a_mendable_failure_is_recorded_and_can_be_gone_on_with(place: Place) -> None:
    run = place.submit()
    place.execute(Stage.INGEST)

    def broken(work: Work) -> Outcome:
        (work.scratch / "half").write_text("checkpoint")
        raise DataError("Nora wrote too little.")

    with pytest.raises(DataError, match="too little"):
        place.execute(Stage.PREPARE, prepare=broken)
    failed = place.records.run("r1")
    assert (failed.state, failed.stage, failed.error) == (RunState.FAILED, Stage.PREPARE, "Nora wrote too little.")
    with pytest.raises(DataError, match="was failed"):
        place.execute(Stage.PREPARE)

    place.records.save(replace(run, state=RunState.QUEUED))
    assert (place.scratch / "t1/r1/half").read_text() == "checkpoint"
    place.execute(Stage.PREPARE)
    assert place.done == [Stage.INGEST, Stage.PREPARE]
    assert place.records.run("r1").error is None


def test_a_fault_in_twin_names_no_text(place: Place) -> None:
    place.submit()

    def broken(work: Work) -> Outcome:
        raise KeyError("something private from a chat")

    with pytest.raises(KeyError):
        place.execute(Stage.INGEST, ingest=broken)
    error = place.records.run("r1").error
    assert error is not None
    assert "KeyError" in error
    assert "private" not in error


def test_a_full_disk_is_one_sentence(place: Place) -> None:
    place.submit()

    def full(work: Work) -> Outcome:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UnavailableError, match="The disk is full"):
        place.execute(Stage.INGEST, ingest=full)
    assert place.records.run("r1").state is RunState.FAILED


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        SystemError("<function make> returned NULL without setting an exception"),
        "jax",
    ],
)
def test_too_little_memory_is_one_sentence(place: Place, error: Exception | str) -> None:
    place.submit()

    def large(work: Work) -> Outcome:
        if isinstance(error, Exception):
            raise error
        from jax.errors import JaxRuntimeError

        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")

    for stage in (Stage.INGEST, Stage.PREPARE):
        place.execute(stage)
    with pytest.raises(UnavailableError, match="Memory ran out in the train stage"):
        place.execute(Stage.TRAIN, train=large)
    assert "--max-messages" in (place.records.run("r1").error or "")


def test_stopping_leaves_the_run_as_it_is(place: Place) -> None:
    place.submit()

    def stopped(work: Work) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.execute(Stage.INGEST, ingest=stopped)
    assert place.records.run("r1").state is RunState.RUNNING
    place.execute(Stage.INGEST)


@pytest.mark.parametrize("error", [RuntimeError("a callback failed"), DataError("cannot be read")])
def test_what_a_library_makes_of_a_stop_is_no_failure(place: Place, error: Exception) -> None:
    place.submit()

    def stopped(work: Work) -> Outcome:
        raise error from SystemExit(143)

    with pytest.raises(type(error)):
        place.execute(Stage.INGEST, stopped=True, ingest=stopped)
    assert place.records.run("r1").state is RunState.RUNNING
    place.execute(Stage.INGEST)


def test_killed_between_outcome_and_record(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.submit()
    for stage in list(Stage)[:-1]:
        place.execute(stage)
    save = place.records.save

    def killed_when_done(record: object) -> None:
        if getattr(record, "state", None) is RunState.DONE:
            raise SystemExit
        save(record)  # type: ignore[arg-type]

    monkeypatch.setattr(place.records, "save", killed_when_done)
    with pytest.raises(SystemExit):
        place.execute(Stage.PUBLISH)
    monkeypatch.undo()
    assert place.records.run("r1").state is RunState.RUNNING
    place.execute(Stage.PUBLISH)
    run = place.records.run("r1")
    assert run.state is RunState.DONE
    assert run.figures["publish_n"] == 1.0
    assert place.done.count(Stage.PUBLISH) == 1


def test_one_process_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.submit()
    (place.scratch / "t1/r1").mkdir(parents=True)
    script = (
        "import sys, time; from filelock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(place.scratch / "t1/r1/lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(module, "LOCK_WAIT_S", 0.1)
        with pytest.raises(BusyError, match="Another process works on this run"):
            place.execute(Stage.INGEST)
        holder.kill()
        holder.wait()
        place.execute(Stage.INGEST)
    assert place.done == [Stage.INGEST]


def test_a_later_begin_takes_the_earlier_stages_from_another_run(place: Place) -> None:
    place.submit("r1")
    for stage in Stage:
        place.execute(stage)
    place.done.clear()
    place.submit("r2", **{"from": "train", "source": "r1"})
    for stage in Stage:
        place.execute(stage, "r2")
    assert place.done == [Stage.TRAIN, Stage.CONVERT, Stage.EVALUATE, Stage.PUBLISH]
    copied = place.folder / "copied"
    place.objects.get("t1/runs/r2/prepare.txt", copied)
    assert copied.read_text() == "prepare of r1"
    assert place.records.run("r2").figures["prepare_n"] == 1.0


def test_a_later_begin_without_an_earlier_run(place: Place) -> None:
    place.submit("r1")
    place.submit("r2", **{"from": "train", "source": "r1"})
    with pytest.raises(DataError, match="no earlier ingest"):
        place.execute(Stage.INGEST, "r2")


def test_a_deleted_twin_stays_deleted(place: Place) -> None:
    place.submit()

    def deleted_meanwhile(work: Work) -> Outcome:
        place.objects.delete(keys.twin("t1"))
        place.records.forget(twin_id="t1")
        raise DataError("what was read is gone")

    with pytest.raises(DataError):
        place.execute(Stage.INGEST, ingest=deleted_meanwhile)
    assert place.records.runs("t1") == []
    with pytest.raises(NotFoundError):
        place.execute(Stage.INGEST)


def test_outcomes_are_json_for_whoever_reads_them(place: Place) -> None:
    place.submit()
    place.execute(Stage.INGEST)
    place.objects.get("t1/runs/r1/outcomes/ingest.json", place.folder / "outcome")
    assert json.loads((place.folder / "outcome").read_text()) == {
        "figures": {"ingest_n": 1.0},
        "details": {"words": "ingest"},
        "stored": ["ingest.txt"],
    }
