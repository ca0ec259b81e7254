"""When a call begins and how it ends, by what was told of it and in which order."""

from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    Dropped,
    Gathered,
    Piece,
    Why,
)
from mix2api.tools.text.text_calls import TextCall

OFFERED = OfferedTools(names=frozenset({"read"}))


class _Told:
    """A call with its pieces."""

    def __init__(self) -> None:
        self._out = Gathered()
        self.call = TextCall(OFFERED, self._out)

    def arguments(self, text: str) -> None:
        self.call.begin_arguments()
        self.call.arguments(text)
        self.call.end_arguments()

    def so_far(self) -> list[Piece]:
        return self._out.take()

    def ended(self, *, cut: bool = False) -> list[Piece]:
        self.call.end(cut=cut)
        return self._out.take()


def test_a_call_begins_with_its_arguments_and_has_the_id_that_came_before() -> None:
    told = _Told()
    told.call.name("read")
    told.call.given_id("x")
    assert told.so_far() == []
    told.arguments('{"a": 1}')
    told.call.given_id("y")
    assert told.so_far() == [CallBegan(0, "read", "x"), CallArguments(0, '{"a": 1}')]
    assert told.ended() == [CallEnded(0)]


def test_arguments_wait_for_the_name() -> None:
    told = _Told()
    told.arguments("{}")
    assert told.so_far() == []
    told.call.name("read")
    assert told.so_far() == [CallBegan(0, "read"), CallArguments(0, "{}")]


def test_without_arguments_a_call_begins_at_its_end() -> None:
    told = _Told()
    told.call.name("read")
    assert told.ended() == [CallBegan(0, "read"), CallArguments(0, "{}"), CallEnded(0)]


def test_a_tool_that_was_not_offered_is_dropped_once() -> None:
    told = _Told()
    told.call.name("fly")
    told.arguments("{}")
    assert told.ended() == [Dropped(Why.NOT_OFFERED)]


def test_arguments_that_are_flawed_break_the_call_where_they_stand() -> None:
    told = _Told()
    told.call.name("read")
    told.call.begin_arguments()
    told.call.arguments("{")
    told.call.flaw()
    told.call.arguments("}")
    assert told.ended() == [CallBegan(0, "read"), CallArguments(0, "{"), Broken(Why.ARGUMENTS, 0)]


def test_a_call_without_a_name_is_broken() -> None:
    told = _Told()
    told.arguments("{}")
    assert told.ended() == [Broken(Why.NO_NAME)]
    assert _Told().ended(cut=True) == [Broken(Why.CUT)]


def test_a_call_that_is_cut_is_whole_only_with_whole_arguments() -> None:
    named, under_way, whole = _Told(), _Told(), _Told()
    for told in (named, under_way, whole):
        told.call.name("read")
    under_way.call.begin_arguments()
    whole.arguments("{}")
    assert named.ended(cut=True) == [Broken(Why.CUT)]
    assert under_way.ended(cut=True) == [CallBegan(0, "read"), Broken(Why.CUT, 0)]
    assert whole.ended(cut=True) == [CallBegan(0, "read"), CallArguments(0, "{}"), CallEnded(0)]
