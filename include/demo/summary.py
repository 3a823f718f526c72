"""The summary that the demo ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.local.home import resolve_home

if TYPE_CHECKING:
    from rich.console import Console

    from include.local.stack import Stack


def print_summary(report: dict[str, Any], stack: Stack | None) -> None:
    """Print what happened and, if the stack stays up, where to look."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    for heading, lines in describe_report(report).items():
        console.print(heading, style="bold")
        for line in lines:
            console.print(f"  {line}", markup=False)
    _print_stages(console, report)
    for shortcoming in report["shortcomings"]:
        console.print(f"✘ {shortcoming}", style="bold red", markup=False)
    if stack is not None:
        _print_addresses(console, stack)


def describe_report(report: dict[str, Any]) -> dict[str, list[str]]:
    """The report in sentences, by heading."""
    champion, baseline, data = report["champion"], report["baseline"], report["data"]
    approval, lineage = report["approval"], report["lineage"]
    gain = champion["auc"] - baseline["auc"]
    return {
        "Data": [
            f"{data['rows']:,} transaction lines over {data['days']} days, {data['first_day']} … {data['last_day']}"
        ],
        "Champion": [
            f"{champion['name']} version {champion['version']}, {champion['family']}: AUC {champion['auc']:.3f} "
            f"(95 % interval {champion['auc_low']:.3f} … {champion['auc_high']:.3f})",
            f"the best single feature, {baseline['feature']}, has AUC {baseline['auc']:.3f}: a gain of {gain:+.3f}",
            f"gates: {report['decision']}",
        ],
        "Approval": [describe_approval(approval)],
        "Canary": [describe_canary(report["canary"])],
        "Traffic": [describe_traffic(report["traffic"])],
        "Monitoring": [describe_performance(report["performance"]), describe_retraining(report["retraining"])],
        "Lineage": [
            f"{lineage['tables_written']} tables written, {lineage['events']:,} events; without a producing run: "
            + (", ".join(lineage["tables_without_producer"]) or "none")
        ],
    }


def describe_approval(approval: dict[str, Any]) -> str:
    """Who answered, and that the trainer could not."""
    refused = "; the trainer tried and was refused" if approval.get("is_trainer_refused") else ""
    return f"answered by {approval['answered_by']}, trained by {approval['trained_by']}{refused}"


def describe_canary(events: list[dict[str, Any]]) -> str:
    """The share of traffic from step to step."""
    shares = [f"{e['challenger_weight']:.0%}" for e in events if e["event"] in {"canary_started", "weight_set"}]
    last = events[-1]["event"] if events else "no rollout"
    return " → ".join([*shares, last.replace("_", " ")])


def describe_traffic(traffic: dict[str, Any]) -> str:
    """Requests sent during the rollout and how many had no good answer."""
    return f"{traffic['requests']:,} requests during the rollout, {traffic['failed']} failed"


def describe_performance(performance: dict[str, Any]) -> str:
    """The champion on outcomes that became known during the replay."""
    if not performance:
        return "no outcome has become known yet"
    auc = performance.get("auc")
    shown = f"AUC {auc:.3f}" if isinstance(auc, float) else "too few to measure"
    return f"outcomes known for {performance['predictions']} predictions: {shown}"


def describe_retraining(retraining: dict[str, Any]) -> str:
    """What monitoring decided and why."""
    reasons = retraining["reasons"]
    return f"decision: {retraining['action']} ({'; '.join(reasons) if isinstance(reasons, list) else reasons})"


def _print_stages(console: Console, report: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for stage in report["stages"]:
        table.add_row(f"  {stage['name']}", f"{stage['seconds']:.1f} s")
    table.add_row("  [bold]total[/bold]", f"[bold]{report['total_seconds']:.1f} s[/bold]")
    console.print("[bold]Time[/bold]")
    console.print(table)


def _print_addresses(console: Console, stack: Stack) -> None:
    console.print("[bold]Everything is up[/bold]")
    uris = stack.uris
    for name, address in (("Airflow", uris.airflow), ("MLflow", uris.mlflow), ("model server", uris.model_server)):
        console.print(f"  {name:<14}{address}")
    console.print(f"  Airflow users and passwords: {stack.home.passwords_file}", markup=False, soft_wrap=True)
    arguments = "" if stack.home == resolve_home() else f' ARGS="--home {stack.home.path}"'
    console.print(
        f"  make status{arguments} shows it, make down{arguments} stops it",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
