"""What is cut into steps is cut well: no step is long, whatever the input, and every large one has many.

The limits are function calls (`counted`). 60,000 of them take about 20 ms on the machine of `bench/RESULTS.md`.
"""

from collections.abc import Callable, Iterator

import pytest
from actor_parts import SEAL
from counted import calls_of, longest_step
from linear.inputs import ANSWERS, HISTORIES, TEXTS, body, tools
from linear.test_linear_paths import translation

from mix2api.conversations.graph import EDGES_MAX, INPUT_CHARS_MAX, NODES_MAX
from mix2api.conversations.graph_checking import Surroundings, checked_graph
from mix2api.conversations.routing import Candidate, route
from mix2api.errors import InvalidRequest
from mix2api.sessions.lineage import lineage_steps
from mix2api.tools.checks import tool_check_steps
from mix2api.upstreams.port import Text, UpstreamEvent
from mix2api.vocabulary import Digest
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.request_bounds import VALUES_MAX, value_steps
from mix2api.wire.turn import Message, Turn

LIMIT = 60_000
CHARS = 30_000


def portions(batch: list[UpstreamEvent], *, in_text: bool) -> list[int]:
    """The calls that each portion of a batch takes."""
    made = translation(in_text=in_text)
    left: list[bool] = []
    taken = [calls_of(lambda: left.append(made.take(batch)))]
    while left[-1]:
        made.tally.commands.clear()
        made.answer.replies = []
        taken.append(calls_of(lambda: left.append(made.go_on())))
    return taken


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_read_in_portions(name: str) -> None:
    text = TEXTS[name](CHARS // len(TEXTS[name](1)) + 1)
    taken = portions([Text(text)], in_text=True)
    assert max(taken) <= LIMIT
    assert len(taken) >= len(text) // 4096


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "one call again and again"])
def test_a_batch_of_many_events_is_read_in_portions(name: str) -> None:
    batch = ANSWERS[name](900)
    taken = portions(batch, in_text=False)
    assert max(taken) <= LIMIT
    assert len(taken) >= len(batch) // 1000


def test_a_batch_of_usual_size_is_one_portion() -> None:
    assert len(portions([Text("word ")] * 20, in_text=True)) == 1
    assert len(portions([Text("word ")] * 64, in_text=False)) == 1


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_digested_in_short_steps(name: str) -> None:
    messages = HISTORIES[name](1000)
    steps = lineage_steps(messages, Digest("realm"), SEAL.digester("lineage"))
    assert longest_step(steps) <= LIMIT


def test_a_long_history_takes_many_steps_and_a_usual_one_takes_one() -> None:
    def steps(turns: int) -> int:
        given = lineage_steps(HISTORIES["turns"](turns), Digest("realm"), SEAL.digester("lineage"))
        return sum(1 for _ in given)

    assert steps(20) == 0
    assert steps(1500) >= 10


def large_bodies() -> Iterator[tuple[str, bytes]]:
    """As much as is allowed of everything, and too much of it."""
    values = [0] * (VALUES_MAX - 100)
    yield "numbers", body(tools=[{"type": "x", "y": values}])
    yield "too many numbers", body(tools=[{"type": "x", "y": values * 2}])
    yield "lists", body(tools=[{"type": "x", "y": [[]] * (VALUES_MAX // 2 - 100)}])
    yield "too many lists", body(tools=[{"type": "x", "y": [[]] * VALUES_MAX}])
    yield "messages", body(messages=[{"role": "user", "content": "hi"}] * 5000)
    yield "too many messages", body(messages=[{"role": "user", "content": "hi"}] * 5001)
    parts = [{"type": "text", "text": "word"}]
    yield "parts", body(messages=[{"role": "user", "content": parts * 10_000}])
    yield "too many parts", body(messages=[{"role": "user", "content": parts * 10_001}])
    yield "tools", body(tools=tools(1000))
    yield "commas in a text", body(messages=[{"role": "user", "content": "a, " * 200_000}])
    yield "quotes in a text", body(messages=[{"role": "user", "content": '",' * 200_000}])
    yield "short texts", body(stop=[","] * (VALUES_MAX - 100))


BODIES = dict(large_bodies())


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_read_in_short_steps_or_refused_in_them(name: str) -> None:
    refused = False
    longest = 0
    steps = chat_request_steps(BODIES[name])
    over = False

    def step() -> None:
        nonlocal over, refused
        try:
            next(steps)
        except StopIteration:
            over = True
        except InvalidRequest:
            over = refused = True

    while not over:
        longest = max(longest, calls_of(step))
    assert longest <= 2 * LIMIT
    assert refused == name.startswith("too many")


def test_a_count_of_values_takes_no_long_step() -> None:
    assert longest_step(value_steps(b'{"a":"' + b'\\",' * 300_000 + b'"}')) <= 5000


@pytest.mark.parametrize("make", [HISTORIES["calls and results"], HISTORIES["legacy calls and results"]])
def test_long_histories_are_checked_in_two_steps(make: Callable[[int], list[Message]]) -> None:
    turn = Turn(model="m", messages=make(1000))
    assert sum(1 for _ in tool_check_steps(turn)) == 1
    assert longest_step(tool_check_steps(turn)) <= LIMIT


def _wide_graph(template: str) -> object:
    """A graph of the largest size with as many edges as there may be; the template is that of the last node."""
    inputs = ["x" * INPUT_CHARS_MAX] * (NODES_MAX - 1) + [template[:INPUT_CHARS_MAX]]
    nodes = [{"id": f"n{at}", "type": "WORKER", "input": text} for at, text in enumerate(inputs)]
    edges = [{"from": f"n{before}", "to": f"n{at}"} for at in range(NODES_MAX) for before in range(at)]
    return {"nodes": nodes, "edges": edges[:EDGES_MAX], "summarize": True}


@pytest.mark.parametrize(
    "template",
    [
        "x" * INPUT_CHARS_MAX,
        "{{context.message}}" * 100 + "x" * INPUT_CHARS_MAX,
        "{{a" + ".b" * 199 + "}}",
        "{{a" + ".b" * 9000,
        "{{a}}" * 4000,
        "{{" * 10_000,
        "{{ " + "(" * 10_000,
        "{{a" + " " * 19_000,
        "{{a" + "['b']" * 3000 + "}}",
        "".join(f"{{{{nodes.x{at}.output}}}}" for at in range(66)),
    ],
)
def test_the_largest_graph_is_checked_in_short_steps(template: str) -> None:
    steps = checked_graph(_wide_graph(template), Surroundings(context={"message": "hello"}))
    assert longest_step(steps) <= LIMIT


def test_the_longest_message_is_routed_in_short_steps() -> None:
    hostile = Candidate(definition_id="d", version=1, pattern="a*" * 249 + "b", score=1)
    for message in ("a" * 1_000_000, "Aé \n" * 250_000):
        assert longest_step(route(message, [hostile] * 3)) <= LIMIT
