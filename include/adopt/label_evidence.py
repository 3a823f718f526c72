"""What is said of the counts of a label: that it is the same for all, that one class is rare, or how it is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.adopt.label_counts import LabelCount
from include.adopt.label_sentence import LabelSentence
from include.settings.gates import GateSettings
from include.settings.training import TrainingSettings


@dataclass(frozen=True)
class LabelEvidence:
    """The counts of a label of the events of a source at dates (:func:`include.adopt.label_dates.find_label_cutoffs`).

    Attributes:
        label: as it was written.
        entity: the key columns.
        counts: at the cutoffs of training, at least one, of validation and of test, ascending.
    """

    label: str
    events: str
    entity: Sequence[str]
    sentence: LabelSentence
    counts: Sequence[LabelCount]

    def explain_one_value(self) -> str | None:
        """That the label has one value at all dates, or none, in figures and with the remedy; None where it differs."""
        counted = [count for count in self._newest if count.entities]
        if not counted:
            return (
                f"{self._begin}: no {self._who} had {self.events} in the {self.sentence.active_days} days before "
                f"{_list_dates(self._newest)}, so that there is nothing to predict. Deliver newer {self.events}, or "
                "name another source as EVENTS."
            )
        finding = self._find_one_value(counted)
        if finding is None:
            return None
        newest = counted[-1]
        others = [f"{count.as_of_date} ({count.entities:,})" for count in counted[:-1]]
        same = f" So it was as of {' and '.join(others)}." if others else ""
        return (
            f"{self._begin} is the same for all: of {newest.entities:,} {self._who} with {self.events} in the "
            f"{self.sentence.active_days} days before {newest.as_of_date}, {finding[0]}.{same} Nothing can be learned "
            f"from that. {finding[1]}"
        )

    def explain_rare(self, training: TrainingSettings, gates: GateSettings) -> str | None:
        """That validation or test have too few rows, of classes of the smaller one; None where they have enough."""
        weakest = min(self.counts[-2:], key=self._count_evidence)
        if self._count_evidence(weakest) < training.min_split_count:
            limit = f"a training needs {training.min_split_count} in each split (min_split_count of training.yml)"
        elif self._count_evidence(self.counts[-1]) < gates.evidence.min_test_count:
            weakest, least = self.counts[-1], gates.evidence.min_test_count
            limit = f"the gate 'evidence' asks for {least} in the test (min_test_count of gates.yml)"
        else:
            return None
        found = self._count_evidence(weakest)
        if self.sentence.task == "regression":
            return f"as of {weakest.as_of_date} only {found:,} {self._who} have a label, and {limit}."
        return (
            f"as of {weakest.as_of_date} only {found:,} of {weakest.entities:,} {self._who} have the rarer value of "
            f"{self.label!r}, and {limit}; fewer or more days change that."
        )

    def explain_few_rows(self, training: TrainingSettings) -> str | None:
        """That there are too few rows to train on; None where there are enough."""
        cutoffs = self.counts[:-2]
        rows = sum(count.entities for count in cutoffs)
        if rows >= training.min_training_rows:
            return None
        return (
            f"a training has about {rows:,} rows, the {self._who} of {len(cutoffs)} cutoff(s), and needs "
            f"{training.min_training_rows:,}: set training.min_training_rows in the model's file to less, or deliver "
            "older days or more entities."
        )

    def explain_mostly_zero(self) -> str | None:
        """That a number is 0 for more than half, so that its median is; None where it is not."""
        count = self.counts[-1]
        zeros = count.entities - count.known
        if self.sentence.task != "regression" or zeros * 2 <= count.entities:
            return None
        return (
            f"as of {count.as_of_date} {self.label!r} is 0 for {zeros:,} of {count.entities:,} {self._who}: 0 for all "
            "then has the least absolute error, and the gates 'baseline' and 'interval' refuse what is not better than "
            f'that. More days have fewer zeros, and LABEL="{self.events} in {self.sentence.days} days" asks whether.'
        )

    def describe(self) -> str:
        """How the label is spread at the newest date."""
        count = self.counts[-1]
        where = f"{count.entities:,} {self._who} as of {count.as_of_date}"
        if self.sentence.task == "regression":
            return f"{self.label}: {count.least or 0:g} to {count.greatest or 0:g}, of {where}"
        is_absence = self.sentence.kind == "absence"
        yes = count.entities - count.known if is_absence else count.known
        return f"{self.label}: so for {yes:,} of {where}"

    def _count_evidence(self, count: LabelCount) -> int:
        """Rows of the smaller class, or rows; as :meth:`include.tasks.task.Task.count_evidence`."""
        if self.sentence.task == "regression":
            return count.entities
        return min(count.known, count.entities - count.known)

    def _find_one_value(self, counted: Sequence[LabelCount]) -> tuple[str, str] | None:
        """What holds for all, and the remedy."""
        horizon = f"in the {self.sentence.days} days from then on"
        known, entities = sum(count.known for count in counted), sum(count.entities for count in counted)
        least = min(count.least or 0.0 for count in counted)
        greatest = max(count.greatest or 0.0 for count in counted)
        is_sum = self.sentence.kind == "sum"
        if is_sum and least == greatest:
            column = self.sentence.column
            what = f"{column} adds up to {least:g} for each" if known else f"no {column} is known of any"
            return f"{what} {horizon}", "Name another column or another LABEL, or look at more days."
        if not is_sum and not known:
            return f"none had {self.events} {horizon}", "Look at more days, or name another LABEL."
        if self.sentence.task == "binary" and known == entities:
            return f"all had {self.events} {horizon}", "Look at fewer days, or name another LABEL."
        if self.sentence.kind == "count" and least == greatest:
            return f"each had {least:g} {self.events} {horizon}", "Name another LABEL."
        return None

    @property
    def _newest(self) -> Sequence[LabelCount]:
        """At the newest cutoff of each split."""
        return self.counts[-3:]

    @property
    def _begin(self) -> str:
        return f"The label {self.label!r}"

    @property
    def _who(self) -> str:
        return f"entities ({', '.join(self.entity)})"


def _list_dates(counts: Sequence[LabelCount]) -> str:
    return " and ".join(str(count.as_of_date) for count in counts)
