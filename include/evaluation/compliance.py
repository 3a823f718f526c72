"""Whether a reviewer could explain the candidate: where its data comes from, what its parts mean, what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from include.evaluation.candidate import Candidate
from include.features.spec import ModelSpec
from include.registry.contract import ModelContract

PERSONAL: Final = "pii"
"""The tag of a feature that identifies a person (``meta: {tags: [pii]}`` of its column)."""


@dataclass(frozen=True)
class ComplianceEvidence:
    """What is missing.

    Attributes:
        sources: published tables that the features and the label come from.
        unexplained: tables on the way of which no run says what they were made from.
        undocumented: what has no description, or no owner.
        personal: features that identify a person.
    """

    sources: tuple[str, ...]
    unexplained: tuple[str, ...]
    undocumented: tuple[str, ...]
    personal: tuple[str, ...]


def measure_compliance(candidate: Candidate) -> ComplianceEvidence:
    """Follow the lineage of features and label back to published tables, and read what the declarations say."""
    spec, contract = candidate.spec, candidate.onnx.contract
    read = {group.table for group in spec.groups if group.name in {item.group for item in contract.features}}
    trace = candidate.source.trace_upstream([*read, spec.label.table])
    personal = [item.name for item in contract.features if PERSONAL in _find_tags(spec, item.group, item.name)]
    return ComplianceEvidence(
        tuple(map(str, trace.sources)), tuple(map(str, trace.unexplained)),
        tuple(list_undocumented(spec, contract, candidate.model.description)), tuple(personal),
    )  # fmt: skip


def list_undocumented(spec: ModelSpec, contract: ModelContract, description: str) -> list[str]:
    """Model, label, groups and features that it takes, as far as they lack a description or an owner."""
    groups = {group.name: group for group in spec.groups}
    used = [groups[name] for name in dict.fromkeys(item.group for item in contract.features)]
    texts = {
        f"model {spec.name}": description.strip(),
        f"label {spec.label.name}": spec.label.description.strip(),
        f"owner of {spec.label.name}": spec.label.owner.strip(),
        **{f"group {group.name}": group.description.strip() for group in used},
        **{f"owner of {group.name}": group.owner.strip() for group in used},
    }
    for item in contract.features:
        detail = groups[item.group].details.get(item.name)
        texts[f"feature {item.name}"] = detail.description.strip() if detail else ""
    return [name for name, text in texts.items() if not text]


def _find_tags(spec: ModelSpec, group: str, feature: str) -> tuple[str, ...]:
    details = next(one.details for one in spec.groups if one.name == group)
    return details[feature].tags if feature in details else ()
