"""A new model as its files, whatever kind it is, and what makes sure that they can be written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from include.adopt.dbt_files import DbtFiles
from include.adopt.model_request import ModelRequest
from include.adopt.new_files import NewFile, write_files
from include.errors import SettingsError
from include.settings.models import build_model, check_model_file, find_model_files, load_shared
from include.settings.section import Environment


@dataclass(frozen=True)
class NewModel:
    """What is decided of a new model.

    Attributes:
        group: of its features.
        files: in the order in which they are written, the model's own one last.
        questions: sentences for a person to confirm.
    """

    group: str
    files: tuple[NewFile, ...]
    questions: tuple[str, ...]

    def describe(self) -> str:
        """The files, the model's own one, and what is open, as text."""
        listed = [f"  {'adds to' if file.is_change else 'new'} {file.path}" for file in self.files if not file.is_there]
        questions = [f"please confirm: {question}" for question in self.questions]
        return "\n".join((f"{len(listed)} file(s):", *listed, "", self.files[-1].text, *questions))

    def write(self) -> None:
        """Write them all.

        Raises:
            SettingsError: see :func:`include.adopt.new_files.write_files`.
        """
        write_files(self.files)


def list_usual_questions(request: ModelRequest) -> list[str]:
    """What is open of every new model."""
    return [
        f"{request.owner} owns model, features and labels (OWNER), and {request.trainer} trains (TRAINER).",
        "gates are those of gates.yml; train once, and set limits from what is measured.",
    ]


def check_model_name(name: str, config: Path) -> None:
    """Refuse a name that is taken, or that no model can have.

    Raises:
        SettingsError: names the file that has it, or says what a name is.
    """
    path = config / "models" / f"{name}.yml"
    there = [one for one in find_model_files(config / "models") if one.stem.casefold() == name.casefold()]
    if there:
        raise SettingsError(f"A model {name!r} is declared already, in {there[0]}; give another NAME.")
    check_model_file(path, [path])


def change_file(dbt: DbtFiles, name: str, text: str) -> NewFile:
    """A file of the dbt project with more in it; new where there is none."""
    path = dbt.folder / name
    return NewFile(path, text, dbt.folder, is_change=path.exists())


def check_model_file_text(file: NewFile) -> None:
    """Have the settings read the model's file, in each environment."""
    content: dict[str, Any] = yaml.safe_load(file.text)
    shared = load_shared(file.folder)
    for environment in get_args(Environment):
        build_model(file.path, content, shared, environment)
