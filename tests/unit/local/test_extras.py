"""The module that ``local_systems`` names: what the stack takes from it, and what is said of one that cannot work."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from include.errors import StackError
from include.local.components import build_components, prefer_ports
from include.local.environment import connection_variables
from include.local.extras import load_extra
from include.local.layout import Stack
from include.settings import CONFIG_DIR

MODULE = """
PORTS = {"press": 19000}

def list_connections(stack):
    return {"press_api": {"conn_type": "http", "host": "127.0.0.1", "port": stack.ports["press"]}}
"""
BUILD = """
from include.local.components import Component

def build_components(stack, environment):
    return [Component("press", ("true",), environment, needs=("databases",))]
"""


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules; sources.yml names ``press_systems``, which a test writes there."""
    config = tmp_path / "config"
    shutil.copytree(CONFIG_DIR, config)
    sources = config / "sources.yml"
    text = "".join(line for line in sources.read_text().splitlines(keepends=True) if "local_systems:" not in line)
    sources.write_text(f"{text}\nlocal_systems: press_systems\n")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "press_systems", raising=False)
    return tmp_path / "press_systems.py"


def test_its_components_ports_and_connections_are_those_of_the_stack(named: Path, stack: Stack) -> None:
    named.write_text(MODULE + BUILD)
    stack = Stack(stack.home, prefer_ports(), stack.credentials)

    assert stack.ports["press"] == 19000
    names = [component.name for component in build_components(stack, {}, cores=2)]
    assert names.index("databases") < names.index("press") < names.index("airflow-api")
    connection = json.loads(connection_variables(stack)["AIRFLOW_CONN_PRESS_API"])
    assert connection == {"conn_type": "http", "host": "127.0.0.1", "port": 19000}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "names 'press_systems', which cannot be imported: No module named 'press_systems'"),
        (MODULE, "press_systems, which local_systems in sources.yml names, lacks build_components."),
    ],
)
def test_a_module_that_cannot_work_is_named(named: Path, text: str | None, said: str) -> None:
    if text:
        named.write_text(text)
    with pytest.raises(StackError, match=said.replace("(", r"\(")):
        load_extra()
