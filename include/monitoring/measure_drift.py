"""Measures the drift of one run: its rows against those of the training, its scores against the first ones."""

from __future__ import annotations

from collections.abc import Mapping

from include.features.matrix import from_table
from include.features.read import AS_OF, read_features
from include.monitoring.drift import ColumnDrift, DriftReport, compare_columns
from include.monitoring.held_out import read_held_out
from include.monitoring.profiles import Profile, profile_column
from include.monitoring.records import MonitoringRun
from include.monitoring.reference import load_reference
from include.registry.contract import ModelContract
from include.settings.monitoring import DriftSettings
from include.warehouse.names import name_table


def measure_drift(uri: str, run: MonitoringRun, contract: ModelContract, settings: DriftSettings) -> DriftReport:
    """Compare the rows of the run's day with those of the training, and their scores with the first ones.

    Of a version that was split by entity, the features of all rows count: which entities it has learned from does not
    depend on their features.

    Raises:
        SourceError: a feature that the champion needs is gone.
    """
    profiles = load_reference(uri, contract, run.model_version, run.at)
    features = [item for item in contract.features if item.name not in settings.ignored_features]
    references: Mapping[str, Profile] = {item.name: profiles[item.name] for item in features}
    table = read_features(uri, contract.entity, contract.groups, features, [run.as_of_date])
    matrix = from_table(table, features)
    columns = {name: matrix.column(name) for name in matrix.names}
    return DriftReport(
        reference_rows=min((int(profile.counts.sum()) for profile in references.values()), default=0),
        current_rows=len(matrix),
        features=compare_columns(references, columns, settings) if len(matrix) else (),
        scores=measure_score_drift(uri, run, contract, settings),
    )


def measure_score_drift(
    uri: str, run: MonitoringRun, contract: ModelContract, settings: DriftSettings
) -> ColumnDrift | None:
    """Compare the scores of the run's day with those of the version's first days; None without scores.

    With several classes the probability of each is compared beside that of the predicted one, and the one that
    drifted most is returned: classes that change places leave the latter as it was. Scores of training rows do not
    count (:func:`include.monitoring.held_out.read_held_out`): a model is surer of rows that it has learned from.
    """
    table = name_table(run.model_name, "predictions").quoted
    of_version = f"from {table} where model_version = {run.model_version}"
    classes = contract.decision.get("classes", ())
    columns = ", ".join(["prediction", *(f"scores[{position}]" for position in range(1, len(classes) + 1))])
    # Dates hold no quotes, and the Arrow driver takes no parameters here.
    first = read_held_out(
        uri,
        contract,
        columns,
        f"{of_version} and {AS_OF} < {settings.score_reference_days} + (select min({AS_OF}) {of_version})",
    )
    current = read_held_out(uri, contract, columns, f"{of_version} and {AS_OF} = date '{run.as_of_date}'")
    if not first.num_rows or not current.num_rows:
        return None
    names = ["score", *(f"score of {name}" for name in classes)]
    references = {name: profile_column(first.column(index).to_numpy()) for index, name in enumerate(names)}
    values = {name: current.column(index).to_numpy() for index, name in enumerate(names)}
    return max(compare_columns(references, values, settings), key=lambda drift: (drift.is_drifted, drift.psi))
