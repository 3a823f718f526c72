"""Looks in the files of a source whether a label of its events differs between entities, before a model is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from include.adopt.event_files import EventFiles, Tell, find_declared_files
from include.adopt.event_rows import EventReader
from include.adopt.label_counts import count_labels
from include.adopt.label_dates import find_label_cutoffs
from include.adopt.label_evidence import LabelEvidence
from include.adopt.label_sentence import LabelSentence, read_label
from include.adopt.model_request import ModelRequest
from include.adopt.reach import choose_reach, load_training
from include.adopt.short_history import explain_short_history
from include.adopt.staged_columns import find_column, stage_columns
from include.commands.console import Pace
from include.errors import SettingsError, SourceError
from include.settings.gates import GateSettings
from include.settings.models import load_shared
from include.settings.section import check_section, load_section
from include.settings.source_kinds import FileSource
from include.settings.sources import SourceSettings, sources_root

if TYPE_CHECKING:
    import pyarrow as pa


def check_declared_label(request: ModelRequest, config: Path, environment: str, tell: Tell) -> list[str]:
    """As :func:`check_label`, of a source that is declared; of one whose deliveries are no files here, nothing.

    What cannot be looked at in the files is for a person to confirm: the warehouse may hold more.
    """
    sources = load_section(config / "sources.yml", SourceSettings, environment)
    source = sources.find_source(request.events)
    if not isinstance(source, FileSource) or source.grain != "daily":
        return []
    files = find_declared_files(request.events, source, sources_root(sources), sources.time_zone)
    try:
        if problem := explain_short_history(request.label, request.events, files.days, config, environment):
            return [f"please confirm: {request.events} has {problem}"]
        return check_label(request, files, config, environment, tell)
    except SourceError as error:
        return [f"please confirm: that {request.label!r} is not the same for all could not be counted. {error}"]


def check_label(request: ModelRequest, files: EventFiles, config: Path, environment: str, tell: Tell) -> list[str]:
    """Refuse a label that is the same for all entities, as training would.

    It is counted at the cutoffs of a first training. Nothing is said of a table without events, nor
    of files of too few days for a training.

    Args:
        config: the folder of settings.
        tell: takes lines about what is done, where it takes long.

    Returns:
        what to say: how the label is spread, and what a person has to confirm.

    Raises:
        SettingsError: says what was found, in figures, and what to do; or the label cannot be read.
        SourceError: a file cannot be read as it is declared.
    """
    if files.source.grain != "daily":
        return []
    sentence = read_label(request.label, request.events)
    training, gates = load_training(config, sentence, environment), _load_gates(config, sentence, environment)
    reach = choose_reach(files.days, sentence.days, training)
    if reach is None:
        return []
    sentence = replace(sentence, lookback_days=reach.lookback_days)
    cutoffs = find_label_cutoffs(files.days, sentence.days, reach.apply(training), reach.lookback_days)
    dates = cutoffs.all if cutoffs else ()
    rows = _read_rows(_make_reader(request, files, sentence), files, dates, sentence, tell)
    counts = count_labels(rows, dates, sentence)
    evidence = LabelEvidence(request.label, request.events, request.entity, sentence, counts)
    if refusal := evidence.explain_one_value():
        raise SettingsError(refusal)
    unsure = [
        evidence.explain_rare(training, gates), evidence.explain_few_rows(training), evidence.explain_mostly_zero()
    ]  # fmt: skip
    return [f"✔ {evidence.describe()}", *(f"please confirm: {one}" for one in unsure if one)]


def _load_gates(config: Path, sentence: LabelSentence, environment: str) -> GateSettings:
    shared = load_shared(config)["gates"]
    return check_section(shared.find_values(sentence.task, environment), GateSettings, environment, str(shared.path))


def _make_reader(request: ModelRequest, files: EventFiles, sentence: LabelSentence) -> EventReader:
    staged = stage_columns(files.source)
    keys = [find_column(request.events, staged, name, "ENTITY").origin for name in request.entity]
    summed = find_column(request.events, staged, sentence.column, "LABEL").origin if sentence.column else None
    return EventReader(request.events, files.source, files.time_zone, keys, summed, is_counted=sentence.kind == "count")


def _read_rows(
    reader: EventReader, files: EventFiles, dates: Sequence[date], sentence: LabelSentence, tell: Tell
) -> Iterator[pa.Table]:
    """The rows of the active days and of the horizon of each date, of no other days' files.

    Rows come late: the files of so many days more are read.
    """
    late = timedelta(days=files.source.allowed_lateness_days)
    spans = [(one - timedelta(days=sentence.active_days), one + timedelta(days=sentence.days - 1)) for one in dates]
    paths, pace, rows = files.list_paths([(first, last + late) for first, last in spans]), Pace(tell), 0
    for number, path in enumerate(paths, start=1):
        for block in reader.read(path, spans[0][0], spans[-1][1]):
            rows += block.num_rows
            where = f"up to {path.name}, file {number:,} of {len(paths):,}" if len(paths) > 1 else f"of {path.name}"
            pace.say(f"  {reader.name}: the label counted, {rows:,} rows of its days {where}")
            yield block
