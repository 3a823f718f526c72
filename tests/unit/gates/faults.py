"""Candidates that are bad in one way alone: trained for real, then spoiled in their file, their rows or their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import helper, numpy_helper

from include.evaluation.candidate import Candidate
from include.features.catalog import FeatureDetail
from include.registry.contract import METADATA_KEY, ModelContract
from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.splits import SPLIT
from tests.model.candidates import FAMILY, FOLDER, change_gates, simulate, train_candidate, train_good, vary
from tests.model.machines import TEST_DATE, drop_features, make_spec

Fault = Callable[[TaskName], Candidate]
NEXT: dict[TaskName, dict[Any, Any]] = {"binary": {0: 1, 1: 0}, "multiclass": {"a": "b", "b": "c", "c": "a"}}
OPPOSITE: dict[TaskName, dict[Any, Any]] = {"binary": {0: 1, 1: 0}, "multiclass": {"a": "c", "b": "b", "c": "a"}}


def rewrite_output(
    content: bytes, task: TaskName, amount: float, change: Callable[[ModelContract], dict[str, Any]]
) -> bytes:
    """The same model with its probabilities taken to a power and normalised again, or its forecasts moved."""
    proto = onnx.load_model_from_string(content)
    name = TASKS[task].output_name
    for node in proto.graph.node:
        for index, output in enumerate(node.output):
            if output == name:
                node.output[index] = "honest"
    constant = numpy_helper.from_array(np.array([amount], dtype=np.float32), "amount")
    proto.graph.initializer.append(constant)
    if task == "regression":
        proto.graph.node.append(helper.make_node("Add", ["honest", "amount"], [name]))
    else:
        axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
        proto.graph.initializer.append(axes)
        proto.graph.node.extend(
            [
                helper.make_node("Pow", ["honest", "amount"], ["powered"]),
                helper.make_node("ReduceSum", ["powered", "axes"], ["total"], keepdims=1),
                helper.make_node("Div", ["powered", "total"], [name]),
            ]
        )
    entry = next(item for item in proto.metadata_props if item.key == METADATA_KEY)
    contract = ModelContract.from_json(entry.value)
    entry.value = type(contract)(**{**vars(contract), "decision": change(contract)}).to_json()
    return bytes(proto.SerializeToString())


def exaggerate(task: TaskName) -> Candidate:
    """Probabilities that are too sure of themselves, with the same ranking and the same answers; biased forecasts."""
    good = train_good(task)
    power = 4.0 if task != "regression" else 0.36 * float(np.abs(good.data.test.labels).mean())

    def keep_answers(contract: ModelContract) -> dict[str, Any]:
        if task != "binary":
            return dict(contract.decision)
        yes = contract.decision["threshold"] ** power
        return {"threshold": yes / (yes + (1 - contract.decision["threshold"]) ** power)}

    content = good.source.read_onnx(good.result)
    return vary(good, files={FAMILY: rewrite_output(content, task, power, keep_answers)})


def prefer_a_group(task: TaskName) -> Candidate:
    """Machines of one paint had worse labels in the past, and the model has learned it."""
    frame = simulate(task)
    blue = (frame["paint"] == "blue").to_numpy()
    labels = frame["label"].to_numpy().copy()
    dice = np.random.default_rng(5).random(len(frame))
    if task == "regression":
        labels = labels - 3.0 * blue
    else:
        labels[blue & (dice < 0.3)] = {"binary": 1, "multiclass": "c"}[task]
    return train_candidate(task, frame.assign(label=labels))


def hang_on_a_brittle_column(task: TaskName) -> Candidate:
    """What decides is in which of many narrow bands the temperature lies: the least noise leads into another."""
    frame = simulate(task)
    dice = np.random.default_rng(6)
    frame["temperature"] = dice.random(len(frame)) * 12
    is_odd = (np.floor(frame["temperature"]) % 2 == 1).to_numpy()
    labels = frame["label"].to_numpy().copy()
    is_moved = dice.random(len(frame)) < {"binary": 0.5, "multiclass": 0.8, "regression": 1.0}[task]
    if task == "regression":
        labels = labels + np.where(is_odd, 5.0, -5.0)
    elif task == "binary":
        labels[is_moved] = is_odd[is_moved]
    else:
        labels[is_moved & is_odd] = [NEXT[task][label] for label in labels[is_moved & is_odd]]
    return train_candidate(task, frame.assign(label=labels))


def fail_in_a_segment(task: TaskName) -> Candidate:
    """At a site that was sold lately everything is the other way round; the training rows do not know it."""
    frame = simulate(task, machines=3600)
    sold = np.random.default_rng(8).random(len(frame)) < 0.04
    frame.loc[sold, "site"] = "sold"
    is_new = (sold & (frame[SPLIT] == "test")).to_numpy()
    labels = frame["label"].to_numpy().copy()
    if task == "regression":
        labels[is_new] = 2 * float(np.median(labels)) - labels[is_new]
    else:
        labels[is_new] = [OPPOSITE[task][label] for label in labels[is_new]]
    return train_candidate(task, frame.assign(label=labels))


def fall_over_time(task: TaskName) -> Candidate:
    """One of the earlier cutoffs was predicted far worse."""
    score = train_good(task).result["score"]
    return vary(train_good(task), validation={"folds": 3, "scores": [score, score - 0.3, score]})


def hang_on_one_feature(task: TaskName) -> Candidate:
    """Wear decides nearly alone; the rest is worth just enough to beat the rule. The others' half of it is too much."""
    if task != "binary":
        return change_limit(interpretability={"max_dominance": 0.5})(task)
    frame = simulate(task)
    dice = np.random.default_rng(9)
    covered = frame["is_covered"].fillna(False).to_numpy(dtype=bool)
    stress = 0.6 * frame["wear"].to_numpy() + 0.8 * ((frame["site"] == "south").to_numpy() - 0.8 * covered)
    labels = (stress + dice.normal(0, 1.6, len(frame)) > 3.2).astype(np.int64)
    return train_candidate(task, frame.assign(label=labels))


def tell_by_absence(task: TaskName) -> Candidate:
    """A value that is missing where the label is bad: somebody noted it afterwards."""
    frame = simulate(task)
    dice = np.random.default_rng(10)
    labels = frame["label"].to_numpy().copy()
    if task == "regression":
        is_bad, often, seldom = labels < np.median(labels), 0.99, 0.01
    else:
        is_moved = dice.random(len(frame)) < 0.25
        labels[is_moved] = [NEXT[task][label] for label in labels[is_moved]]
        is_bad, often, seldom = labels == {"binary": 1, "multiclass": "c"}[task], 0.88, 0.18
    is_gone = dice.random(len(frame)) < np.where(is_bad, often, seldom)
    frame["temperature"] = np.where(is_gone, np.nan, dice.normal(20, 5, len(frame)))
    return train_candidate(task, frame.assign(label=labels))


def lose_money(task: TaskName) -> Candidate:
    """A wrong yes costs more than all right ones earn; or the rule would have earned more."""
    good = train_good(task)
    if task == "binary":
        gains = {"true_positive": 1.0, "false_positive": -40.0, "false_negative": 0.0, "true_negative": 0.0}
        return vary(good, model=change_gates(good.model, value={"gains": gains}))
    blind = train_candidate(task, simulate(task), spec=drop_features(make_spec(task), "site", "is_covered"))
    files = {FAMILY: blind.source.read_onnx(blind.result), "baseline": good.source.read_onnx(good.result)}
    return vary(good, files=files)


def repeat_rows(task: TaskName) -> Candidate:
    """Some training rows stand in the test, too."""
    rows = train_good(task).source.read_rows(make_spec(task))
    known = rows.filter(pa.compute.equal(rows.column(SPLIT), "train")).slice(0, 20)
    again = known.set_column(known.column_names.index(SPLIT), SPLIT, pa.array(["test"] * len(known)))
    return vary(train_good(task), rows=pa.concat_tables([rows, again]))


def begin_too_early(task: TaskName) -> Candidate:
    """The test begins before the labels of the validation rows were known."""
    rows = train_good(task).source.read_rows(make_spec(task))
    days = [day if day < TEST_DATE else day.replace(day=day.day - 3) for day in rows.column("as_of_date").to_pylist()]
    return vary(train_good(task), rows=rows.set_column(0, "as_of_date", pa.array(days)))


def change_result(**replaced: Any) -> Fault:
    """A good candidate of which training has measured something else."""
    return lambda task: vary(train_good(task), **replaced)


def change_limit(**changed: dict[str, Any]) -> Fault:
    """A good candidate of which more is asked."""
    return lambda task: vary(train_good(task), model=change_gates(train_good(task).model, **changed))


# Of each fault, the gate that has to see it.
def smuggle(path: str, content: bytes | None = None) -> Fault:
    """A folder with a file that an ONNX model does not have, or with other content."""
    return lambda task: vary(train_good(task), folder={**FOLDER, path: content})


def use_a_foreign_operator(task: TaskName) -> Candidate:
    """A node that only a library of somebody's own can run."""
    proto = onnx.load_model_from_string(train_good(task).source.read_onnx(train_good(task).result))
    proto.graph.node.append(helper.make_node("Shell", [], ["never"], domain="com.example"))
    return vary_file(task, proto)


def keep_data_outside(task: TaskName) -> Candidate:
    """A tensor whose values stand in a file above the model's folder."""
    proto = onnx.load_model_from_string(train_good(task).source.read_onnx(train_good(task).result))
    tensor = numpy_helper.from_array(np.zeros(3, dtype=np.float32), "outside")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"
    proto.graph.initializer.append(tensor)
    return vary_file(task, proto)


def vary_file(task: TaskName, proto: onnx.ModelProto) -> Candidate:
    """The good candidate, whose file is another one for whoever inspects it, and answers as before."""
    good = train_good(task)
    changed = vary(good, files={FAMILY: bytes(proto.SerializeToString())})
    changed.__dict__["onnx"] = good.onnx  # a model server would refuse the file; what is measured stays
    return changed


def describe_nothing(task: TaskName) -> Candidate:
    """A feature without a description."""
    spec = make_spec(task)
    group = spec.groups[0]
    details = {name: detail for name, detail in group.details.items() if name != "wear"}
    return vary(train_good(task), spec=replace(spec, groups=(replace(group, details=details),)))


def name_a_person(task: TaskName) -> Candidate:
    """A feature that is tagged as identifying a person."""
    spec = make_spec(task)
    group = spec.groups[0]
    details = {**group.details, "wear": FeatureDetail("Whose it is.", ("pii",))}
    return vary(train_good(task), spec=replace(spec, groups=(replace(group, details=details),)))


FAULTS: dict[str, tuple[str, Fault]] = {
    "no gain over the rule": (
        "baseline",
        change_result(baseline={"feature": "wear", "score": 0.9, "gain": -0.01, "gain_low": -0.02, "gain_high": 0.0}),
    ),
    "worse than the champion": (
        "production",
        change_result(champion={"version": 3, "score": 0.9, "gain": -0.04, "gain_low": -0.06, "note": "worse"}),
    ),
    "worse by and by": (
        "best_ever", change_result(best_ever={"version": 2, "score": 0.9, "gain": -0.02, "note": "worse by and by"})
    ),
    "another ONNX form": ("parity", change_result(parity_difference=0.01)),
    "few rows": ("evidence", change_result(test_count=40)),
    "an uncertain score": ("interval", change_result(score_low=-0.1)),
    "a feature that is the label": ("leakage", change_result(single_feature_score=0.995)),
    "rows of the training in the test": ("overlap", repeat_rows),
    "a test that begins too early": ("overlap", begin_too_early),
    "predictions that are too sure": ("calibration", exaggerate),
    "a group that is preferred": ("fairness", prefer_a_group),
    "a brittle column": ("robustness", hang_on_a_brittle_column),
    "a segment that is wrong": ("stability", fail_in_a_segment),
    "a time that was wrong": ("stability", fall_over_time),
    "one feature alone": ("interpretability", hang_on_one_feature),
    "a value that is missing with the label": ("interpretability", tell_by_absence),
    "a policy that loses money": ("value", lose_money),
    "too slow": ("latency", change_limit(latency={"max_ms": 1e-9})),
    "too large": ("size", change_result(size_bytes=60_000_000)),
    "a pickle in the folder": ("security", smuggle("model.pkl")),
    "a path out of the folder": ("security", smuggle("../model.onnx")),
    "a loader of its own": (
        "security", smuggle("MLmodel", b"flavors: {python_function: {loader_module: mlflow.sklearn}}")
    ),
    "an operator of its own": ("security", use_a_foreign_operator),
    "data in another file": ("security", keep_data_outside),
    "a feature without a description": ("compliance", describe_nothing),
    "a feature that identifies a person": ("compliance", name_a_person),
}  # fmt: skip
