"""A fault of a graph, as its readers are told it."""

from mix2api.conversations.fault_texts import CHINESE, ENGLISH, FaultKind
from mix2api.conversations.faults import Fault, why


def test_a_fault_is_told_in_either_language_with_the_phrases_in_it() -> None:
    names = why(FaultKind.AND_MORE, names="a, {b}, ", more=2)
    fault = Fault("nodes[1].input", why(FaultKind.NAMES_CONTEXT, name="context.x", allowed=names))
    assert str(fault) == "nodes[1].input: names context.x; the context has the members a, {b}, and 2 more"
    chinese = fault.told_in(CHINESE)
    assert chinese.startswith("nodes[1].input: 引用了 context.x")
    assert "a, {b}, " in chinese
    assert chinese.endswith("另有 2 个")


def test_braces_of_placeholders_are_told_as_they_are_written() -> None:
    for texts in (ENGLISH, CHINESE):
        told = why(FaultKind.PLACEHOLDERS).told_in(texts)
        assert "{{nodes.a.output}}" in told
        assert "{{ }}" in told
        assert "{% %}" in told
