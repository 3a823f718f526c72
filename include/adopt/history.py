"""Whether the events go back far enough for a first training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from include.adopt.dialogue import Wishes
from include.adopt.event_features import HISTORY_DAYS
from include.adopt.inbox import InboxSource
from include.adopt.label_sentence import read_label
from include.adopt.placing import find_event_days
from include.errors import AdoptError
from include.settings import CONFIG_DIR
from include.settings.section import read_yaml

Span = tuple[date, date]


def find_span(events: str | None, sources: Sequence[InboxSource], root: Path | None) -> Span | None:
    """The first and the last day of the events; None where they are not of this folder, or there are none.

    Args:
        root: the sources' folder, where a single file is split into days; None where what lies there may be of another.
    """
    source = next((one for one in sources if one.name == events and one.is_daily), None)
    if source is None:
        return None
    days = find_event_days(source, root)
    return (days[0], days[-1]) if days else None


def check_history(wishes: Wishes, span: Span | None) -> None:
    """Refuse events from which nothing could be trained.

    The features look back, and validation and test each begin when the labels before them are known.

    Raises:
        AdoptError: says how many days there are and how many are needed.
    """
    if span is None or wishes.label is None or wishes.events is None:
        return
    sentence = read_label(wishes.label, wishes.events)
    horizon, training = sentence.days, read_yaml(CONFIG_DIR / "training.yml")
    between = sentence.find_spacing(training["training_cutoff_spacing_days"])
    spacing = (training["min_training_cutoffs"] - 1) * between
    needed = HISTORY_DAYS + 3 * horizon + spacing
    days = (span[1] - span[0]).days + 1
    if days < needed:
        least = HISTORY_DAYS + 3 + (training["min_training_cutoffs"] - 1) * training["training_cutoff_spacing_days"]
        remedy = ", or predict fewer days ahead" if days >= least else f"; fewer than {least} are too few for any label"
        raise AdoptError(
            f"{wishes.events} has {days} days ({span[0]} to {span[1]}), and a first training of {wishes.label!r} needs "
            f"{needed}: {HISTORY_DAYS} for the features, three times {horizon} for labels to become known, and "
            f"{spacing} between the training cutoffs. Deliver older days{remedy}."
        )
