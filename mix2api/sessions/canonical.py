"""The normal form of a chat history: the same bytes for what is the same history, however a client re-serialises it.

Clients and gateways echo an answer with other white space, other JSON, without reasoning, without the text beside tool
calls, split in two or with `null` for nothing. What they cannot change without meaning something else is kept; each
rule is one function below. Fields are length-prefixed, so that no two histories run together to the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from mix2api.wire.turn import RESULT_ROLES, FunctionCall, Message, MessageToolCall, is_text

_LEADING: Final = frozenset({"system", "developer"})
_TAGS: Final = {"user": b"u", "system": b"s", "developer": b"s"}
_THOUGHTS: Final = frozenset({"thinking", "reasoning", "redacted_thinking"})
_IMAGES: Final = frozenset({"image_url", "input_image"})
_EXACT_INTEGERS: Final = 2**53
"""JavaScript's numbers are doubles: beyond this an echoed integer is no longer the one that was sent."""
_VALUES_MAX: Final = 20_000
"""Values (commas, to be exact) that are looked at one by one, 5 ms at most: calls and tools in use have fewer than 1,000.
Beyond that the numbers of a text stay as the client wrote them, which clients that echo a text do not change."""
_ASCII_SPACE: Final = b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "
_OTHER_SPACE: Final = "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space as `str.split` knows it."""
_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"


class Piece(msgspec.Struct, frozen=True):
    """One normalised message, a merged answer, or a run of tool results."""

    role: str
    """`assistant`, `result`, or the message's own."""
    body: bytes
    beside: bytes = b""
    """An answer's text beside its tool calls, which is not in `body`: gateways drop it."""


def leading_instructions(messages: list[Message]) -> list[Message]:
    """The system and developer messages before anything else: they belong to the realm, not to the history."""
    count = 0
    while count < len(messages) and messages[count].role in _LEADING:
        count += 1
    return messages[:count]


def instructions_form(leading: list[Message]) -> bytes:
    """The normal form of the leading instructions."""
    return b"".join([_field(_content(message)) for message in leading])


def tools_form(tools: list[dict[str, Any]] | None) -> bytes:
    """The normal form of the offered tools: their order does not count."""
    return b"".join(map(_field, sorted(map(canonical_json, tools)))) if tools else b""


def pieces(history: list[Message]) -> Iterator[Piece]:
    """The normal form of a history, which begins behind the leading instructions, piece by piece.

    Adjacent answers are one piece, and so are adjacent tool results; an answer with nothing in it is not there. Each piece
    is made when it is asked for: a long history is too much work for one turn of the caller's loop.
    """
    found: list[Piece] = []
    answers: list[Message] = []
    results: list[Message] = []
    for message in history:
        yield from found
        found.clear()
        role = message.role
        if role == "assistant":
            answers.append(message)
            continue
        if answers:
            _end_answer(answers, results, found)
        if role in RESULT_ROLES:
            results.append(message)
            continue
        if results:
            _end_results(results, found)
        found.append(Piece(role, _TAGS[role] + _content(message)))
    if answers:
        _end_answer(answers, results, found)
    if results:
        _end_results(results, found)
    yield from found


def _end_answer(answers: list[Message], results: list[Message], found: list[Piece]) -> None:
    """Moves the tool results so far and the answer after them to `found`; an empty answer ends nothing."""
    piece = answer_piece(answers)
    answers.clear()
    if piece is not None:
        if results:
            _end_results(results, found)
        found.append(piece)


def _end_results(results: list[Message], found: list[Piece]) -> None:
    """Moves a run of tool results to `found`, in the order of their ids: clients send parallel ones as they come."""
    body = b"r" + b"".join(map(_field, sorted(_result(message) for message in results)))
    found.append(Piece("result", body))
    results.clear()


def answer_piece(answers: list[Message]) -> Piece | None:
    """Adjacent assistant messages as one; None if there is nothing in them."""
    first = answers[0]
    is_plain = len(answers) == 1 and not (first.tool_calls or first.refusal or first.function_call)
    if is_plain and type(first.content) is str:  # the usual answer, by the shortest way
        text = _text(without_thought(first.content))
        return Piece("assistant", b"a%d:%b%b" % (len(text), text, _PLAIN)) if text else None
    text, others = _answer_content(answers)
    calls = _calls_form([call for message in answers for call in _calls(message)])
    refusal = b"".join([_text(message.refusal) for message in answers if message.refusal])
    if not (text or others or calls or refusal):
        return None
    spoken = b"" if calls else text
    body = b"a%b%b%b%b" % (_field(spoken), _field(others), _field(refusal), calls)
    return Piece("assistant", body, text if calls else b"")


def _answer_content(answers: list[Message]) -> tuple[bytes, bytes]:
    """Text and other parts of an answer, without the thought that a message of it may begin with."""
    texts: list[str] = []
    others = b""
    for message in answers:
        text, parts = _split(message.content, left_out=_THOUGHTS)
        texts.append(without_thought(text))
        others += b"".join([_field(part) for _, part in parts])  # no places: an answer may come in two
    return _text("".join(texts)), others


def _content(message: Message) -> bytes:
    if type(message.content) is str:  # the usual message, by the shortest way
        plain = _text(message.content)
        return b"%d:%b" % (len(plain), plain)
    text, others = _split(message.content)
    placed = b"".join([_field(b"%d" % place) + _field(part) for place, part in others])
    return _field(_text(text)) + placed


def _split(
    content: str | list[dict[str, Any]] | None, left_out: frozenset[str] = frozenset()
) -> tuple[str, list[tuple[int, bytes]]]:
    """Joined text, and the normal forms of the parts that are not text with their places in it.

    Kinds of parts that are `left_out` do not count: an answer's thoughts, which clients drop; whoever else writes such a
    part means it. A place is the number of characters before the part, white space left out: that is what clients change.
    """
    if content is None or isinstance(content, str):
        return content or "", []
    texts: list[str] = []
    others: list[tuple[int, bytes]] = []
    place = counted = 0
    for part in content:
        if is_text(part):
            texts.append(part["text"])
        elif part.get("type") not in left_out:
            place += sum(map(_solid_chars, texts[counted:]))
            counted = len(texts)
            others.append((place, _part(part)))
    return "".join(texts), others


def _solid_chars(text: str) -> int:
    """How many characters are no white space. Nothing here is done word by word: a text may hold two million."""
    encoded = text.encode("utf-8", "surrogatepass")
    spaces = len(encoded) - len(encoded.translate(None, _ASCII_SPACE))
    if not text.isascii():
        spaces += sum(map(text.count, _OTHER_SPACE))
    return len(text) - spaces


def _part(part: dict[str, Any]) -> bytes:
    """A part that is not text: an image by its URL or bytes, all else by its JSON; cache marks do not count."""
    kind = part.get("type")
    if kind in _IMAGES:
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):  # `detail` does not count: gateways fill it in
            return b"i" + url.encode("utf-8", "surrogatepass")
    return b"p" + canonical_json({name: value for name, value in part.items() if name != "cache_control"})


def _calls(message: Message) -> Iterable[MessageToolCall]:
    if message.tool_calls:
        return message.tool_calls
    if message.function_call is not None:
        return (MessageToolCall(id="", function=message.function_call),)
    return ()


def _calls_form(calls: list[MessageToolCall]) -> bytes:
    """Calls of one answer. Arguments of too many values together count as they are written."""
    values = sum(call.function.arguments.count(",") for call in calls if call.function is not None)
    form = canonical_arguments if values <= _VALUES_MAX else _as_written
    return b"".join([_field(_call(call, form)) for call in calls])


def _call(call: MessageToolCall, arguments_form: Callable[[str], bytes]) -> bytes:
    function = call.function or FunctionCall(name="", arguments=_custom(call))
    return b"%b%b%b" % (
        _field(call.id.encode("utf-8", "surrogatepass")),
        _field(function.name.encode("utf-8", "surrogatepass")),
        arguments_form(function.arguments),
    )


def _custom(call: MessageToolCall) -> str:
    return canonical_json(call.custom).decode() if call.custom is not None else ""


def _result(message: Message) -> bytes:
    key = message.tool_call_id or message.name or ""
    return _field(key.encode("utf-8", "surrogatepass")) + _content(message)


def canonical_arguments(arguments: str) -> bytes:
    """A call's argument text: canonical JSON; if it is none, the stripped text; nothing is `{}`."""
    stripped = arguments.strip()
    if not stripped:
        return b"{}"
    if stripped.count(",") > _VALUES_MAX:
        return _as_written(stripped)
    try:
        return _normal_json(msgspec.json.decode(stripped))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return _as_written(stripped)


def _as_written(arguments: str) -> bytes:
    return b"=" + arguments.strip().encode("utf-8", "surrogatepass")


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and numbers as a JavaScript client echoes them (RFC 8785's purpose, not its letter)."""
    written = msgspec.json.encode(value, order="sorted")
    return written if written.count(b",") > _VALUES_MAX else _normal_json(value)


def _normal_json(value: Any) -> bytes:
    return msgspec.json.encode(_numbers(value), order="sorted")


def _numbers(value: Any) -> Any:
    # By exact type, strings first: this is asked of every value in every call and tool of a history.
    kind = type(value)
    if kind is str:
        return value
    if kind is dict:
        return {name: _numbers(inner) for name, inner in value.items()}
    if kind is list:
        return [_numbers(inner) for inner in value]
    if kind is int:
        return value if -_EXACT_INTEGERS <= value <= _EXACT_INTEGERS else _float(value)
    if kind is float:
        return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGERS else value
    return value


def _float(value: int) -> float | str:
    try:
        return float(value)
    except OverflowError:
        return str(value)


def _text(text: str) -> bytes:
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    try:
        return text.strip().encode()
    except UnicodeEncodeError:  # half a surrogate pair, as models write them now and then
        return text.strip().encode("utf-8", "surrogatepass")


def without_thought(text: str) -> str:
    """The text after one leading `<think>…</think>`."""
    stripped = text.lstrip()
    if not stripped.startswith(_THINK_OPEN):
        return text
    _, closed, after = stripped.partition(_THINK_CLOSE)
    return after if closed else text


def _field(data: bytes) -> bytes:
    return b"%d:%b" % (len(data), data)


_PLAIN: Final = _field(b"") + _field(b"")
"""What stands behind an answer's text: no other parts, no refusal."""
