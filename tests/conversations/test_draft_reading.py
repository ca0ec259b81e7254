"""What a model has drafted: a graph, or the faults that it is told."""

import msgspec
import pytest
from conversation_graphs import graph_of, worker

from mix2api.conversations.draft_reading import DRAFT_CHARS_MAX, read_draft
from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import Surroundings
from mix2api.steps import at_once

_GRAPH = graph_of(worker("a"), worker("b", "{{nodes.a.output}}"), edges=["a b"])
_TEXT = msgspec.json.encode(_GRAPH.as_json()).decode()
_SURROUNDINGS = Surroundings(context={"message": "hello"})


def _read(text: str) -> Graph | list[str]:
    read = at_once(read_draft(text, _SURROUNDINGS))
    return read if isinstance(read, Graph) else [str(fault) for fault in read]


@pytest.mark.parametrize(
    "text", [_TEXT, f"```json\n{_TEXT}\n```", f"<think>{{}}</think>The plan:\n{_TEXT}\nDone."]
)
def test_a_good_draft_is_a_graph(text: str) -> None:
    assert _read(text) == _GRAPH


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the answer is empty; it must be one JSON object"),
        ("I would rather not.", "the answer holds no JSON object; it must be one"),
        (
            "{" + " " * DRAFT_CHARS_MAX + "}",
            f"the answer is longer than the {DRAFT_CHARS_MAX} characters that a draft may have",
        ),
        ("{}", "nodes: must be a list of 1 to 50 nodes"),
        (_TEXT.replace('"to":"b"', '"to":"a"'), "edges[0]: closes a cycle: a -> a; a graph must have none"),
        (
            _TEXT.replace("context.message", "context.absent"),
            "nodes[0].input: names context.absent; the context has the members message",
        ),
    ],
)
def test_any_other_draft_is_told_its_fault(text: str, fault: str) -> None:
    assert _read(text) == [fault]
