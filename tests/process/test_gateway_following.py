"""The gateway's weights follow a release, over a real store and a fake of new-api."""

from contextlib import AbstractAsyncContextManager

from fake_new_api import FakeNewApi, fake_new_api
from redis_server import RedisServer
from release.releases import roll_back, start, step
from release_members import BOTH, VERSION, members

from mix2api.process.gateway_following import GatewayFollowing, gateway_following
from mix2api.release.release import ReleaseState
from mix2api.settings import NewApiGateway
from mix2api.store.store import Store
from mix2api.vocabulary import Channel


def followed(store: Store, fake: FakeNewApi) -> AbstractAsyncContextManager[GatewayFollowing]:
    return gateway_following(store, fake.settings)


async def test_each_stage_is_told_once_and_recorded(redis_server: RedisServer) -> None:
    async with (
        members(redis_server, *BOTH) as (store, _),
        fake_new_api() as fake,
        followed(store, fake) as gateway,
    ):
        assert await gateway.follow(ReleaseState(), "ann") is None
        state = await store.release.apply(step(await store.release.apply(start(version=VERSION))))
        news = await gateway.follow(state, "ann")
        assert news is not None
        assert (news.fault, news.number, news.who, fake.weights) == ("", 3, "ann", ((95, 1), (5, 1)))
        calls = len(fake.calls)
        assert await gateway.follow(state, "guard") == news
        assert len(fake.calls) == calls
        state = await store.release.apply(roll_back(state.release))
        await gateway.follow(state, "ann")
        assert fake.weights == ((100, 1), (0, 2))
        assert [(one.number, one.canary) for one in await store.gateway.history()] == [(3, 5), (4, 0)]


async def test_a_failure_is_recorded_once_and_tried_again_until_it_is_done(redis_server: RedisServer) -> None:
    async with (
        members(redis_server, *BOTH) as (store, _),
        fake_new_api(keeps=False) as fake,
        followed(store, fake) as gateway,
    ):
        state = await store.release.apply(start(version=VERSION))
        for _ in range(3):
            news = await gateway.follow(state, "ann")
            assert news is not None
            assert "stand there" in news.fault
        assert len(await store.gateway.history()) == 1
        fake.keeps = True
        await gateway.follow(state, "guard")
        faults = [bool(one.fault) for one in await store.gateway.history()]
        assert (faults, fake.weights) == ([True, False], ((100, 1), (0, 2)))


async def test_a_promoted_release_leaves_the_canary_s_edges_once_stable_runs_its_version(
    redis_server: RedisServer,
) -> None:
    newer = (Channel.STABLE, VERSION)
    async with (
        members(redis_server, *BOTH, newer) as (old, _, new),
        fake_new_api() as fake,
        followed(new, fake) as gateway,
    ):
        state = await new.release.apply(start(version=VERSION))
        for promote in (False, False, False, False, True):
            state = await new.release.apply(step(state, promote=promote))
        await gateway.follow(state, "guard")
        assert fake.weights == ((0, 1), (100, 1))
        await old.heartbeat.stop()
        await gateway.follow(state, "guard")
        assert fake.weights == ((100, 1), (0, 2))


async def test_without_an_address_nobody_is_told(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (store, _), gateway_following(store, NewApiGateway()) as none:
        assert await none.follow(await store.release.apply(start(version=VERSION)), "ann") is None
        assert await store.gateway.last() is None


async def test_settings_that_are_not_whole_are_a_failure_by_name_and_stop_nothing(
    redis_server: RedisServer,
) -> None:
    lacking = NewApiGateway(url="http://127.0.0.1:1", stable_channel=1)
    async with members(redis_server, *BOTH) as (store, _), gateway_following(store, lacking) as gateway:
        news = await gateway.follow(await store.release.apply(start(version=VERSION)), "ann")
        assert news is not None
        assert news.fault == "NEWAPI_TOKEN, NEWAPI_CANARY_CHANNEL: not set, so weight 0 cannot be told"
