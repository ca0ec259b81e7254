"""The stream of events: each event to who watches its session, and a loss that nobody overlooks."""

from collections.abc import Callable
from typing import Any

import msgspec
import trio
import trio.testing

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.opencode.events import RuntimeEvent, event_in
from mix2api.upstreams.opencode.feed import BACKLOG, EventFeed, Watch


def event(type_: str, session: str, **properties: Any) -> RuntimeEvent:
    payload = {"type": type_, "properties": {"sessionID": session, **properties}}
    found = event_in(msgspec.json.encode({"payload": payload}))
    assert found is not None
    return found


def feed(connect: Callable[[], HttpClient] = lambda: HttpClient(HttpOptions())) -> EventFeed:
    request = HttpRequest(origin=Origin("http", "nowhere", 1), path="/", headers=(), body=b"", method="GET")
    return EventFeed(request, connect, lambda _: None)


def test_events_go_to_who_watches_their_session_and_others_nowhere() -> None:
    events = feed()
    with events.watch("a") as one, events.watch("b") as other:
        for session in ("a", "b", "c"):
            events._route(event("session.idle", session))
        assert [each.said.session for each in one.take()] == ["a"]
        assert [each.said.session for each in other.take()] == ["b"]
        assert events.watched == 2
    assert events.watched == 0


def test_what_a_session_asks_that_another_one_made_is_the_watched_one_s_to_answer() -> None:
    events = feed()
    with events.watch("root") as watch:
        events._route(event("session.created", "child", info={"id": "child", "parentID": "root"}))
        events._route(event("session.created", "grandchild", info={"id": "g", "parentID": "child"}))
        events._route(event("session.created", "stranger", info={"id": "s", "parentID": "else"}))
        events._route(event("session.idle", "child"))
        for session in ("grandchild", "stranger"):
            events._route(event("permission.asked", session, id=f"per_{session}"))
        assert [each.said.id for each in watch.take()] == ["per_grandchild"]
        assert events.works_for("child", "root")
        assert not events.works_for("stranger", "root")
    assert not events.works_for("child", "root")


async def test_a_loss_that_comes_while_another_is_looked_at_wakes_the_reader_again() -> None:
    watch = Watch()
    watch.tell_lost()
    watch.lost = False  # the reader looks
    watch.tell_lost()
    assert watch.take() == []
    with trio.fail_after(5):
        await watch.wait()
    assert watch.lost


def test_more_than_a_run_may_have_waiting_is_told_and_not_kept() -> None:
    watch = Watch()
    for _ in range(BACKLOG + 1):
        watch.put(event("session.idle", "a"))
    assert watch.overflowed
    assert len(watch.take()) == BACKLOG


def test_frames_that_tell_of_no_run_are_passed_over() -> None:
    for payload in (
        b"no json",
        b"{}",
        b'{"payload": {"type": "plugin.added", "properties": {}}}',
        b'{"payload": {"type": "session.idle", "properties": {}}}',
        b'{"payload": {"type": "session.idle", "properties": {"sessionID": 7}}}',
    ):
        assert event_in(payload) is None
