"""`twin serve` and `twin bot`."""

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.cli.conftest import Twin


def test_the_web_app_answers_until_ctrl_c(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "twin", "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert f"twin is at http://127.0.0.1:{port}" in process.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                assert page.status == 200
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert process.returncode in {0, 130}


def test_nobody_is_let_in_by_mistake(twin: Twin) -> None:
    ended = twin("serve", "--host", "0.0.0.0")
    assert ended.status == 2
    assert "TWIN_URL" in ended.err


def test_a_bot_needs_a_token(twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert twin("create", "me", "--speaker", "Otto", chat).status == 0
    ended = twin("bot", "telegram", "me", "--owner", "7")
    assert ended.status == 2
    assert "TWIN_TELEGRAM_TOKEN" in ended.err
    ended = twin("bot", "telegram", "you", "--owner", "7")
    assert "There is no twin called 'you'" in ended.err
