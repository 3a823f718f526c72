"""``python -m include.local``: start the embedded stack, look at it, stop it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from include.commands.console import read_tail, say
from include.errors import StackError
from include.features.manifest import DBT_DIR
from include.local.credentials import list_users
from include.local.environment import base_environment
from include.local.home import StackHome, claim_interrupted_demo, resolve_home
from include.local.layout import Stack
from include.local.stack import find_stack, start_stack, stop_stack
from include.local.startup import StartStep
from include.local.state import load_state
from include.local.status import ComponentStatus, read_status
from include.servers.ports import HOST
from include.settings import describe_broken, load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return int(options.run(options, resolve_home(options.home)))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    commands, place = parser.add_subparsers(required=True), home_option()

    def add(name: str, run: Callable[[argparse.Namespace, StackHome], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[place])
        command.set_defaults(run=run)
        return command

    add("up", lambda _, home: up(home), "start everything and wait until it is healthy")
    add("status", lambda _, home: status(home), "show every component, the addresses and the users")
    add("down", lambda _, home: down(home), "stop everything that up has started")
    logs = add("logs", show_logs, "show the end of the logs")
    logs.add_argument("component", nargs="?", help="one component only")
    logs.add_argument("-n", "--lines", type=int, default=20)
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    dbt = add("dbt", run_dbt, "run a command of dbt against the stack's warehouse, such as: dbt build --select MODEL+")
    dbt.add_argument("arguments", nargs=argparse.REMAINDER, help="dbt's own")
    add("dbt-docs", write_dbt_docs, "write dbt's documentation, with the declared models, as one page")
    return parser


def home_option() -> argparse.ArgumentParser:
    """The option that every command of the stack takes, as a parent parser."""
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--home", help="folder of the stack (default: ORRERY_HOME, else .local)")
    return place


def up(home: StackHome) -> int:
    """Start the stack, or say that it runs."""
    claim_interrupted_demo(home)
    running = find_stack(home)
    if running is None and load_state(home).processes:
        say("The stack that was started here is no longer whole: it is stopped and started again.")
    started_at = time.monotonic()
    stack = start_stack(home, say_step)
    state = "is up already" if running else f"is healthy after {time.monotonic() - started_at:.1f} s"
    say(f"\nThe stack in {home.path} {state}.\n\n{describe_access(stack)}")
    broken = load_settings().broken_models
    if broken:
        say(f"\n✘ {describe_broken(broken.values())}\nThe others run. Correct the files, and restart the stack.")
    return 0


def say_step(step: StartStep) -> None:
    """Say what has come up, or what has not."""
    if step.state != "starting":
        mark = "✘" if step.state == "failed" else "✔"
        say(f"{mark} {step.component:<22} {step.state:<8} {step.seconds:5.1f} s  {step.address}".rstrip())


def down(home: StackHome) -> int:
    """Stop the stack, or say that it does not run."""
    say("Stopped." if stop_stack(home) else f"No stack runs in {home.path}.")
    return 0


def status(home: StackHome) -> int:
    """Show every component; exit code 1 unless all of them run."""
    lines = read_status(home)
    if all(line.condition == "stopped" for line in lines):
        say(f"No stack runs in {home.path}. Start it with: make up")
        return 1
    say(format_status(lines))
    ailing = [line for line in lines if line.condition != "running"]
    for line in ailing:
        say(f"\n✘ {line.name} is {line.condition}. The end of {line.log}:\n{read_tail(line.log)}")
    stack = find_stack(home)
    if stack is not None:
        say(f"\n{describe_access(stack)}")
    else:
        say("\nNot everything runs. Start again with: make down up")
    return 1 if ailing or stack is None else 0


def format_status(lines: Sequence[ComponentStatus]) -> str:
    """A plain table with aligned columns."""
    rows = [("component", "state", "pid", "address", "log")]
    rows += [(line.name, line.condition, str(line.pid or "-"), line.address, str(line.log)) for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def show_logs(options: argparse.Namespace, home: StackHome) -> int:
    """Show the end of the logs of one component or of all."""
    paths = sorted(home.logs.glob("*.log"))
    chosen = [path for path in paths if options.component in (None, path.stem)]
    if not chosen:
        known = ", ".join(path.stem for path in paths) or "none yet"
        say(f"There is no log of {options.component or 'any component'} in {home.logs}. Known: {known}.")
        return 1
    for path in chosen:
        say(f"── {path}\n{read_tail(path, options.lines)}")
    if options.follow:
        subprocess.run(["tail", "-n", "0", "-F", *map(str, chosen)], check=False)
    return 0


def run_dbt(options: argparse.Namespace, home: StackHome) -> int:
    """Run dbt in the folder of the project; its own exit code."""
    command = [sys.executable, "-m", "dbt.cli.main", *options.arguments]
    return subprocess.run(command, env=dbt_environment(home), cwd=DBT_DIR, check=False).returncode


def write_dbt_docs(_: argparse.Namespace, home: StackHome) -> int:
    """Write the documentation into the stack's folder and say where its page is; the exit code."""
    command = [sys.executable, "-m", "include.features.dbt_docs", str(home.path / "dbt-docs")]
    return subprocess.run(command, env=dbt_environment(home), check=False).returncode


def dbt_environment(home: StackHome) -> dict[str, str]:
    """The caller's environment, with the warehouse of the running stack where dbt's profile looks for it.

    Raises:
        StackError: no stack runs.
    """
    stack = find_stack(home)
    if stack is None:
        raise StackError(f"No stack runs in {home.path}, whose warehouse dbt needs. Start it with: make up")
    return {
        **base_environment(os.environ),
        "ORRERY_DBT_HOST": HOST,
        "ORRERY_DBT_PORT": str(stack.ports["postgres"]),
        "ORRERY_DBT_USER": "postgres",
        "ORRERY_DBT_PASSWORD": stack.credentials.postgres_password,
        "ORRERY_DBT_DATABASE": "warehouse",
    }


def describe_access(stack: Stack) -> str:
    """Addresses, users and where their passwords are."""
    lines = {
        **stack.addresses,
        "Users": ", ".join(f"{user} ({role})" for user, role in list_users(load_settings().models.values()).items()),
        "Passwords": f"{stack.home.passwords_file} (users), {stack.home.secrets_file} (warehouse, model server)",
    }
    return "\n".join(f"{name:<13} {value}" for name, value in lines.items())
