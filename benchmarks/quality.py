"""How good the models of the examples are: every family, the ensemble and searched parameters, at three test cutoffs.

Measured: the score (AUC, D²) on the test rows of three cutoffs four weeks apart, with its 95 % interval: of the best
single feature as a model, which is the peer (ratio: ours / peer), of every family with the shipped parameters, the vote
of the ensemble among them, and of two families after a search of 20 trials (Optuna). What the search has gained over
the shipped parameters of its family, and the ensemble over one of its members, is a paired difference on the same test
rows, with its interval: the member that was best on validation, which one would have taken, and the one that the test
rows, in hindsight, show as best. Besides, the seconds of CPU of one fit.

Fair because: each cutoff has the training set that it would have had on its day; no test row chooses features,
parameters or anything but the member in hindsight; all are measured in the ONNX form, which serves, on the same rows
and bootstrap samples. Intervals are of the rows of one cutoff: what varies from cutoff to cutoff shows between the
three. Neither MLflow nor Airflow takes part in the fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.dbt import time_plain_build
from benchmarks.figure import Figure, bound, compare, state
from benchmarks.panel import loaded_panel
from benchmarks.surroundings import changed_environment, temporary_folder
from benchmarks.timing import Tell
from include.features.catalog import load_catalog
from include.features.manifest import TARGET_VARIABLE, build_manifest
from include.features.spec import ModelSpec, resolve_model
from include.operate.figures import name_metric
from include.settings import load_settings
from include.settings.training import BASELINE, TrainingSettings
from include.training.dataset import build_training_set, read_labelled_dates
from include.training.splits import TrainingData, read_training_data
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import pandas as pd

    from include.registry.onnx import OnnxModel
    from include.training.compare import Gain
    from include.training.fit import FittedFamily

CUTOFFS: Final = 3
APART: Final = timedelta(days=28)
TRIALS: Final = 20
SEARCHED: Final = ("gradient_boosting", "lightgbm")
ENSEMBLE: Final = "ensemble"


@dataclass(frozen=True)
class Measured:
    """A fitted family and its figures on the test rows, as ``include.training.fit.measure_family`` names them."""

    fitted: FittedFamily
    onnx: OnnxModel
    result: dict[str, Any]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """The scores of both examples at each cutoff, and what search and ensemble have gained."""
    figures = []
    for spec, settings, frames in read_frames(options.households or None, tell):
        figures += measure_model(frames, spec, settings, tell)
    return figures


def read_frames(
    households: int | None, tell: Tell
) -> list[tuple[ModelSpec, TrainingSettings, dict[date, pd.DataFrame]]]:
    """Of each declared model, the training sets by test cutoff; the warehouse is gone afterwards."""
    with temporary_folder() as folder:
        with changed_environment({TARGET_VARIABLE: str(folder / "manifest")}):
            build_manifest()
            catalog = load_catalog()
        declared = [(resolve_model(one, catalog), one.training) for one in load_settings().models.values()]
        with loaded_panel(folder, households, tell) as uri:
            seconds = time_plain_build(uri, folder / "target")
            tell(f"  features built in {seconds:.1f} s")
            return [(spec, settings, read_cutoffs(uri, spec, settings)) for spec, settings in declared]


def read_cutoffs(uri: str, spec: ModelSpec, settings: TrainingSettings) -> dict[date, pd.DataFrame]:
    """The training set as of each test cutoff, the newest one first; labels newer than the oldest one are deleted."""
    frames = {}
    for cutoff in choose_test_cutoffs(read_labelled_dates(uri, spec)):
        with open_session(uri) as session:
            session.execute(f'delete from {spec.label.table.quoted} where "{spec.label.event_time}" > %s', (cutoff,))
        frames[cutoff] = build_training_set(uri, spec, settings)
    return frames


def choose_test_cutoffs(dates: Sequence[date]) -> list[date]:
    """The newest labelled date, and each time the newest that is four weeks older at least.

    Raises:
        BenchmarkError: the dates do not reach so far back.
    """
    chosen: list[date] = []
    for _ in range(CUTOFFS):
        allowed = [day for day in dates if not chosen or day <= chosen[-1] - APART]
        if not allowed:
            raise BenchmarkError(
                f"{len(dates)} labelled dates hold {len(chosen)} cutoffs four weeks apart, not {CUTOFFS}."
            )
        chosen.append(max(allowed))
    return chosen


def measure_model(
    frames: dict[date, pd.DataFrame], spec: ModelSpec, settings: TrainingSettings, tell: Tell
) -> list[Figure]:
    """The figures of one model at each cutoff, then the CPU seconds of one fit of each family."""
    figures, seconds = [], dict[str, list[float]]()
    for cutoff, frame in frames.items():
        data, where = read_training_data(frame, spec, settings), f"{spec.name} at {cutoff}"
        shipped = fit_families(data, spec, settings)
        searched = fit_searched(data, shipped[BASELINE].fitted, spec, settings)
        for name, one in shipped.items():
            seconds.setdefault(name, []).append(one.fitted.training_seconds)
        found = [
            *(describe_score(f"{where}: {name}", one) for name, one in shipped.items()),
            *(describe_score(f"{where}: {name}, searched", one) for name, one in searched.items()),
            *describe_gains(where, data, shipped, searched, settings),
        ]
        tell("\n".join(f"  {one.figure}: {one.ours:.4f} ({one.low:.4f} to {one.high:.4f})" for one in found))
        figures += found
    return [*figures, *(state(f"{spec.name}: one fit of {name}", of, "s CPU") for name, of in seconds.items())]


def list_families(task: str) -> list[str]:
    """The families that learn such a label; the ensemble is the last one."""
    from include.families.discovery import FAMILIES

    fitting = [name for name, family in FAMILIES.items() if task in family.tasks]
    return sorted(fitting, key=lambda name: (name == ENSEMBLE, name))


def fit_families(data: TrainingData, spec: ModelSpec, settings: TrainingSettings) -> dict[str, Measured]:
    """The baseline and every family that fits the task, with the parameters of the settings."""
    from include.training.fit import train_model

    baseline = train_model(data, BASELINE, spec, settings)
    others = (train_model(data, name, spec, settings) for name in list_families(spec.task))
    return {one.family: _measure(one, baseline, data, settings) for one in (baseline, *others)}


def fit_searched(
    data: TrainingData, baseline: FittedFamily, spec: ModelSpec, settings: TrainingSettings
) -> dict[str, Measured]:
    """The searched families, each with the best parameters that were found on training rows."""
    from include.training.fit import train_model
    from include.training.search.run import search_parameters

    search = settings.search.model_copy(update={"method": "optuna", "trials": TRIALS})
    asked, fitted = settings.model_copy(update={"search": search}), {}
    for name in SEARCHED:
        found = search_parameters(data, name, spec, asked, "benchmark")
        if found is None or not found.parameters:
            raise BenchmarkError(f"The search for parameters of {name} has found none for {spec.name}.")
        fitted[name] = _measure(train_model(data, name, spec, found.settings), baseline, data, settings)
    return fitted


def _measure(fitted: FittedFamily, baseline: FittedFamily, data: TrainingData, settings: TrainingSettings) -> Measured:
    from include.registry.onnx import OnnxModel
    from include.training.fit import measure_family

    onnx = OnnxModel(fitted.onnx)
    return Measured(fitted, onnx, measure_family(fitted, onnx, baseline, data, settings))


def describe_score(figure: str, one: Measured) -> Figure:
    """A score beside that of the best single feature; of that one alone, no peer."""
    result = one.result
    unit, peer = name_metric(result["score_name"]), result["baseline"]
    if one.fitted.family == BASELINE:
        return bound(state(f"{figure}, {peer['feature']} alone", [result["score"]], unit),
                     result["score_low"], result["score_high"])  # fmt: skip
    plain = compare(f"{figure}; peer: {peer['feature']} alone", [result["score"]], [peer["score"]], unit, "ours / peer")
    return bound(plain, result["score_low"], result["score_high"])


def describe_gains(
    where: str, data: TrainingData, shipped: dict[str, Measured], searched: dict[str, Measured],
    settings: TrainingSettings,
) -> list[Figure]:  # fmt: skip
    """What the searches have gained over the shipped parameters, and the ensemble over its best member."""
    unit = name_metric(shipped[BASELINE].result["score_name"])
    members = [shipped[name] for name in settings.parameters.ensemble.members if name in shipped]
    chosen = max(members, key=lambda one: _score_validation(one, data))
    best = max(members, key=lambda one: float(one.result["score"]))
    vote = shipped[ENSEMBLE]
    pairs = [
        *((f"search of {name}", one, shipped[name]) for name, one in searched.items()),
        (f"{ENSEMBLE} over its best on validation, {chosen.fitted.family}", vote, chosen),
        (f"{ENSEMBLE} over its best in hindsight, {best.fitted.family}", vote, best),
    ]
    gains = [(name, _measure_gain(one, other, data, settings)) for name, one, other in pairs]
    return [bound(state(f"{where}: gain, {name}", [gain.gain], unit), gain.low, gain.high) for name, gain in gains]


def _score_validation(one: Measured, data: TrainingData) -> float:
    from include.training.compare import measure_score

    return measure_score(one.onnx.task, data.validation.labels, one.onnx.predict(data.validation.matrix))


def _measure_gain(one: Measured, other: Measured, data: TrainingData, settings: TrainingSettings) -> Gain:
    from include.training.compare import measure_gain

    answers, others = (model.onnx.predict(data.test.matrix) for model in (one, other))
    return measure_gain(one.onnx.task, data.test.labels, answers, others, settings)
