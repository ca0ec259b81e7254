import pytest

from mix2api.demo.directives import (
    CallForm,
    CallGroup,
    Directives,
    WantedCall,
    WrongDirective,
    find_directives,
    without_directives,
)
from mix2api.demo.words import Word


def test_a_text_without_directives_asks_for_nothing() -> None:
    assert find_directives("plain [words] {and} more") == Directives()


def test_shell_tests_and_wiki_links_are_ordinary_text() -> None:
    assert find_directives("if [[ -f x ]]; see [[Home]] and [[some_page]] [[x:y]]") == Directives()


def test_a_value_ends_at_the_first_double_bracket_and_may_span_lines() -> None:
    found = find_directives("a [[say:two\nlines: x]] b]]")
    assert found.text(Word.SAY) == "two\nlines: x"


def test_a_word_that_stands_twice_counts_as_it_stood_last() -> None:
    assert find_directives("[[pace:1]] [[pace:20]]").number(Word.PACE, 0) == 20


def test_a_choice_without_a_value_is_its_first() -> None:
    assert find_directives("[[cut]]").text(Word.CUT) == "body"


def test_an_absent_word_gives_the_default() -> None:
    found = find_directives("[[error_mid]]")
    assert Word.ERROR_MID in found
    assert Word.ABORT not in found
    assert found.number(Word.CHUNKS, 7) == 7
    assert found.text(Word.ERROR_MID, "standing text") == "standing text"


def test_tool_calls_end_where_their_json_does() -> None:
    found = find_directives('[[tools:a{"x":[[1]]};b]] and [[text_tools: c {"y":"]]"} ]]')
    assert found.groups == (
        CallGroup(CallForm.DELTAS, (WantedCall("a", '{"x":[[1]]}'), WantedCall("b", "{}"))),
        CallGroup(CallForm.TEXT, (WantedCall("c", '{"y":"]]"}'),)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[pace:fast]]", "directive pace: a whole number from 0 to 3600000"),
        ("[[pace:-1]]", "directive pace: a whole number"),
        ("[[pace]]", "directive pace: a whole number"),
        ("[[pace:٣]]", "directive pace: a whole number"),
        ("[[status:200]]", "directive status: a whole number from 300 to 599"),
        ("[[cut:loudly]]", "directive cut: one of body, close"),
        ("[[hang:1]]", "directive hang: takes no value"),
        ("[[say]]", "directive say: takes :TEXT"),
        ("[[say:no end", "directive say: `]]` is missing"),
        ("[[tools]]", "directive tools: takes :name"),
        ("[[tools:{}]]", "directive tools: a tool's name is missing"),
        ('[[tools:a{"x"]]', "directive tools: the arguments are no JSON object"),
        ("[[tools:a{} b{}]]", "directive tools: `;` or `]]` is missing"),
        ("[[tools:a" + '{"x":' * 100_000, "directive tools: the arguments are no JSON object"),
    ],
)
def test_a_wrong_value_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(WrongDirective) as refused:
        find_directives(text)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("", ""),
        (" plain ", "plain"),
        ("a [[say:b]]c [[usage]]", "a c"),
        ('[[tools:a{"x": "]]"}]] then', "then"),
        ("see [[Home]]", "see [[Home]]"),
        ('"Read a.txt"', "Read a.txt"),
        ('"Write \\"hi\\" to a.txt" [[usage]]', 'Write "hi" to a.txt'),
        ('"one" and "two"', '"one" and "two"'),
        ('""', '""'),
    ],
)
def test_a_text_s_own_words_are_what_stands_outside_its_directives(text: str, own: str) -> None:
    assert without_directives(text) == own


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("<system-reminder>\nRun skills.\n</system-reminder>\n\nHow are you?", "How are you?"),
        ("How are <b-c>you? <system-reminder>No.</system-reminder>", "How are <b-c>you?"),
        ("<a-b>1<c-d>2</c-d></a-b> mine", "mine"),
        ("Explain <div>this</div>", "Explain <div>this</div>"),
        (
            "<environment_context>alone</environment_context>",
            "<environment_context>alone</environment_context>",
        ),
        ("".join(f"<a-{chr(97 + n)}>" for n in range(20)) + "<z-z>x</z-z>", None),
    ],
)
def test_what_an_agent_puts_around_the_user_s_words_is_not_the_user_s(text: str, own: str | None) -> None:
    assert without_directives(text) == (own or text)


def test_a_wrong_directive_is_told_when_the_words_are_wanted_too() -> None:
    with pytest.raises(WrongDirective):
        without_directives("[[size:x]]")
