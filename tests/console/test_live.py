"""Live pages: what has changed is sent, shared by those who look at the same, and to nobody who is signed out."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import pytest
import trio
import trio.testing
from console_runs import ended
from redis_server import RedisServer
from shown_console import Shown, Visitor, parts_of, shown, watching, words_of
from stored_runs import stored

from mix2api.console import live
from mix2api.console.live import Live, Watched
from mix2api.console.tokens import Role


async def test_first_the_whole_page_then_what_has_changed(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_PACE", 1e9)
    async with stored(redis_server.url) as store, shown(store) as seen:
        with trio.fail_after(10):
            async with watching(seen.visitor, "/live/overview?range=15m") as connection:
                first = await parts_of(connection)
                await trio.testing.wait_all_tasks_blocked()
                await ended(store, "good")
                await seen.console.following.look()
                second = await parts_of(connection)
    assert first.keys() == {"state", "numbers", "levels", "ended", "first_token", "total"}
    assert "0 All runs" in words_of(first["numbers"])
    assert "1 All runs" in words_of(second["numbers"])
    assert "processes" not in second


@pytest.mark.parametrize(("name", "part"), [("processes", "processes"), ("release", "standing")])
async def test_the_parts_are_those_of_the_page(redis_server: RedisServer, name: str, part: str) -> None:
    async with stored(redis_server.url) as store:
        await ended(store, "good")
        async with shown(store) as seen:
            page = await seen.visitor.page(f"/{name}")
            with trio.fail_after(10):
                async with watching(seen.visitor, f"/live/{name}") as connection:
                    parts = await parts_of(connection)
    assert f'data-live="/live/{name}"' in page
    assert parts[part].split("<tbody>")[0].strip() in page
    assert f'id="{part}"' in page


async def test_a_stream_ends_with_its_sign_in(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        csrf = await seen.visitor.csrf()
        kept = Visitor(seen.visitor.app, dict(seen.visitor.cookies))
        with trio.fail_after(10):
            async with watching(kept, "/live/overview") as connection:
                await parts_of(connection)
                await seen.visitor.post("/sign-out", {"csrf": csrf})
                await trio.testing.wait_all_tasks_blocked()
                await seen.console.following.look()
                await trio.testing.wait_all_tasks_blocked()
                assert seen.console.live.watchers == 0


async def test_nobody_watches_what_is_not_live_or_without_a_sign_in(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        assert (await seen.visitor.get("/live/nothing")).status_code == 404
        assert (await seen.visitor.get("/live/overview?range=never")).status_code == 400
        assert (await seen.another().get("/live/overview")).status_code == 401
        seen.console.live.watchers = live.WATCHERS
        full = await seen.visitor.get("/live/overview")
    assert full.status_code == 503


async def test_watchers_of_the_same_share_a_rendering_that_goes_with_the_last_of_them(
    redis_server: RedisServer,
) -> None:
    rendered: list[str] = []

    async with stored(redis_server.url) as store, shown(store) as seen:
        shared = Live(seen.console.following)

        async def first(page: str) -> AsyncGenerator[bytes]:
            async def render() -> dict[str, str]:
                rendered.append(page)
                return {"part": page}

            events = shared.events(Watched(page, (), "en", "view"), render, lambda: True, 0)
            assert await anext(events) == b'event: parts\ndata: {"part":"%s"}\n\n' % page.encode()
            return events

        streams = [await first(page) for page in ("a", "a", "b", "a")]
        assert rendered == ["a", "b"]
        for events in streams:
            await events.aclose()
        await (await first("a")).aclose()
    assert rendered == ["a", "b", "a"]
    assert shared.watchers == 0


async def test_a_page_that_waits_for_the_store_holds_up_no_other_page(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        shared = Live(seen.console.following)

        async def read() -> dict[str, str]:
            return {"part": "read"}

        async def wait() -> dict[str, str]:
            await trio.sleep_forever()
            return {}

        waits = shared.events(Watched("waits", (), "en", "view"), wait, lambda: True, 0)
        other = shared.events(Watched("other", (), "en", "view"), read, lambda: True, 0)
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(anext, waits)
                await trio.testing.wait_all_tasks_blocked()
                assert (await anext(other)).startswith(b"event: parts")
                nursery.cancel_scope.cancel()
        await other.aclose()
    assert shared.watchers == 0


async def test_users_leave_places_to_admins(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        shared = Live(seen.console.following)

        async def render() -> dict[str, str]:
            return {"part": "same"}

        async with AsyncExitStack() as open_streams:
            for role, count in ((Role.VIEW, live.WATCHERS - live.USERS - 1), (Role.USER, live.USERS)):
                for _ in range(count):
                    events = shared.events(Watched("a", (), "en", role), render, lambda: True, 0)
                    await open_streams.enter_async_context(aclosing(events))
                    await anext(events)
                assert not shared.is_full(Role.OPERATE)
                assert shared.is_full(Role.USER) == (role is Role.USER)
        assert not shared.is_full(Role.USER)
    assert shared.watchers == 0


async def test_a_still_page_sends_a_comment(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        shared = Live(seen.console.following)

        async def render() -> dict[str, str]:
            return {"part": "same"}

        events = shared.events(Watched("a", (), "en", "view"), render, lambda: True, 0)
        assert (await anext(events)).startswith(b"event: parts")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_publish_once_awaited, seen)
            assert await anext(events) == b": still here\n\n"
        await events.aclose()
    assert shared.watchers == 0


async def _publish_once_awaited(seen: Shown) -> None:
    await trio.testing.wait_all_tasks_blocked()
    seen.console.following._publish()


async def test_a_page_of_a_day_is_not_rendered_at_every_look(redis_server: RedisServer) -> None:
    rendered: list[int] = []

    async with stored(redis_server.url) as store, shown(store) as seen:
        shared = Live(seen.console.following)

        async def render() -> dict[str, str]:
            rendered.append(1)
            return {"part": str(len(rendered))}

        events = shared.events(Watched("a", (), "en", "view"), render, lambda: True, 86_400_000)
        await anext(events)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_publish_once_awaited, seen)
            assert await anext(events) == b": still here\n\n"
        await events.aclose()
    assert len(rendered) == 1
