"""Pieces that belong together come as one."""

from mix2api.tools.text.pieces import CallArguments, CallBegan, CallEnded, FinalText, Gathered, Plain


def test_texts_of_one_kind_join() -> None:
    out = Gathered()
    for text in ("a", "", "b"):
        out.plain(text)
    out.final("c")
    out.final("d")
    out.plain("e")
    assert out.take() == [Plain("ab"), FinalText("cd"), Plain("e")]
    assert out.take() == []


def test_arguments_join_within_their_call_only() -> None:
    out = Gathered()
    for name in ("read", "grep"):
        index = out.begin(name, None)
        out.arguments(index, "{")
        out.arguments(index, "}")
    out.put(CallEnded(0))
    out.arguments(1, " ")
    assert out.take() == [
        CallBegan(0, "read"),
        CallArguments(0, "{}"),
        CallBegan(1, "grep"),
        CallArguments(1, "{}"),
        CallEnded(0),
        CallArguments(1, " "),
    ]


def test_indexes_go_on_in_the_next_list() -> None:
    out = Gathered()
    assert out.begin("read", "x") == 0
    assert out.take() == [CallBegan(0, "read", "x")]
    assert out.begin("read", None) == 1


def test_only_text_counts_as_spoken() -> None:
    out = Gathered()
    out.plain("")
    out.arguments(out.begin("read", None), "{}")
    assert not out.spoken
    out.final("a")
    assert out.spoken
