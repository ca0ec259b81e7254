"""A release over two channels: the canary gets its share of fresh sessions, and at 0 % not one."""

from redis_server import RedisServer
from releasing import two_channels
from several_processes import client_of
from whole_system import until

from mix2api.process.parts import Role
from mix2api.vocabulary import Channel


async def test_the_canary_gets_its_share_and_at_0_percent_not_one_session(redis_server: RedisServer) -> None:
    async with two_channels(redis_server, Role.WORKER) as both:
        assert await both.ask_fresh(30) == {Channel.STABLE: 30}, "no release is recorded"
        assert (await both.operator.start())["stage"] == "0"
        await both.until_settled()
        assert await both.ask_fresh(30) == {Channel.STABLE: 30}
        assert (await both.operator.step(3))["stage"] == "50"
        await both.until_settled()
        counts = await both.ask_fresh(200)
        # Six standard deviations of 200 draws of a half are 42.
        assert 58 <= counts[Channel.CANARY] <= 142, counts
        back = await both.operator.roll_back()
        assert (back["stage"], back["canary_shards"]) == ("rolled_back", 0)
        assert await both.ask_fresh(100) == {Channel.STABLE: 100}


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
