"""The demo corpus, answered by this build: as the last release answered it, from what the site said then."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import trio
from msgspec.structs import replace
from redis_server import RedisServer
from whole_system import Shape, whole_system

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.packs.asking import Target
from mix2api.packs.corpus import CORPUS
from mix2api.packs.recorded_answers import (
    RecordedAnswer,
    compare_answers,
    record_answers,
    recorded_answers,
)
from mix2api.packs.recorded_site import RecordedSite, recorded_site
from mix2api.release.differences import keys_of


@asynccontextmanager
async def behind(redis: RedisServer, site: RecordedSite) -> AsyncIterator[Target]:
    """An adapter of this build in front of that site."""
    given = {"UPSTREAM_API_BASE": site.url, "SEND_UPSTREAM_TOOLS": "true"}
    async with whole_system(Shape.SERVE, redis.url, **given) as system:
        url = f"http://127.0.0.1:{system.client.port}"
        yield Target(base_url=url, api_key="any", timeout_s=15)


def named(name: str, **fields: object) -> RecordedAnswer:
    """A recorded answer whose client saw something else."""
    one = next(each for each in recorded_answers() if each.name == name)
    return replace(one, said=replace(one.said, **fields))


def test_every_request_of_the_corpus_was_recorded_once() -> None:
    assert [one.name for one in recorded_answers()] == list(CORPUS)


async def test_this_build_answers_as_the_last_release_did(redis_server: RedisServer) -> None:
    async with recorded_site() as site, behind(redis_server, site) as target:
        assert await compare_answers(target, site, recorded_answers()) == []


async def test_what_a_client_sees_otherwise_is_a_difference_with_a_key(redis_server: RedisServer) -> None:
    wrong = [
        named("plain, stream", text="another text"),
        named("calls in deltas, whole", calls=(("get_weather", "{}"),)),
        named("length, stream", finishes=("stop",)),
        named("numbered, whole", usage=None),
        named("cut, stream", is_done=False),
        replace(named("plain, whole"), site=()),
    ]
    kept = named("plain, stream")
    wrong.append(replace(kept, site=(*kept.site, *kept.site)))
    async with recorded_site() as site, behind(redis_server, site) as target:
        found = await compare_answers(target, site, wrong)
    keys = [key for key, _, _ in keys_of(found)]
    assert keys[:5] == ["answer.text", "answer.calls", "answer.finishes", "answer.usage", "answer.is_done"]
    assert "answer.status" in keys, "nothing was recorded for it"
    assert keys[-1] == "answer.calls_of_the_site", "the site was asked less often than before"


async def test_a_recording_holds_what_the_site_said_and_what_the_client_saw(
    redis_server: RedisServer, nursery: trio.Nursery
) -> None:
    demo: Demo = await nursery.start(serve_demo, DemoOptions())
    async with (
        recorded_site(demo.url) as site,
        behind(redis_server, site) as target,
        aclosing(record_answers(target, site)) as recording,
    ):
        first = await anext(recording)
    assert first.name == "plain, stream"
    assert (first.site[0].status, "You asked" in first.said.text) == (200, True)
