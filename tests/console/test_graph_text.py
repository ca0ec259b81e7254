"""The text of a graph: each fault has the line at which a person finds it."""

import pytest

from mix2api.console.graph_text import NotJson, PlacedFault, graph_text, placed, read_json
from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, why
from mix2api.steps import at_once

WRONG = why(FaultKind.ID)
GRAPH = {
    "nodes": [
        {"id": "a", "type": "WORKER", "input": 'brackets ] } and "quotes"'},
        {"id": "b", "type": "CRITIC", "deep": [[{"x": []}]], "target": "a"},
    ],
    "edges": [{"from": "a", "to": "b"}],
    "summarize": False,
}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("nodes[0].input", '"input": "brackets ] } and \\"quotes\\"'),
        ("nodes[1].target", '"target": "a"'),
        ("nodes[1]", "{"),
        ("edges[0].to", '"to": "b"'),
        ("summarize", '"summarize": false'),
        ("nodes[1].agentKey", "{"),
        ("nodes[7].id", '"nodes": ['),
        ("", "{"),
    ],
)
def test_a_fault_has_the_line_of_its_path(path: str, line: str) -> None:
    text = graph_text(GRAPH)
    (found,) = at_once(placed(text, (Fault(path, WRONG),)))
    assert found.text.startswith(line)
    assert text.split("\n")[found.line - 1].strip() == found.text
    assert found.fault.path == path


def test_a_graph_on_one_line_has_all_faults_there() -> None:
    faults = (Fault("nodes[0].id", WRONG), Fault("edges", WRONG))
    found = at_once(placed(' {"nodes":[{"id":1}],"edges":[]} ', faults))
    assert [fault.line for fault in found] == [1, 1]


@pytest.mark.parametrize("text", ["[]", "7", '"x"', '{"nodes": NaN}', "{", ""])
def test_a_fault_of_any_text_has_a_line(text: str) -> None:
    assert at_once(placed(text, (Fault("nodes[0]", WRONG),)))[0].line == 1


@pytest.mark.parametrize(
    ("text", "line", "quoted"),
    [
        ('{\n "nodes": [,]\n}', 2, '"nodes": [,]'),
        ('{\n "nodes": [\n', 3, ""),
        ("{\n 'nodes': 1}", 2, "'nodes': 1}"),
        ('{"é": 1,\n"b": tru}', 2, '"b": tru}'),
    ],
)
def test_what_is_no_json_has_the_line_at_which_it_breaks(text: str, line: int, quoted: str) -> None:
    with pytest.raises(NotJson) as caught:
        read_json(text)
    fault = caught.value.fault
    assert (fault.line, fault.text) == (line, quoted)
    assert "byte" not in str(fault.fault)


def test_json_that_is_too_deep_is_a_fault_and_no_crash() -> None:
    with pytest.raises(NotJson) as caught:
        read_json("[" * 100_000)
    deep = Fault("", why(FaultKind.JSON_DEEP))
    assert caught.value.fault == PlacedFault(deep, 1, "[" * 200 + "…")


def test_a_fault_of_a_long_line_quotes_where_the_line_begins() -> None:
    text = '{"nodes": [], "more": "' + "x" * 1000 + '"}'
    (found,) = at_once(placed(text, (Fault("more", WRONG),)))
    assert found == PlacedFault(Fault("more", WRONG), 1, f"{text[:200]}…")


def test_a_large_value_is_passed_in_many_steps() -> None:
    many = 2_000
    text = '{"nodes": [{"input": [' + ", ".join(['{"a\\"]": ["}"]}'] * many) + ']}],\n"edges": 7}'
    steps, found = 0, placed(text, (Fault("edges", WRONG),))
    while True:
        try:
            next(found)
        except StopIteration as done:
            (fault,) = done.value
            break
        steps += 1
    assert (fault.line, fault.text) == (2, '"edges": 7}')
    assert steps > many * 6 // 5_000, "six marks each"
