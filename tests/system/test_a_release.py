"""A release over two channels: the canary gets its share of fresh sessions, and at 0 % not one."""

import trio
from redis_server import RedisServer
from releasing import TwoChannels, two_channels
from several_processes import client_of
from whole_system import until
from wire_client import Answer

from mix2api.process.parts import Role
from mix2api.vocabulary import Channel


async def test_the_canary_gets_its_share_and_at_0_percent_not_one_session(redis_server: RedisServer) -> None:
    async with two_channels(redis_server, Role.WORKER) as both:
        assert await both.ask_fresh(6) == {Channel.STABLE: 6}, "no release is recorded"
        assert (await both.operator.start())["stage"] == "0"
        await both.until_settled()
        assert await both.ask_fresh(10) == {Channel.STABLE: 10}
        assert (await both.operator.step(3))["stage"] == "50"
        await both.until_settled()
        counts = await both.ask_fresh(64)
        # Six standard deviations of 64 draws of a half are 24.
        assert 8 <= counts[Channel.CANARY] <= 56, counts
        back = await both.operator.roll_back()
        assert (back["stage"], back["canary_shards"]) == ("rolled_back", 0)
        assert await both.ask_fresh(30) == {Channel.STABLE: 30}


async def test_the_edge_of_a_canary_is_ready_from_the_first_step_on_and_its_channel_is_recorded(
    redis_server: RedisServer,
) -> None:
    async with two_channels(redis_server) as both:
        canary = client_of(both.canary)
        await both.operator.start()
        await both.until_settled()
        assert (await canary.get("/health/ready")).status == 503
        assert await both.ask_fresh(10, canary) == {Channel.STABLE: 10}, "its edge still serves who comes"
        await both.operator.step(4)
        await both.until_settled()

        async def is_ready() -> bool:
            return (await canary.get("/health/ready")).status == 200

        await until(is_ready)
        await canary.ask("at the canary's edge")
        await both.client.ask("at the stable edge")
        runs = await both.new_runs(2)
        assert {(run.channel, run.edge_channel) for run in runs} == {
            (Channel.CANARY, None),
            (Channel.CANARY, Channel.STABLE),
        }


async def converse(both: TwoChannels, messages: list[dict[str, object]], prompt: str) -> Answer:
    """One turn of a conversation at the stable edge; the messages grow by it."""
    messages.append({"role": "user", "content": prompt})
    answer = await both.client.ask("", messages=messages, stream=True)
    assert answer.finish_reason() == "stop", answer.body
    messages.append({"role": "assistant", "content": answer.text()})
    return answer


async def test_after_a_rollback_conversations_go_on_at_stable_and_no_stream_is_cut(
    redis_server: RedisServer,
) -> None:
    async with two_channels(redis_server, Role.WORKER) as both:
        await both.operator.start()
        await both.operator.step(4)
        await both.until_settled()
        messages: list[dict[str, object]] = []
        await converse(both, messages, "at the canary")
        ended: list[Answer] = []
        begun = trio.Event()

        async def stream() -> None:
            async with both.client.asking("long [[chunks:80]] [[pace:20]]", stream=True) as asked:
                head = await asked.head()
                await asked.read_until(lambda body: b"-00002" in body)
                begun.set()
                ended.append(await asked.rest(head))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream)
            await begun.wait()
            back = await both.operator.roll_back()
            assert (back["canary_shards"], back["runs"]) == (0, 1)
            assert ended == [], "it runs on"
            answer = await converse(both, messages, "at stable")
        assert answer.headers["x-mix2api-session"] == "continued; reason=lineage"
        assert ended[0].finish_reason() == "stop"
        assert {tuple(session.messages[0].values()) for session in both.processes.demo.sessions.values()} == {
            ("user", "at the canary"),
            ("user", "long [[chunks:80]] [[pace:20]]"),
        }, "the site has one session for each conversation"
        channels = [run.channel for run in sorted(await both.new_runs(3), key=lambda run: run.at_ms)]
        assert channels == [Channel.CANARY, Channel.CANARY, Channel.STABLE]


async def test_promotion_moves_no_conversation_and_the_last_canary_hands_them_over(
    redis_server: RedisServer,
) -> None:
    async with two_channels(redis_server, Role.WORKER) as both:
        await both.operator.start()
        await both.operator.step(4)
        await both.until_settled()
        messages: list[dict[str, object]] = []
        await converse(both, messages, "at the canary")
        code, facts = await both.operator.say(
            "promote", "--who", "ann", "--why", "it is well", "--without-guard"
        )
        assert (code, facts["stage"]) == (0, "promoted")
        held = both.processes.held_by(both.canary)
        answer = await converse(both, messages, "still there")
        assert (answer.headers["x-mix2api-session"], both.processes.held_by(both.canary)) == (
            "continued; reason=lineage",
            held,
        )
        await both.processes.stop(both.canary)
        answer = await converse(both, messages, "at the new stable")
        assert answer.headers["x-mix2api-session"] == "continued; reason=lineage"
        channels = [run.channel for run in sorted(await both.new_runs(3), key=lambda run: run.at_ms)]
        assert channels == [Channel.CANARY, Channel.CANARY, Channel.STABLE]


async def test_a_rollback_that_finds_redis_frozen_goes_through_once_it_answers(
    redis_server: RedisServer,
) -> None:
    async with two_channels(redis_server, Role.WORKER) as both:
        await both.operator.start()
        await both.operator.step(4)
        await both.until_settled()
        messages: list[dict[str, object]] = []
        await converse(both, messages, "at the canary")
        async with both.client.asking("long [[chunks:60]] [[pace:20]]", stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00002" in body)
            redis_server.pause()
            back: dict[str, object] = {}

            async def roll_back() -> None:
                back.update(await both.operator.roll_back())

            async def is_away() -> bool:
                return (await both.client.get("/health/ready")).status == 503

            async with trio.open_nursery() as nursery:
                nursery.start_soon(roll_back)
                await until(is_away)
                redis_server.resume()
            assert (await asked.rest(head)).finish_reason() == "stop"
        assert (back["stage"], back["canary_shards"]) == ("rolled_back", 0)
        await converse(both, messages, "at stable")
        channels = [run.channel for run in sorted(await both.new_runs(3), key=lambda run: run.at_ms)]
        assert channels == [Channel.CANARY, Channel.CANARY, Channel.STABLE]


async def test_what_a_full_worker_of_the_canary_refuses_is_recorded_against_its_channel(
    redis_server: RedisServer,
) -> None:
    async with two_channels(
        redis_server, Role.WORKER, MIX2API_MAX_CONCURRENCY="1", MIX2API_QUEUE_MAX="0"
    ) as both:
        await both.operator.start()
        await both.operator.step(4)
        await both.until_settled()
        async with both.client.asking("[[hang]]", stream=True):
            await both.processes.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            assert (await both.client.ask("one too many")).status == 429
        (entry,) = await both.refusals(1)
    assert (entry.channel, entry.worker_channel, entry.detail) == (Channel.STABLE, Channel.CANARY, "queue")
