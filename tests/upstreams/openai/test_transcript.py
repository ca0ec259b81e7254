"""A stream's events and its ending."""

from mix2api.upstreams.openai.transcript import ChatTranscript
from mix2api.upstreams.port import (
    Failed,
    Finished,
    Reasoning,
    Skipped,
    Text,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStarted,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire.passed_on import PassedOn

ROLE = b'{"choices":[{"delta":{"role":"assistant","content":""}}],"system_fingerprint":"fp"}'
HI = b'{"choices":[{"delta":{"content":"hi"}}],"system_fingerprint":"fp"}'
STOP = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'
USAGE = b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
DONE = b"[DONE]"
ABOUT = PassedOn(chunk={"system_fingerprint": '"fp"'})


def told(*payloads: bytes, ended: bool = False) -> tuple[list[UpstreamEvent], ChatTranscript]:
    transcript = ChatTranscript(200)
    events = transcript.add(payloads)
    return events + (transcript.body_ended() if ended else []), transcript


def test_the_finish_comes_after_the_usage_and_what_is_about_the_answer_with_its_first_word() -> None:
    events, transcript = told(ROLE, HI, STOP, USAGE, DONE, HI)
    assert events[:4] == [Skipped(1), ABOUT, Text("hi"), Skipped(1)]
    assert isinstance(events[4], UsageSeen)
    assert events[5:] == [Finished("stop")]
    assert transcript.closed
    assert transcript.done
    assert transcript.fault is None


def test_a_body_that_ends_without_done_is_good_if_there_was_a_finish() -> None:
    assert told(HI, STOP, ended=True)[0][-1] == Finished("stop")


def test_a_stream_without_a_finish_was_cut_also_where_it_says_done() -> None:
    for payloads, ended in (((HI, DONE), False), ((HI,), True), ((), True)):
        _, transcript = told(*payloads, ended=ended)
        assert transcript.fault is not None
        assert transcript.fault.detail is Detail.TRUNCATED


def test_what_is_about_an_answer_without_a_word_comes_with_its_finish() -> None:
    assert told(ROLE, STOP, DONE)[0][-2:] == [ABOUT, Finished("stop")]


def test_reasoning_under_either_name_and_calls_are_events() -> None:
    events, _ = told(
        b'{"choices":[{"delta":{"reasoning_content":"a"}}]}',
        b'{"choices":[{"delta":{"reasoning":"b","x":1}}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}',
        b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
        DONE,
    )
    assert events == [
        Reasoning("a"),
        Reasoning("b"),
        PassedOn(delta={"x": "1"}),
        ToolInputStarted("c", "f"),
        ToolInputDelta("c", "{}"),
        Skipped(1),
        ToolInputAvailable("c", "f", ""),
        Finished("tool_calls"),
    ]


def test_an_error_in_the_stream_ends_it() -> None:
    events, transcript = told(HI, b'{"error":{"message":"it broke"}}', HI)
    assert events[-1] == Failed("it broke")
    assert transcript.done
    assert transcript.fault is None
    assert transcript.body_ended() == []


def test_an_error_that_names_a_status_is_the_refusal_of_that_status() -> None:
    _, transcript = told(b'{"error":{"message":"who are you","code":401}}')
    assert transcript.fault is not None
    assert transcript.fault.end_reason is EndReason.UPSTREAM_AUTH_ERROR
    assert not transcript.fault.taken
    _, transcript = told(HI, b'{"error":{"message":"slow down","code":429}}')
    assert transcript.fault is not None
    assert (transcript.fault.detail, transcript.fault.taken) == (Detail.STATUS, True)


def test_frames_that_only_keep_the_stream_open_are_skipped_and_others_that_cannot_be_read_end_it() -> None:
    events, transcript = told(b"ping", b"{}", HI)
    assert events[0] == Skipped(1)
    _, transcript = told(b'{"choices":[{"delta":5}]}')
    assert transcript.fault is not None
    assert transcript.fault.detail is Detail.PROTOCOL


def test_texts_with_the_same_around_them_are_read_as_the_first_one_was() -> None:
    around = b'{"id":"x","choices":[{"index":0,"delta":{"content":%b},"finish_reason":null}],"model":"m"}'
    texts = [b'"one"', b'"t\\"w\\u006f"', b'"\xc3\xa9"', b'"a","role":"assistant"', b'""', b'"last"']
    events, transcript = told(*[around % text for text in texts])
    assert events == [Text("one"), Text('t"wo'), Text("\xe9"), Text("a"), Skipped(1), Text("last")]
    odd = around % b'"d","finish_reason":"stop"'
    assert transcript.add([around % b'"b"', odd, around % b'"e"']) == [
        Text("b"),
        Text("d"),
        PassedOn(delta={"finish_reason": '"stop"'}),
        Text("e"),
    ]
    assert not transcript.closed


AROUND = (
    b'{"id":"x","system_fingerprint":%b,"choices":[{"delta":{"content":%b},"logprobs":null,'
    b'"finish_reason":null}],"usage":null,"obfuscation":%b}'
)


def padded(text: bytes, padding: bytes = b'"xy"', fingerprint: bytes = b'"fp"') -> bytes:
    return AROUND % (fingerprint, text, padding)


def one_by_one(*payloads: bytes) -> list[UpstreamEvent]:
    """What chunks say where each comes in a field order of its own, so that nothing is known of it before."""
    transcript = ChatTranscript(200)
    return [event for payload in payloads for event in transcript.add([b" " * 3 + payload])]


def test_texts_with_another_padding_each_are_read_as_the_first_one_was() -> None:
    payloads = [padded(b'"%d"' % number, b'"%b"' % (b"x" * (number % 5))) for number in range(30)]
    events, transcript = told(*payloads)
    assert events == [ABOUT, *(Text(str(number)) for number in range(30))]
    assert transcript.add(payloads[:2]) == [Text("0"), Text("1")]


def test_what_is_about_an_answer_is_told_when_it_changes_and_only_then() -> None:
    events, transcript = told(
        ROLE, *[padded(b'"a"')] * 2, padded(b'"b"', fingerprint=b'"fq"'), padded(b'"c"')
    )
    changed = PassedOn(chunk={"system_fingerprint": '"fq"'})
    assert events == [Skipped(1), ABOUT, Text("a"), Text("a"), changed, Text("b"), ABOUT, Text("c")]
    tier = padded(b'"d"').replace(b'"usage":null', b'"service_tier":"flex"')
    assert transcript.add([tier, padded(b'"e"', fingerprint=b"null"), tier]) == [
        PassedOn(chunk={"service_tier": '"flex"'}),
        Text("d"),
        Text("e"),
        Text("d"),
    ]


def test_chunks_say_the_same_alone_and_behind_others() -> None:
    payloads = [
        padded(b'"a"'),
        padded(b'""'),
        padded(b'"b"').replace(b'"logprobs":null', b'"logprobs":{"content":[]}'),
        padded(b'"c"').replace(b'"usage":null', b'"provider":"p"'),
        padded(b'"d"').replace(b'"usage":null', b'"usage":{"prompt_tokens":1,"completion_tokens":1}'),
        padded(b'"e\\ud83d"'),
        padded(b"null"),
        padded(b'"f"').replace(b'"content"', b'"reasoning":"r","content"'),
        padded(b'"g"').replace(b'"content"', b'"role":"assistant","content"'),
        padded(b'"h"'),
        STOP,
    ]
    assert told(*payloads)[0] == one_by_one(*payloads)


def test_a_text_that_holds_the_words_of_a_delta_is_not_taken_for_one() -> None:
    word = rb'{"choices":[{"delta":{"content":"\"delta\":{\"content\":\"x\""}}]}'
    events, transcript = told(word)
    assert events == [Text('"delta":{"content":"x"')]
    assert transcript.add([word, word.replace(b"x", b"y")]) == [
        Text('"delta":{"content":"x"'),
        Text('"delta":{"content":"y"'),
    ]


def test_what_is_more_than_a_text_never_stands_for_others() -> None:
    with_usage = b'{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
    with_thought = b'{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}'
    finishing = b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}'
    events, _ = told(with_usage, with_usage, with_thought, with_thought, finishing, DONE)
    assert [type(event) for event in events] == [
        *(Text, UsageSeen, Text, UsageSeen),
        *(Reasoning, Text, Reasoning, Text),
        *(Text, Finished),
    ]
