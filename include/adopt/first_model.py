"""Writes the first model of an adopted checkout, by what its label says."""

from __future__ import annotations

from collections.abc import Callable

from include.adopt.dialogue import Wishes, list_wishes
from include.adopt.new_model import main as write_new_model
from include.settings import CONFIG_DIR


def write_model(wishes: Wishes, say: Callable[[str], None]) -> None:
    """Write the dbt models and the model's file; one that is declared already stays.

    Raises:
        SettingsError: the model cannot be made of the source, or a file is in the way; nothing of it was written.
    """
    if (CONFIG_DIR / "models" / f"{wishes.name}.yml").exists():
        say(f"✔ the model {wishes.name} is declared already")
        return
    options = list_wishes(wishes)
    write_new_model([options[1], *options[2:], "--write"])
