"""One twin's life through real processes: made, trained with two interruptions, asked, deleted.

The base is a random Gemma of two layers, so that everything is real but small.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
from tests.cli.conftest import lines
from tests.tiny import TinyGemma

MARKER = "zanzibarian"


class Shell:
    """Runs `twin` in an installation of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._environment = {**os.environ, "TWIN_HOME": str(self.home), "COLUMNS": "200"}

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "twin", *arguments],
            env=self._environment,
            cwd=self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, text: str | None = None, status: int = 0) -> str:
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(text)
        assert process.returncode == status, err
        return out if status == 0 else err

    def last_run(self) -> dict[str, object]:
        return json.loads(self.run("status", "me", "--json"))["runs"][-1]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, tiny: TinyGemma) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("story"))
    (shell.folder / "json.py").write_text("raise SystemExit('this was imported from where twin was started')")
    chat = shell.folder / "kitchen.txt"
    chat.write_text(lines(f"Mira {MARKER}", "Otto", 40), "utf-8")
    shell.run("create", "me", "--speaker", f"Mira {MARKER}", "--base", str(tiny.gguf), str(chat))
    yield shell
    for process in psutil.process_iter(["cmdline"]):
        assert str(shell.home) not in " ".join(process.info["cmdline"] or [])


def wait_for(stream: IO[str] | None, word: str) -> None:
    assert stream is not None
    for line in stream:
        if word in line:
            return
    raise AssertionError(f"the command ended without saying {word!r}")


def test_1_ctrl_c_stops_cleanly(shell: Shell) -> None:
    with shell.start("run", "me", "--budget", "10s", "--plant-secrets", "2") as process:
        wait_for(process.stderr, "reading the chats")
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "`twin run me` goes on from here." in err
    assert "Traceback" not in err
    assert not any(child.is_running() for child in children)
    assert shell.last_run()["state"] == "cancelled"


def test_2_a_killed_command_leaves_no_process_behind(shell: Shell) -> None:
    with shell.start("run", "me") as process:
        wait_for(process.stderr, "Going on with the run")
        wait_for(process.stderr, "Loading the base model")
        children = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
    assert len(children) == 1
    assert psutil.wait_procs(children, timeout=30)[1] == [], "the stage noticed that it was left alone"
    run = shell.last_run()
    assert run["state"] == "running", run["error"]
    assert "was broken off at train; `twin run me` goes on" in shell.run("status")
    assert "It is not trained yet" in shell.run("chat", "me", text="hi\n/quit\n")


def test_3_the_same_command_goes_on_and_finishes(shell: Shell) -> None:
    out = shell.run("run", "me")
    assert "Kept 120 of 120 messages" in out
    assert "Loss on your held-out words" in out
    assert "ended by themselves" in out
    run = shell.last_run()
    assert (run["state"], run["stage"], run["error"]) == ("done", "publish", None)
    assert run["options"] == {"budget_s": "10", "secrets": "2"}
    assert isinstance(run["figures"], dict)
    assert 0 < run["figures"]["loss_twin"] < run["figures"]["loss_base"]
    status = json.loads(shell.run("status", "me", "--json"))
    assert len(status["runs"]) == 1
    assert status["run_id"] == run["id"]
    assert list((shell.home / "queue").glob("*.job")) == []


def test_4_it_answers(shell: Shell) -> None:
    first = json.loads(shell.run("chat", "me", "--once", "who has the keys", "--json", "--seed", "3"))
    assert first["messages"]
    assert json.loads(shell.run("chat", "me", "--once", "who has the keys", "--json", "--seed", "3")) == first
    talk = shell.run("chat", "me", text="/again\nhi\n/again\n/reset\n\n/quit\nnever read\n")
    assert "an AI that writes like Mira" in talk
    assert "A new conversation." in talk
    assert talk.count("Mira: ") == 2, "one reply, and another to the same words"
    assert "/reset   begin a new conversation" in talk, "there is nothing to answer again at first"


def test_5_later_beginnings_take_what_was_there(shell: Shell) -> None:
    first = shell.last_run()
    ended = json.loads(shell.run("run", "me", "--from", "publish", "--json"))
    run = shell.last_run()
    assert ended == run
    assert run["state"] == "done"
    assert run["options"] == {"budget_s": "10", "secrets": "2", "from": "publish", "source": first["id"]}
    assert run["figures"] == first["figures"]
    assert json.loads(shell.run("status", "me", "--json"))["run_id"] == run["id"]


def test_5_it_was_measured(shell: Shell) -> None:
    report = json.loads(shell.run("report", "me", "--json", "--html", str(shell.folder / "report.html")))
    assert set(report["loss"]) == {"base", "few_shot", "twin", "other_twin"}
    assert report["loss"]["twin"]["value"] < report["loss"]["base"]["value"]
    assert set(report["copying"]) == {"twin", "person"}
    assert report["account"]["messages"] == 120
    assert report["curve"]
    assert "<html" in (shell.folder / "report.html").read_text("utf-8")
    assert "Learned" in shell.run("report", "me")


def test_5_everything_is_measured_where_that_is_asked_for(shell: Shell) -> None:
    asked = ("report", "me", "--full", "--replies", "20", "--other-budget", "5s", "--json")
    with shell.start(*asked) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert "minutes on two cores" in err
    assert err.index("minutes on two cores") < err.index("Training a twin of somebody else")
    report = json.loads(out)
    assert report["full"]
    assert {name for name, figure in report["loss"].items() if figure} == {"base", "few_shot", "twin", "other_twin"}
    assert report["specificity"] == report["gain"]["other_twin"]
    assert report["choice"]["n"] > 0
    assert report["replies"] == 20
    assert len(report["secrets"]) == 2
    assert report["leakage"]["n"] == 2
    assert set(report["panels"]) == {"person", "base", "few_shot", "twin", "other_twin"}
    again = shell.run("report", "me", "--json")
    assert json.loads(again) == report, "it is kept"


def test_6_other_programs_can_have_it(shell: Shell) -> None:
    folder = shell.folder / "exports" / "ollama"
    assert "README.md" in shell.run("export", "me", str(folder), "--to", "ollama")
    assert {path.name for path in folder.iterdir()} == {"Modelfile", "README.md", "model.gguf"}
    assert "not an empty folder" in shell.run("export", "me", str(folder), "--to", "hf", status=2)


def test_7_deleting_leaves_no_byte(shell: Shell) -> None:
    files = [path for path in shell.home.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]
    assert files, "the marker is somewhere while the twin is there"
    shell.run("delete", "me", "--yes")
    time.sleep(0.1)
    for path in shell.home.rglob("*"):
        assert MARKER not in path.name
        assert not path.is_file() or MARKER.encode() not in path.read_bytes(), path
    assert list((shell.home / "objects").iterdir()) == []
    assert list((shell.home / "scratch").iterdir()) == []
