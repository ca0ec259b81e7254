"""What a continued turn sends to the site, and where its session waits afterwards."""

import pytest
from actor_parts import BEGINNING, GOOD, SEAL, Bench, kinds, submission, working
from histories import REALM, Given, answer, calling, messages, result, user

from mix2api.sessions.lineage import Lineage, lineage_of
from mix2api.sessions.worker_port import Accepted, Submission
from mix2api.upstreams.port import Finished, ToolInputAvailable
from mix2api.upstreams.scripted import Script
from mix2api.vocabulary import Digest, SessionId
from mix2api.wire.turn import Turn

DIGESTER = SEAL.digester("lineage")
READS: Script = [BEGINNING, [ToolInputAvailable("call_0", "read", '{"a":1}')], [Finished("tool-calls")]]
TOOLS = [{"type": "function", "function": {"name": "read"}}]
SYSTEM = {"role": "system", "content": "be brief"}


def lineage(*given: Given) -> Lineage:
    return lineage_of(messages(*given), REALM, DIGESTER)


def asking(*given: Given, session: SessionId | None = None, **fields: object) -> Submission:
    """A request with its lineage, as the edge submits it; continued if a session is named."""
    asked = messages(*given)
    stands = lineage(*given)
    content = Turn(model="mix/known", messages=asked, stream=True, **fields)  # type: ignore[arg-type]
    taken = None if session is None else stands.at
    return submission(content, session_id=session, lineage=stands, taken=taken, reason="lineage")


async def opened(bench: Bench, *given: Given, **fields: object) -> SessionId:
    """Runs a turn on a fresh session."""
    accepted = (await bench.ask(asking(*given, **fields)))[0]
    assert isinstance(accepted, Accepted)
    return SessionId(accepted.session_id)


def sent(bench: Bench) -> list[object]:
    """The contents of what the last call sent."""
    return [message.content for message in bench.upstream.calls[-1].messages]


def waiting(bench: Bench) -> list[Digest]:
    return [at for at, sessions in bench.world.waiting.items() if sessions]


HELLO = answer("hello world")


@pytest.mark.parametrize(
    ("more", "new"),
    [
        ([HELLO, user("two")], ["two"]),
        ([HELLO, user("two"), user("three")], ["two", "three"]),
        ([answer("hello "), answer("world"), user("two")], ["two"]),
        ([HELLO, user("two"), answer(""), user("three")], ["two", "three"]),
        ([HELLO, user("two"), answer(None)], ["two"]),
        ([HELLO, answer("<think>x</think>"), user("two")], ["two"]),
        ([HELLO, {"role": "system", "content": "now loud"}, user("two")], ["now loud", "two"]),
    ],
)
async def test_only_what_follows_the_last_answer_goes_up(more: list[Given], new: list[str]) -> None:
    async with working(GOOD, GOOD) as bench:
        session = await opened(bench, SYSTEM, user("one"))
        await bench.ask(asking(SYSTEM, user("one"), *more, session=session))
        assert [request.resolution for request in bench.requests()] == ["fresh", "continued"]
        assert sent(bench) == new
        assert bench.requests()[1].messages_new == len(new)
        assert bench.upstream.calls[1].session == "site-session"


async def test_a_session_waits_at_the_history_with_its_answer() -> None:
    async with working(GOOD) as bench:
        await opened(bench, user("one"))
        assert waiting(bench) == [lineage(user("one"), HELLO, user("two")).at]


async def test_a_session_that_called_a_tool_waits_for_its_result() -> None:
    async with working(READS) as bench:
        await opened(bench, user("one"), tools=TOOLS)
        assert waiting(bench) == [lineage(user("one"), calling('{"a": 1}'), result()).at]


async def test_a_session_of_a_legacy_caller_waits_for_what_that_caller_echoes() -> None:
    async with working(READS) as bench:
        await opened(bench, user("one"), tools=TOOLS, legacy_functions=True)
        echoed = answer(None, function_call={"name": "read", "arguments": '{"a": 1}'})
        returned = {"role": "function", "name": "read", "content": "done"}
        assert waiting(bench) == [lineage(user("one"), echoed, returned).at]


async def test_what_does_not_fit_into_a_continued_turn_is_withheld_and_recorded() -> None:
    async with working(GOOD, GOOD, messages_max=2, message_max_chars=3) as bench:
        session = await opened(bench, user("one"))
        new = [user("two"), user("three"), user("six")]
        await bench.ask(asking(user("one"), HELLO, *new, session=session))
        assert sent(bench) == ["th\u2026", "six"]
        request = bench.requests()[1]
        assert (request.messages_all, request.messages_new, request.messages_withheld) == (5, 2, 2)


async def test_an_answer_without_ids_leaves_those_that_are_known() -> None:
    again: Script = [BEGINNING[:1], *GOOD[1:]]
    async with working(GOOD, again, GOOD) as bench:
        session = await opened(bench, user("one"))
        await bench.ask(asking(user("one"), HELLO, user("two"), session=session))
        await bench.ask(asking(user("one"), HELLO, user("two"), HELLO, user("three"), session=session))
        assert (bench.upstream.calls[2].session, bench.upstream.calls[2].exchange) == (
            "site-session",
            "site-exchange",
        )
        assert kinds(bench.events(session)).count("Request") == 3
