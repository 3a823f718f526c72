"""`make traffic`: what it sends, and what it says when it cannot."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.errors import SettingsError, StackError
from include.operate import send as send_module
from include.operate.cli import main
from include.operate.traffic import Traffic
from include.rollout.server_address import ServerAddress
from include.settings import PROJECT_ROOT
from tests.unit.operate.model_server import TOKEN, ModelServer

VARIABLES = ("ORRERY_MODEL_SERVER_URL", "ORRERY_SERVER_TOKEN", "ORRERY_WAREHOUSE_URI", "ORRERY_AIRFLOW_PASSWORD")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack runs here, and the environment says nothing."""
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "nowhere"))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "words",
    [["traffic", "--rate", "0"], ["traffic", "--seconds", "-1"], ["traffic", "--rate", "x"], ["nonsense"],
     ["run", "--to-day", "soon"], []],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage: python -m include.operate" in capsys.readouterr().err


def test_traffic_without_a_stack_says_what_to_name() -> None:
    with pytest.raises(StackError, match=r"--server or ORRERY_MODEL_SERVER_URL, or start a stack.*make up"):
        main(["traffic"])
    with pytest.raises(StackError, match="ORRERY_WAREHOUSE_URI"):
        main(["traffic", "--server", "http://127.0.0.1:1"])


def test_a_model_that_is_not_declared_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", "postgresql://nowhere")
    with pytest.raises(SettingsError, match="declares a model 'nonsense'"):
        main(["traffic", "--server", "http://127.0.0.1:1", "--model", "nonsense"])


@pytest.fixture
def senders(address: ServerAddress, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> list[Traffic]:
    """Two models' traffic, in place of what the warehouse would give; time passes once both were asked enough."""
    moment = [0.0]

    def sleep(seconds: float) -> None:
        server.wait_until_enough()
        moment[0] += seconds
        assert moment[0] < 100_000, "nothing stops the traffic"

    server.asked = {"failures": [], "units": []}
    monkeypatch.setattr(send_module, "time", SimpleNamespace(monotonic=lambda: moment[0], sleep=sleep))
    senders = [Traffic(address, name, [{"machine_id": 1}], rate=500) for name in ("failures", "units")]
    monkeypatch.setattr(send_module, "open_traffic", lambda *_: senders)
    monkeypatch.setattr(send_module, "choose_models", lambda *_: ({}, {}))
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", "postgresql://nowhere")
    return senders


def test_traffic_ends_after_its_time_with_the_counts_of_each_model(
    senders: list[Traffic], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["traffic", "--server", url, "--seconds", "7"]) == 0
    in_all = capsys.readouterr().out.partition("In all:")[2]
    for sender in senders:
        assert f"{sender.model}: {sender.requests:,} requests ({sender.requests} × 200)" in in_all


def test_failed_requests_are_an_exit_code(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [500, 200]
    assert main(["traffic", "--server", url, "--seconds", "7"]) == 1
    assert "1 × 500" in capsys.readouterr().out


def test_a_refused_token_is_an_exit_code_and_says_what_to_set(
    senders: list[Traffic],
    server: ModelServer,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.token = "another"
    monkeypatch.setattr(server, "wait_until_enough", lambda: [sender._thread.join() for sender in senders])  # type: ignore[union-attr]
    assert main(["traffic", "--server", url, "--seconds", "7"]) == 1
    assert "refuses the token (401). Put one with the role predict into ORRERY_SERVER_TOKEN" in capsys.readouterr().out


def test_the_token_of_the_environment_goes_to_the_server_that_is_named(
    senders: list[Traffic], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ServerAddress] = []
    monkeypatch.setattr(send_module, "open_traffic", lambda server, *_: opened.append(server) or senders)
    monkeypatch.setenv("ORRERY_SERVER_TOKEN", TOKEN)
    assert main(["traffic", "--server", url, "--seconds", "7"]) == 0
    assert opened == [ServerAddress(url, TOKEN)]


def test_models_that_never_answer_are_an_exit_code(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.unready = 1_000_000
    server.is_enough.set()
    assert main(["traffic", "--server", url, "--seconds", "7"]) == 1
    assert "failures: not ready to answer yet" in capsys.readouterr().out


def test_ctrl_c_stops_the_traffic_and_the_counts_are_told(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> None:
        server.wait_until_enough()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        main(["traffic", "--server", url])
    assert "In all:" in capsys.readouterr().out
    assert not any(sender._thread and sender._thread.is_alive() for sender in senders)


def test_it_runs_as_a_module_and_an_error_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.operate", "traffic"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("✘ ")
    assert "Traceback" not in done.stdout + done.stderr
