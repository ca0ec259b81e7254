"""How early a brace is known to open an enclosure, and how early not to."""

import pytest

from mix2api.tools.text.heads import Head, Verdict


def _read(text: str) -> tuple[Verdict, str]:
    """The verdict, and the text up to the character that decided it."""
    head = Head()
    for place, char in enumerate(text):
        verdict = head.take(char)
        if verdict is not Verdict.MORE:
            return verdict, text[: place + 1]
    return Verdict.MORE, text


@pytest.mark.parametrize(
    "decisive",
    [
        '"tool_calls": [{"name":',
        '"tool_call": {"id" :',
        "tool_call: (name:",
        "'tool_calls' : [ ( 'name' :",
        "\n  tool_calls :\t{ name :",
        '"final": "',
        "final:'",
        "“final”：“",  # noqa: RUF001 - marks that models write
        '"tool_calls": [{}',
        '"tool_call": {}',
        '"tool_calls": []}',
        '"tool_calls": null }',
        '"final": null}',
        '"final": null, "tool_calls":',
        '"tool_calls": [ ] , final:',
    ],
)
def test_an_enclosure_is_known_by_its_first_call_or_text(decisive: str) -> None:
    assert _read(decisive + " and more") == (Verdict.YES, decisive)


@pytest.mark.parametrize(
    "decisive",
    [
        "}",
        "{",
        "x",
        '"x',
        '"tool_callx',
        '"tool_calls" x',
        '"tool"',
        '"final" "',
        '""',
        "final}",
        "`",
        '"final": `',
        '"final": t',
        '"final": [',
        '"final": nx',
        '"final": null x',
        '"final": null, "x',
        '"tool_calls": "',
        '"tool_calls": [1',
        '"tool_calls": [[',
        '"tool_calls": [], x',
        '"tool_call": {.',
        '"tool_call": {"a ',
        '"tool_call": {a "',
        '"tool_call": {""',
        '"tool_call": {`',
        '"tool_call": {' + "a" * 33,
    ],
)
def test_what_is_no_enclosure_is_known_with_the_first_wrong_character(decisive: str) -> None:
    assert _read(decisive + "...") == (Verdict.NO, decisive)


@pytest.mark.parametrize("text", ["", " ", '"tool_calls', '"tool_calls"', "tool_call", "final  "])
def test_before_the_first_colon_it_may_be_ordinary_text(text: str) -> None:
    head = Head()
    assert [head.take(char) for char in text] == [Verdict.MORE] * len(text)
    assert not head.named


@pytest.mark.parametrize("text", ['"tool_calls":', '"tool_calls": [{"na', '"final": nu'])
def test_behind_the_first_colon_it_is_protocol(text: str) -> None:
    head = Head()
    assert [head.take(char) for char in text] == [Verdict.MORE] * len(text)
    assert head.named
