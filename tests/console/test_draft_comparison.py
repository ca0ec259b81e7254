"""What differs between two versions of a draft."""

from typing import Any

from mix2api.console.draft_comparison import differences


def version(**changed: Any) -> dict[str, Any]:
    graph = {
        "nodes": [{"id": "a", "input": "one"}, {"id": "b", "input": "two"}],
        "edges": [{"from": "a", "to": "b"}],
        "summarize": False,
    }
    fields = {name: changed.pop(name) for name in ("draftKey", "pattern", "score") if name in changed}
    return {"draftKey": "k", "pattern": None, "score": 0.5, **fields, "graph": {**graph, **changed}}


def test_equal_versions_differ_in_nothing() -> None:
    assert differences(version(), version()) == []


def test_each_field_node_and_edge_that_differs_is_named_with_both_sides() -> None:
    mine = version(
        draftKey="mine", nodes=[{"id": "a", "input": "ONE"}, {"id": "c"}], edges=[], summarize=True
    )
    found = {one.what: (one.yours, one.stands) for one in differences(mine, version(pattern="x*"))}
    assert found["draftKey"] == ("mine", "k")
    assert found["pattern"] == ("", "x*")
    assert found["summarize"] == ("True", "False")
    assert '"ONE"' in found["nodes: a"][0]
    assert '"one"' in found["nodes: a"][1]
    assert found["nodes: b"][0] == ""
    assert found["nodes: c"][1] == ""
    assert found["edges: a → b"][0] == ""
    assert len(found) == 7


def test_another_order_of_the_nodes_is_a_difference() -> None:
    mine = version(nodes=version()["graph"]["nodes"][::-1])
    assert [(one.what, one.yours, one.stands) for one in differences(mine, version())] == [
        ("nodes", "b, a", "a, b")
    ]
