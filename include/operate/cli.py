"""``python -m include.operate``: load days and follow them; send requests; put a champion back; test channels."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final

from include.commands.arguments import parse_day, parse_positive
from include.local.cli import home_option

_EPILOG: Final = (
    "A stack that `make up` has started on this machine is found by itself. Elsewhere say where things are: --airflow, "
    "--server, and the environment variables ORRERY_AIRFLOW_PASSWORD, ORRERY_MODEL_SERVER_URL, ORRERY_SERVER_TOKEN, "
    "ORRERY_WAREHOUSE_URI."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return int(options.run(options))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m include.operate", description=__doc__, epilog=_EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=_EPILOG, parents=[home_option()])
        command.set_defaults(run=run)
        command.add_argument(
            "--model", action="append", default=[], metavar="NAME", help="only this one; again for more"
        )
        command.add_argument("--server", metavar="URL", help="the model server")
        return command

    run = add("run", run_days, "load days, and follow live what they set off: features, training, deployment, scores")
    for name, end in (("--from-day", "first"), ("--to-day", "last")):
        text = f"the {end} day of deliveries (default: the {end} one of the files in the sources' folder)"
        run.add_argument(name, type=parse_day, metavar="YYYY-MM-DD", help=text)
    run.add_argument("--train", action="store_true", help="train also where no training is due")
    run.add_argument("--approve", action="store_true", help="approve without asking anybody, as the first approver")
    run.add_argument("--no-traffic", action="store_true", help="send no requests while a canary runs")
    run.add_argument("--airflow", metavar="URL", help="Airflow's address")
    run.add_argument("--user", default="admin", help="the Airflow user who starts the runs (default: admin)")

    back = add("rollback", roll_back, "put an earlier champion back, at once and without a canary")
    back.add_argument("--version", type=int, metavar="N", help="which one (default: the champion before this one)")
    back.add_argument("--reason", metavar="TEXT", help="why; it is kept with the event")
    back.add_argument(
        "--override", action="store_true", help="also one that was never champion; the user must be an approver"
    )
    back.add_argument("--airflow", metavar="URL", help="Airflow's address")
    back.add_argument("--user", default="admin", help="the Airflow user who answers for it (default: admin)")

    test = add(
        "notify-test", test_channels, "send a test message to the channels of notifications, and say what came back"
    )
    test.add_argument("--channel", metavar="NAME", help="only this one (default: every channel that is declared)")
    test.add_argument("--airflow", metavar="URL", help="Airflow's address")
    test.add_argument("--user", default="admin", help="the Airflow user who starts it (default: admin)")

    traffic = add("traffic", send, "send requests about random entities to the model server, until Ctrl-C")
    traffic.add_argument(
        "--rate", type=parse_positive, default=60.0, help="requests a second, each model (default: 60)"
    )
    traffic.add_argument("--seconds", type=parse_positive, help="stop after so many seconds (default: at Ctrl-C)")
    return parser


def run_days(options: argparse.Namespace) -> int:
    """``make run``; the exit code."""
    from include.operate.run import run_days

    return run_days(options)


def roll_back(options: argparse.Namespace) -> int:
    """``make rollback``; the exit code."""
    from include.operate.rollback import roll_back

    return roll_back(options)


def test_channels(options: argparse.Namespace) -> int:
    """``make notify-test``; the exit code."""
    from include.operate.notify_test import test_channels

    return test_channels(options)


def send(options: argparse.Namespace) -> int:
    """``make traffic``; the exit code."""
    from include.operate.send import send_traffic

    return send_traffic(options)
