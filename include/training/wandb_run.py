"""Copies a candidate to Weights & Biases, where the settings name a project of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from include.settings import PROJECT_ROOT
from include.settings.training import WandbSettings
from include.training.candidates import name_row
from include.training.record import list_metrics

log = logging.getLogger(__name__)

_FOLDER: Final = PROJECT_ROOT / ".local"
TIMEOUT_S: Final = 20.0
"""How long a training waits for Weights & Biases; its own default is 90 seconds."""
_CONFIG: Final = (
    "family", "feature_set", "strategy", "task", "test_as_of_date", "data_version", "feature_version", "code_revision",
    "trained_by", "onnx_sha256",
)  # fmt: skip


def copy_to_wandb(
    result: Mapping[str, Any],
    model_name: str,
    settings: WandbSettings,
    mlflow_uri: str,
    find_key: Callable[[], str | None],
) -> str | None:
    """Make a run of what was measured of a candidate, in the group of its model.

    MLflow has it already, so that whatever fails here is a warning and no more.

    Args:
        result: what ``include.training.fit.fit_family`` returned.
        mlflow_uri: for whoever looks for the rest.
        find_key: of the account; None for the one that the environment names (``WANDB_API_KEY``).

    Returns:
        the id of the run; None where it could not be made, or the settings name no project.
    """
    if settings.project is None:
        return None
    try:
        import wandb

        run = wandb.init(
            project=settings.project, entity=settings.entity, mode=settings.mode, group=model_name,
            name=name_row(result), dir=_make_folder(), tags=[str(result["family"])],
            config={
                **result["parameters"], **{key: result[key] for key in _CONFIG}, "mlflow_run_id": result["run_id"],
                "mlflow_uri": mlflow_uri,
            },
            settings=wandb.Settings(
                api_key=find_key(), console="off", silent=True, disable_git=True, disable_code=True,
                x_disable_stats=True, x_disable_meta=True, init_timeout=TIMEOUT_S,
            ),
        )  # fmt: skip
        run.summary.update(list_metrics(result))
        run.finish()
    except ImportError:
        log.warning(
            "Weights & Biases gets no run: add the package wandb to requirements.txt, or leave out its project."
        )
    except Exception as error:
        log.warning("Weights & Biases gets no run of %s: %s", name_row(result), " ".join(str(error).split()))
    else:
        return str(run.id)
    return None


def _make_folder() -> Path:
    folder = Path(os.environ.get("WANDB_DIR") or _FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
