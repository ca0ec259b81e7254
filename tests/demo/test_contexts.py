import msgspec
import pytest

from mix2api.demo.contexts import Asked, Kept, SiteSession, ToolOutcome, read_asked, tokens


def kept(**fields: object) -> Kept:
    return Kept.of(msgspec.json.encode(fields))


def calls(*names: str) -> Kept:
    wanted = [{"id": f"id-{name}", "function": {"name": name, "arguments": "{}"}} for name in names]
    return kept(role="assistant", content=None, tool_calls=wanted)


def result(name: str, content: str) -> Kept:
    return kept(role="tool", tool_call_id=f"id-{name}", content=content)


USER = kept(role="user", content="ask")


def test_messages_are_kept_as_they_came() -> None:
    session = SiteSession("s")
    session.keep([kept(role="user", content=[{"type": "text", "text": "a"}], cache_control={"x": 1})])
    assert session.messages == [
        {"role": "user", "content": [{"type": "text", "text": "a"}], "cache_control": {"x": 1}}
    ]


def test_text_and_call_arguments_count_towards_the_window() -> None:
    session = SiteSession("s")
    session.keep([USER, calls("a", "b")])
    assert session.chars == 3 + 2 + 2


@pytest.mark.parametrize(("chars", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_four_characters_are_a_token_rounded_up(chars: int, expected: int) -> None:
    assert tokens(chars) == expected


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        kept(content="no role")


def test_the_newest_user_text_is_what_is_asked() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "image_url"}, {"type": "text", "text": "two"}]
    assert read_asked([USER, kept(role="user", content=parts)], "query") == Asked("one two")


def test_the_query_stands_in_where_no_user_spoke() -> None:
    assert read_asked([kept(role="system", content="be brief")], "query") == Asked("query")


def test_an_assistant_message_at_the_end_is_no_tool_result() -> None:
    assert read_asked([USER, kept(role="assistant", content="so far")], "query") == Asked("ask")


def test_results_carry_the_names_of_their_calls() -> None:
    asked = read_asked([USER, calls("a", "b"), result("b", "2"), result("a", "1")], "query")
    assert asked == Asked("ask", (ToolOutcome("b", "2"), ToolOutcome("a", "1")), 1)


def test_a_result_without_a_known_call_has_its_own_name_or_id() -> None:
    legacy = kept(role="function", name="old", content="1")
    assert read_asked([USER, legacy], "").outcomes == (ToolOutcome("old", "1"),)
    assert read_asked([USER, result("x", "1")], "").outcomes == (ToolOutcome("id-x", "1"),)


def test_a_call_of_another_kind_counts_nothing_and_names_nothing() -> None:
    custom = kept(role="assistant", tool_calls=[{"id": "id-x", "type": "custom", "function": None}])
    assert custom.chars == 0
    assert read_asked([USER, custom, result("x", "1")], "").outcomes == (ToolOutcome("id-x", "1"),)


def test_every_run_of_results_is_a_round() -> None:
    first = [USER, calls("a", "b"), result("a", "1"), result("b", "2")]
    asked = read_asked([*first, calls("c"), result("c", "3")], "query")
    assert asked == Asked("ask", (ToolOutcome("c", "3"),), 2)
    assert read_asked([*first, USER], "query") == Asked("ask")
