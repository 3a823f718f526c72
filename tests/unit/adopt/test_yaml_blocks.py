"""Lines are added to the end of a block; all else stays as it was."""

from __future__ import annotations

import pytest
import yaml

from include.adopt.yaml_blocks import append_lines, find_node, is_block

PROJECT = """\
name: house
vars:
  # What counts.
  one: 1   # of many
  two: {a: 1}
  # The end of the vars.

# Of what follows.
models:
  house:
    +schema: x
"""
SOURCES = """\
sources:
  - name: other
    tables:
      - name: nothing
  - name: raw
    tables:
      - name: first
        columns:
          - name: a
      - name: second
        description: >
          Two
          lines.
"""


@pytest.mark.parametrize("text", [PROJECT, PROJECT.replace("\n", "\r\n"), PROJECT.partition("\n# Of")[0]])
def test_a_var_is_added_and_the_rest_stays(text: str) -> None:
    written = append_lines(text, find_node(text, "vars"), ["three: 3"])

    assert yaml.safe_load(written) == {
        **yaml.safe_load(text), "vars": {"one": 1, "two": {"a": 1}, "three": 3}
    }  # fmt: skip
    line = "  three: 3\r\n" if "\r\n" in text else "  three: 3\n"
    assert written.replace(line, "", 1) in (text, text + "\n")


@pytest.mark.parametrize(
    "text", [SOURCES, SOURCES + "seeds: []\n", SOURCES.replace("\n      - name: s", "\n\n      - name: s")]
)
def test_an_item_is_added_to_the_list_of_the_named_entry(text: str) -> None:
    written = append_lines(text, find_node(text, "sources", "raw", "tables"), ["- name: third", "  columns: []"])

    tables = [source["tables"] for source in yaml.safe_load(written)["sources"]]
    assert [[table["name"] for table in found] for found in tables] == [["nothing"], ["first", "second", "third"]]
    assert written.replace("      - name: third\n        columns: []\n", "", 1) == text


def test_what_is_not_there_is_none_and_no_block() -> None:
    assert find_node(SOURCES, "sources", "absent", "tables") is None
    assert find_node("", "vars") is None
    assert not is_block(find_node("vars: {a: 1}", "vars"))
    assert not is_block(find_node("vars:\nname: x", "vars"))
    assert is_block(find_node(PROJECT, "vars"))
