"""One YAML file becomes one frozen, typed section; what does not fit is named."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import SettingsError

Environment = Literal["development", "staging", "production"]


class Section(BaseModel):
    """Base of every settings type: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# In C where PyYAML has it: every task reads the settings, and Python's loader takes ten times as long.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """The safe loader, which also refuses a key that is given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", mark)
        return dict(super().construct_mapping(node, deep))


SectionT = TypeVar("SectionT", bound=Section)


def load_section(path: Path, section_type: type[SectionT], environment: str) -> SectionT:
    """Read one YAML file into its section, with the overrides of one environment applied.

    A file may hold a top-level ``environments`` mapping; the entry named like the current
    environment is merged over the rest, key by key. The others are checked as well, so that a mistake
    does not wait for production.

    Raises:
        SettingsError: names the file, the key, what was found and what was expected.
    """
    return parse_section(read_yaml(path), section_type, environment, source=str(path))


def parse_section(content: dict[str, Any], section_type: type[SectionT], environment: str, source: str) -> SectionT:
    """Turn parsed YAML into a section (see :func:`load_section`)."""
    overrides = read_overrides(content, source)
    base = {key: value for key, value in content.items() if key != "environments"}
    for other in get_args(Environment):
        if other != environment:
            check_section(merge_mappings(base, overrides.get(other, {})), section_type, other, source)
    return check_section(merge_mappings(base, overrides.get(environment, {})), section_type, environment, source)


def read_overrides(content: dict[str, Any], source: str) -> dict[str, dict[str, Any]]:
    """The overrides by environment; an unknown environment or another shape is a SettingsError."""
    overrides = content.get("environments") or {}
    if not isinstance(overrides, dict):
        raise SettingsError(f"{source}: key 'environments' should be a mapping of environment names.")
    for name, values in overrides.items():
        if name not in get_args(Environment):
            known = ", ".join(get_args(Environment))
            raise SettingsError(f"{source}: unknown environment 'environments.{name}'; known are {known}.")
        if values is not None and not isinstance(values, dict):
            raise SettingsError(f"{source}: key 'environments.{name}': expected a mapping of keys, found {values!r}.")
    return {name: values or {} for name, values in overrides.items()}


def check_section(merged: dict[str, Any], section_type: type[SectionT], environment: str, source: str) -> SectionT:
    """Turn the values of one environment into a section, or name what does not fit."""
    try:
        content = json.dumps(merged, default=str)
    except (TypeError, ValueError) as error:  # a key that is a date, an anchor that holds itself
        raise SettingsError(f"{source} holds what is no plain mapping of names to values: {error}.") from error
    try:
        return section_type.model_validate_json(content, strict=True)
    except ValidationError as error:
        problems = "\n".join(f"  - {describe_problem(item, section_type)}" for item in error.errors())
        raise SettingsError(
            f"{source} (environment {environment!r}) does not fit:\n{problems}\nCorrect it and run again."
        ) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; an absent or unreadable file, a syntax error or another shape is a SettingsError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is a safe loader
    except FileNotFoundError as error:
        raise SettingsError(f"{path} does not exist. Restore it from version control.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error}. Correct its permissions, or remove it.") from error
    except (yaml.YAMLError, ValueError) as error:  # such as a date of a thirteenth month
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path} should hold a mapping of keys, found {type(content).__name__}.")
    return content


def merge_mappings(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Merge ``override`` over ``base``; nested mappings merge, everything else replaces."""
    merged = dict(base)
    for key, value in override.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge_mappings(merged[key], value)
        else:
            merged[key] = value
    return merged


def describe_problem(problem: Any, section_type: type[BaseModel]) -> str:
    """Say one validation problem in words: the key, what was expected, what was found."""
    key = ".".join(walk_schema(problem["loc"], section_type)[0])
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}'{suggest_key(problem['loc'], section_type)}"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    if problem["type"].startswith("union_tag_"):
        return describe_tag(key, problem["ctx"])
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if isinstance(problem["input"], dict):  # a rule over several keys: they stand in the file already
        return f"key '{key}': expected {expected}" if key else f"expected {expected}"
    return f"key '{key}': expected {expected}, found {problem['input']!r}"


def describe_tag(key: str, context: Any) -> str:
    """Say what is wrong with the key that says of which kind a mapping is."""
    key = f"{key}.{context['discriminator'].strip(chr(39))}"
    if "tag" not in context:
        return f"key '{key}' is missing"
    near = difflib.get_close_matches(context["tag"], context["expected_tags"].replace("'", "").split(", "), n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"key '{key}': expected one of {context['expected_tags']}, found {context['tag']!r}{hint}"


def suggest_key(location: tuple[Any, ...], section_type: type[BaseModel]) -> str:
    """Name the known key nearest to an unknown one, or list the known ones."""
    known = list(walk_schema(location[:-1], section_type)[1])
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known keys here: {', '.join(sorted(known))}" if known else ""


def walk_schema(location: tuple[Any, ...], section_type: type[BaseModel]) -> tuple[list[str], tuple[str, ...]]:
    """Walk the schema to ``location``: the keys on the way, and those that are allowed there.

    Where mappings are of several kinds, pydantic puts the kind between two keys; it is no key.
    """
    schema = section_type.model_json_schema()
    node: dict[str, Any] = schema
    keys = []
    for part in location:
        node = resolve_reference(node, schema)
        kinds = node.get("discriminator", {}).get("mapping", {})
        if part in kinds:
            node = {"$ref": kinds[part]}
            continue
        keys.append(str(part))
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            named = node.get("properties", {}).get(part) or node.get("additionalProperties")
            node = named or next(iter(node.get("patternProperties", {}).values()), {})
        node = node if isinstance(node, dict) else {}
    return keys, tuple(resolve_reference(node, schema).get("properties", {}))


def resolve_reference(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a JSON-schema ``$ref`` (or the non-null branch of ``anyOf``) to its definition."""
    for branch in node.get("anyOf", []):
        if branch.get("type") != "null":
            node = branch
            break
    reference = str(node.get("$ref", ""))
    if reference:
        return dict(schema["$defs"][reference.rsplit("/", 1)[-1]])
    return node
