"""One file of ``include/config/models`` becomes one model, over the shared settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args

from pydantic import Field, model_validator

from include.errors import SettingsError
from include.families.discovery import FAMILIES
from include.families.parameters import CLASSIFIER_KEYS
from include.settings.gates import GAIN_NAMES, GateSettings
from include.settings.governance import GovernanceSettings
from include.settings.monitoring import MonitoringSettings
from include.settings.notifications import NotificationSettings
from include.settings.rollout import RolloutSettings
from include.settings.scoring import ScoringSettings
from include.settings.section import Environment, Section, check_section, merge_mappings, read_overrides, read_yaml
from include.settings.task_name import TaskName as TaskName  # noqa: PLC0414 - other rooms know it from here
from include.settings.training import TrainingSettings

SECTIONS: Final[Mapping[str, type[Section]]] = {
    "training": TrainingSettings,
    "gates": GateSettings,
    "rollout": RolloutSettings,
    "scoring": ScoringSettings,
    "monitoring": MonitoringSettings,
    "governance": GovernanceSettings,
    "notifications": NotificationSettings,
}
HOUSE_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "rollout": frozenset({"server"}),
    "governance": frozenset({"lineage"}),
}
"""Keys of shared files that hold for the whole house (see :func:`include.settings.load_house_section`)."""
_YOUNG_SECTIONS: Final = frozenset({"scoring"})
"""Sections whose file a folder of an earlier release does not have; their keys have defaults."""
RESERVED_NAMES: Final = frozenset({"features", "labels"})
"""First parts of the shared assets' names (``include/assets.py``)."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
_Text = Annotated[str, Field(min_length=1)]
_SetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class FeatureDeclaration(Section):
    """Feature groups that a model uses, and the sets of features of each; no sets are all of them.

    Attributes:
        compare: feature sets by the name of the comparison; each family is fitted once for each of them.
    """

    groups: Annotated[tuple[str, ...], Field(min_length=1)]
    sets: tuple[str, ...] = ()
    compare: Annotated[dict[_SetName, Annotated[tuple[str, ...], Field(min_length=1)]], Field(max_length=4)] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        if len(set(self.groups)) < len(self.groups) or len(set(self.sets)) < len(self.sets):
            raise ValueError("each group and each set once")
        return self


class ModelDeclaration(Section):
    """What a model's file holds; the sections hold whatever the model changes of the shared files."""

    description: _Text
    owner: _Text
    task: TaskName
    label: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]
    features: FeatureDeclaration
    trainer: _Text
    training: dict[str, Any] = Field(default_factory=dict)
    gates: dict[str, Any] = Field(default_factory=dict)
    rollout: dict[str, Any] = Field(default_factory=dict)
    scoring: dict[str, Any] = Field(default_factory=dict)
    monitoring: dict[str, Any] = Field(default_factory=dict)
    governance: dict[str, Any] = Field(default_factory=dict)
    notifications: dict[str, Any] = Field(default_factory=dict)


class ModelSettings(Section):
    """One model: what it predicts, from what, whose it is, and its settings of every section."""

    name: str
    description: str
    owner: str
    task: TaskName
    label: str
    features: FeatureDeclaration
    trainer: str
    training: TrainingSettings
    gates: GateSettings
    rollout: RolloutSettings
    monitoring: MonitoringSettings
    governance: GovernanceSettings
    notifications: NotificationSettings
    scoring: ScoringSettings = Field(default_factory=ScoringSettings)

    @property
    def label_table(self) -> str:
        """The dbt model that holds the label."""
        return self.label.partition(".")[0]

    @property
    def label_column(self) -> str:
        """The label's column."""
        return self.label.partition(".")[2]

    @model_validator(mode="after")
    def _check_fits_task(self) -> Self:
        for name in self.training.families:
            if name in FAMILIES and self.task not in FAMILIES[name].tasks:
                raise ValueError(f"families that fit the task; {name} does not fit {self.task}")
            wrong = [
                key for key in CLASSIFIER_KEYS if getattr(getattr(self.training.parameters, name, None), key, None)
            ]
            if self.task == "regression" and wrong:
                raise ValueError(f"training.parameters.{name}.{wrong[0]} to be null: regression has no classes")
        members = getattr(self.training.parameters.ensemble, "members", ())
        if "ensemble" in self.training.families and sum(self.task in FAMILIES[name].tasks for name in members) < 2:
            raise ValueError(f"training.parameters.ensemble.members to hold two families at least that fit {self.task}")
        if self.task == "regression" and any(
            weight for name, weight in self.training.selection_weights if name in ("f1", "precision", "recall")
        ):
            raise ValueError("selection_weights of score, training_seconds and size only: regression has no f1")
        return self

    @model_validator(mode="after")
    def _check_gains(self) -> Self:
        if self.training.decision_gains is not None:
            raise ValueError("no training.decision_gains: they are those of gates.value.gains")
        if self.training.decision == "value" and self.task != "binary":
            raise ValueError(f"training.decision to be f1: the answers of a {self.task} model have no threshold")
        names, found = GAIN_NAMES[self.task], self.gates.value.gains
        if set(found) != set(names):
            raise ValueError(
                f"gates.value.gains of a {self.task} model to be {', '.join(names)}; found {', '.join(found) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _check_can_be_approved(self) -> Self:
        if self.governance.is_approval_required and set(self.governance.all_approvers) <= {self.trainer}:
            raise ValueError(
                f"an approver besides the trainer in governance.approvers: {self.trainer!r} trains this model and may "
                "not approve it, so nobody could"
            )
        return self


@dataclass(frozen=True)
class SharedFile:
    """A shared file: its values, and what tasks and environments change of them."""

    path: Path
    base: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    environments: dict[str, dict[str, Any]]

    def find_values(self, task: str, environment: str) -> dict[str, Any]:
        """The values for one task in one environment."""
        return merge_mappings(
            merge_mappings(self.base, self.tasks.get(task, {})), self.environments.get(environment, {})
        )


def read_shared(path: Path, house_keys: frozenset[str] = frozenset()) -> SharedFile:
    """Read one shared file.

    Args:
        house_keys: keys that hold for the whole house and are left out here (see :func:`load_house_section`).

    Raises:
        SettingsError: the file is absent, no YAML, names an unknown task or environment, or holds a key where it
            would have no effect.
    """
    content = read_yaml(path)
    overrides = read_overrides(content, str(path))
    tasks = content.get("tasks") or {}
    if not isinstance(tasks, dict) or not all(isinstance(values, dict) for values in tasks.values()):
        raise SettingsError(f"{path}: key 'tasks' should be a mapping of task names to keys.")
    for name in tasks:
        if name not in get_args(TaskName):
            raise SettingsError(f"{path}: unknown task 'tasks.{name}'; known are {', '.join(get_args(TaskName))}.")
    for name, values in tasks.items():
        refuse_keys(values, {"tasks", "environments", *house_keys}, f"{path}: unknown key 'tasks.{name}")
    for name, values in overrides.items():
        refuse_keys(values, {"tasks", "environments"}, f"{path}: unknown key 'environments.{name}")
    return SharedFile(
        path,
        drop_keys(content, {"tasks", "environments", *house_keys}),
        tasks,
        {name: drop_keys(values, house_keys) for name, values in overrides.items()},
    )


def drop_keys(values: Mapping[str, Any], dropped: Set[str]) -> dict[str, Any]:
    """The mapping without some of its keys."""
    return {key: value for key, value in values.items() if key not in dropped}


def refuse_keys(values: Mapping[str, Any], refused: Set[str], place: str) -> None:
    """Raise a SettingsError for a key that would have no effect in its place."""
    for key in values:
        if key in refused:
            raise SettingsError(f"{place}.{key}'; '{key}' has an effect further up only. Move it.")


def load_models(folder: Path, environment: Environment) -> tuple[dict[str, ModelSettings], dict[str, str]]:
    """The models declared in ``folder/models`` by name, and what is wrong with the others by the stem of their file.

    A model whose file is wrong stops no other model. Each environment is checked.

    Raises:
        SettingsError: a shared file is wrong.
    """
    shared = load_shared(folder)
    paths = find_model_files(folder / "models")
    models: dict[str, ModelSettings] = {}
    broken: dict[str, str] = {}
    for path in paths:
        try:
            check_model_file(path, paths)
            models[path.stem] = load_model(path, shared, environment)
        except SettingsError as error:
            broken[path.stem] = " ".join(str(error).split())
    return models, broken


def load_shared(folder: Path) -> dict[str, SharedFile]:
    """The shared files of a folder of settings by section, checked; what an earlier release did not have may be absent.

    Raises:
        SettingsError: one is wrong.
    """
    paths = {name: folder / f"{name}.yml" for name in SECTIONS}
    shared = {
        name: SharedFile(path, {}, {}, {})
        if name in _YOUNG_SECTIONS and not path.exists()
        else read_shared(path, HOUSE_KEYS.get(name, frozenset()))
        for name, path in paths.items()
    }
    check_shared(shared)
    return shared


def find_model_files(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name; hidden ones are left out."""
    found = sorted(folder.glob("*")) if folder.is_dir() else []
    return [path for path in found if path.suffix in (".yml", ".yaml") and not path.name.startswith(".")]


def check_model_file(path: Path, paths: Sequence[Path]) -> None:
    """Check the name of a model's file.

    Raises:
        SettingsError: it is no model name, it is reserved, or another file of ``paths`` names the same model.
    """
    same = [other.name for other in paths if other.stem.casefold() == path.stem.casefold()]
    if len(same) > 1:
        raise SettingsError(
            f"{path.parent}: {' and '.join(same)} declare one model, {path.stem.casefold()!r}. Rename or remove one."
        )
    if path.suffix != ".yml" or not _NAME.fullmatch(path.stem):
        raise SettingsError(
            f"{path}: the file of a model is called NAME.yml, and NAME is lower-case letters, digits and "
            "underscores, begins with a letter and has at most 31 characters. Rename it."
        )
    if path.stem in RESERVED_NAMES:
        raise SettingsError(
            f"{path}: a model cannot be called {path.stem!r}: its assets would have the names of those of "
            "build_features. Rename it."
        )


def load_model(path: Path, shared: Mapping[str, SharedFile], environment: Environment) -> ModelSettings:
    """One model's settings in one environment; the other environments are checked as well."""
    content = read_yaml(path)
    overrides = read_overrides(content, str(path))
    head = {key: value for key, value in content.items() if key != "environments"}
    models = {
        name: build_model(path, merge_mappings(head, overrides.get(name, {})), shared, name)
        for name in sorted(get_args(Environment), key=lambda name: name == environment)
    }
    return models[environment]


def build_model(path: Path, head: dict[str, Any], shared: Mapping[str, SharedFile], environment: str) -> ModelSettings:
    """Check a model's declaration and merge each of its sections over the shared file."""
    declaration = check_section(head, ModelDeclaration, environment, str(path))
    sections = {
        name: check_section(
            merge_mappings(shared[name].find_values(declaration.task, environment), getattr(declaration, name)),
            section_type,
            environment,
            f"{path}, section '{name}' (over {shared[name].path.name})",
        )
        for name, section_type in SECTIONS.items()
    }
    values = declaration.model_dump(mode="json", exclude=set(SECTIONS))
    merged = {**values, **{name: section.model_dump(mode="json") for name, section in sections.items()}}
    return check_section({"name": path.stem, **merged}, ModelSettings, environment, str(path))


def check_shared(shared: Mapping[str, SharedFile]) -> None:
    """Check every shared file for every task and environment, so that its mistakes are not put down to a model."""
    for name, file in shared.items():
        for task in get_args(TaskName):
            for environment in get_args(Environment):
                source = f"{file.path} (task {task!r})"
                check_section(file.find_values(task, environment), SECTIONS[name], environment, source)
