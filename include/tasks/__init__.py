"""Tasks: everything that differs by the kind of label, one module each.

``binary``, ``multiclass`` and ``regression`` implement :class:`include.tasks.task.Task`; what is common to all
stays free of questions for the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from include.settings.task_name import TaskName
from include.tasks.binary import BinaryTask
from include.tasks.multiclass import MulticlassTask
from include.tasks.regression import RegressionTask
from include.tasks.task import Task

TASKS: Final[Mapping[TaskName, Task]] = {
    "binary": BinaryTask(),
    "multiclass": MulticlassTask(),
    "regression": RegressionTask(),
}

__all__ = ["TASKS", "Task"]
