"""What a reviewer could not explain is found."""

from __future__ import annotations

from dataclasses import replace

from include.evaluation.compliance import list_undocumented, measure_compliance
from include.governance.upstream import UpstreamTrace
from include.warehouse.names import TableName
from tests.model.candidates import train_good, vary
from tests.model.machines import make_spec


def test_everything_that_lacks_a_description_or_an_owner_is_named() -> None:
    spec, contract = make_spec("binary"), train_good("binary").onnx.contract
    assert list_undocumented(spec, contract, "Which fail.") == []
    group = replace(spec.groups[0], description=" ", owner="", details={})
    bare = replace(spec, groups=(group,), label=replace(spec.label, description="", owner=""))
    found = list_undocumented(bare, contract, "")
    assert found[:5] == [
        "model machines", "label machine_labels", "owner of machine_labels", "group machine_features",
        "owner of machine_features",
    ]  # fmt: skip
    assert set(found[5:]) == {f"feature {item.name}" for item in contract.features}


def test_the_way_back_begins_at_the_groups_that_it_reads_and_at_the_label() -> None:
    asked = []
    trace = UpstreamTrace((TableName("raw", "readings"),), (TableName("intermediate", "days"),))
    candidate = vary(train_good("binary"), upstream=trace)

    def follow(tables: list[TableName]) -> UpstreamTrace:
        asked.extend(tables)
        return trace

    object.__setattr__(candidate.source, "trace_upstream", follow)
    evidence = measure_compliance(candidate)
    assert set(map(str, asked)) == {"features.machine_features", "features.machine_labels"}
    assert (evidence.sources, evidence.unexplained) == (("raw.readings",), ("intermediate.days",))
