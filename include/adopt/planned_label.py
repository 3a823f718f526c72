"""The column of a label, and the SQL that makes it of the events in its horizon."""

from __future__ import annotations

from dataclasses import dataclass

from include.adopt.event_columns import EventColumns
from include.adopt.label_sentence import LabelKind, LabelSentence
from include.adopt.staged_columns import find_column
from include.settings.models import TaskName


@dataclass(frozen=True)
class PlannedLabel:
    """The label's column.

    Attributes:
        summed: the column of the daily model that is added up over the horizon.
        sql: how the label is made of the sum ``outcomes.total``.
    """

    column: str
    task: TaskName
    summed: str
    sql: str
    sentence: str
    kind: LabelKind

    @property
    def data_type(self) -> str:
        """Its SQL type."""
        return "boolean" if self.task == "binary" else "double precision"

    def sample(self, total: int) -> str:
        """What it says of a sum, 0 where nothing happened, as YAML."""
        return {"absence": str(not total).lower(), "presence": str(bool(total)).lower()}.get(self.kind, str(total))


def plan_label(name: str, source: str, sentence: LabelSentence, columns: EventColumns) -> PlannedLabel:
    """The label of a model.

    Args:
        name: of the model.
    """
    events, horizon = source.replace("_", " "), f"in the `{name}_horizon_days` from the as-of date on"
    total, summed = "coalesce(outcomes.total, 0)::double precision", "event_count"
    if sentence.kind == "absence":
        column, sql, text = f"has_no_{source}", "outcomes.total is null", f"Whether there are no {events}"
    elif sentence.kind == "presence":
        column, sql, text = f"has_{source}", "outcomes.total is not null", f"Whether there are {events}"
    elif sentence.column is None:
        column, sql, text = f"{source}_count", total, f"Number of {events}"
    else:
        found = find_column(source, columns.numbers, sentence.column, "LABEL").name
        column, sql, summed = f"{found}_{sentence.kind}", total, f"{found}_{sentence.kind}"
        what = {
            "sum": f"Sum of {found}, as far as it is known,",
            "count": f"Number of {events} whose {found} is known,",
        }
        text = what[sentence.kind]
    return PlannedLabel(column, sentence.task, summed, sql, f"{text} {horizon}", sentence.kind)
