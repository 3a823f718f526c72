"""The summary that the demo ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.local.home import resolve_home
from include.operate.model_summary import describe_model

if TYPE_CHECKING:
    from rich.console import Console

    from include.local.stack import Stack


def print_summary(report: dict[str, Any], stack: Stack | None) -> None:
    """Print what happened and, if the stack stays up, where to look."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    for heading, lines in describe_report(report).items():
        console.print(heading, style="bold", markup=False)
        for line in lines:
            console.print(f"  {line}", markup=False)
    _print_stages(console, report)
    for shortcoming in report["shortcomings"]:
        console.print(f"✘ {shortcoming}", style="bold red", markup=False)
    if stack is not None:
        _print_addresses(console, stack)


def describe_report(report: dict[str, Any]) -> dict[str, list[str]]:
    """The report in sentences, by heading: what is shared, then each model."""
    data, lineage = report["data"], report["lineage"]
    return {
        "Data": [
            f"{data['rows']:,} rows of {len(data['sources'])} sources on {data['days']} days, "
            f"{data['first_day']} … {data['last_day']}"
        ],
        **{f"Model {name}": describe_model(section) for name, section in report["models"].items()},
        "Lineage": [
            f"{lineage['tables_written']} tables written, {lineage['events']:,} events; without a producing run: "
            + (", ".join(lineage["tables_without_producer"]) or "none")
        ],
    }


def _print_stages(console: Console, report: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for stage in report["stages"]:
        table.add_row(f"  {stage['name']}", f"{stage['seconds']:.1f} s")
    table.add_row("  [bold]total[/bold]", f"[bold]{report['total_seconds']:.1f} s[/bold]")
    console.print("[bold]Time[/bold] (the stages of several models overlap)")
    console.print(table)


def _print_addresses(console: Console, stack: Stack) -> None:
    console.print("[bold]Everything is up[/bold]")
    for name, address in stack.addresses.items():
        console.print(f"  {name:<14}{address}", soft_wrap=True)
    console.print(f"  Airflow users and passwords: {stack.home.passwords_file}", markup=False, soft_wrap=True)
    arguments = "" if stack.home == resolve_home() else f' ARGS="--home {stack.home.path}"'
    console.print(
        f"  make status{arguments} shows it, make down{arguments} stops it",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
