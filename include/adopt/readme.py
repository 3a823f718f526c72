"""What is declared, as a part of the README: the sources and the models of this checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from include.settings import Settings, load_settings

BEGIN: Final = "<!-- declared: written by make adopt -->"
END: Final = "<!-- declared: end -->"
_BLOCK: Final = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}\n", re.DOTALL)


def write_readme(path: Path) -> None:
    """Put what is declared into the README, before its second heading; what was there of it is replaced."""
    text = _BLOCK.sub("", path.read_text(encoding="utf-8"))
    head, mark, rest = text.partition("\n## ")
    block = f"{BEGIN}\n{describe(load_settings())}\n{END}\n"
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(f"{head.rstrip()}\n\n{block}{mark}{rest}", encoding="utf-8")
    draft.replace(path)


def describe(settings: Settings) -> str:
    """The sources and the models as tables."""
    lines = ["## What is declared here", "", "| source | kind | delivered | one row is named by |", "|---|---|---|---|"]
    for name, source in settings.sources.sources.items():
        grain = "a delivery for each day" if source.grain == "daily" else "a whole copy"
        lines.append(f"| `{name}` | {source.kind} | {grain} | {', '.join(f'`{key}`' for key in source.key)} |")
    lines += ["", "| model | predicts | label | owner |", "|---|---|---|---|"]
    for name, model in settings.models.items():
        description = " ".join(model.description.split())
        lines.append(f"| `{name}` | {description} | `{model.label}` ({model.task}) | {model.owner} |")
    return "\n".join(
        [*lines, "", "Raw tables are `raw.SOURCE`; the model server answers at `POST /models/MODEL/predict`."]
    )
