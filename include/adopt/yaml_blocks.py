"""Adds lines to the end of a block of a YAML file, of which every other byte stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

Block = yaml.MappingNode | yaml.SequenceNode


def append_lines(text: str, block: Block, lines: Sequence[str]) -> str:
    """The text with lines after the last one of a block, indented as its entries are."""
    position, indent = find_block_end(text, block.end_mark.index), find_indent(block)
    line_end = "\r\n" if "\r\n" in text else "\n"
    before, after = text[:position], text[position:]
    if not before.endswith("\n"):
        before += line_end
    return before + "".join((" " * indent + line).rstrip() + line_end for line in lines) + after


def find_node(text: str, *path: str) -> yaml.Node | None:
    """What stands under keys of mappings; an entry of a sequence is found by its ``name``."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in path:
        node = _find_entry(node, key)
    return node


def is_block(node: yaml.Node | None) -> bool:
    """Whether it is a mapping or a sequence with entries, each on lines of its own."""
    return isinstance(node, Block) and bool(node.value) and not node.flow_style


def find_indent(block: Block) -> int:
    """How far the entries of a block are indented."""
    first = block.value[0][0] if isinstance(block, yaml.MappingNode) else block
    return int(first.start_mark.column)


def find_block_end(text: str, limit: int) -> int:
    """The end of the last line of a block; what is blank or a comment at the margin before the next one is not its."""
    position = limit
    while position:
        start = text.rfind("\n", 0, position - 1) + 1
        line = text[start:position]
        if line.strip() and not line.startswith("#"):
            break
        position = start
    return position


def _find_entry(node: yaml.Node | None, key: str) -> yaml.Node | None:
    found: Iterator[yaml.Node] = iter(())
    if isinstance(node, yaml.MappingNode):
        found = (value for name, value in node.value if name.value == key)
    elif isinstance(node, yaml.SequenceNode):
        found = (item for item in node.value if _is_named(item, key))
    return next(found, None)


def _is_named(item: yaml.Node, name: str) -> bool:
    found = _find_entry(item, "name") if isinstance(item, yaml.MappingNode) else None
    return isinstance(found, yaml.ScalarNode) and found.value == name
