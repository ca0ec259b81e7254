"""What the replay gate finds: nothing where this build reads as the last release did, and every kind of other reading."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from schemas import TOMORROW

from mix2api.events.audit_entry import EndSummary
from mix2api.packs.recorded_logs import recorded_logs
from mix2api.release.differences import Difference, differences, keys_of
from mix2api.release.recorded_session import (
    RecordedEntry,
    RecordedRun,
    RecordedSession,
    decode_recorded,
    encode_recorded,
    with_state,
)

Edit = Callable[[RecordedSession], RecordedSession]


def continued() -> RecordedSession:
    """A recorded session of two turns, the second of which continues the first."""
    return next(one for one in recorded_logs() if len(one.runs) == 2 and "tool_calls" not in str(one))


def called() -> RecordedSession:
    """One in which a tool was called and its result came back."""
    return next(one for one in recorded_logs() if any(entry.kind == "tool_result" for entry in one.entries))


def place_of(session: RecordedSession, kind: str, number: int = 0) -> int:
    """Where the nth event of a kind stands; a negative number counts from the end."""
    return [at for at, entry in enumerate(session.entries) if entry.kind == kind][number]


def with_entry(session: RecordedSession, at: int, entry: RecordedEntry) -> RecordedSession:
    return replace(session, entries=(*session.entries[:at], entry, *session.entries[at + 1 :]))


def event(kind: str, number: int = 0, **fields: Any) -> Edit:
    """Other fields in an event; None takes a field away."""

    def edit(session: RecordedSession) -> RecordedSession:
        at = place_of(session, kind, number)
        entry = session.entries[at]
        data = msgspec.json.decode(entry.data) | fields
        data = {name: value for name, value in data.items() if value is not None}
        return with_entry(
            session, at, RecordedEntry(entry.kind, entry.version, msgspec.json.encode(data).decode())
        )

    return edit


def written(kind: str, as_kind: str, version: str = "1", data: str | None = None) -> Edit:
    """An event under another kind or version, or damaged."""

    def edit(session: RecordedSession) -> RecordedSession:
        at = place_of(session, kind)
        return with_entry(
            session, at, RecordedEntry(as_kind, version, session.entries[at].data if data is None else data)
        )

    return edit


def lost(kind: str) -> Edit:
    """An event that is gone, and nothing says so."""

    def edit(session: RecordedSession) -> RecordedSession:
        at = place_of(session, kind)
        return replace(session, entries=session.entries[:at] + session.entries[at + 1 :])

    return edit


def state(**fields: Any) -> Edit:
    """Other fields in the folded state."""

    def edit(session: RecordedSession) -> RecordedSession:
        document = msgspec.json.decode(session.snapshot or "")
        document["state"] |= fields
        return replace(session, snapshot=msgspec.json.encode(document).decode())

    return edit


def half(asked: bool, place: int, value: object) -> Edit:  # noqa: FBT001 - which of two
    """Another value in a half of the first run's audit entry."""

    def edit(session: RecordedSession) -> RecordedSession:
        run_id, run = next(iter(session.runs.items()))
        values = msgspec.json.decode(run.asked if asked else run.ended)
        values[place : place + 1] = [value]
        text = msgspec.json.encode(values).decode()
        changed = RecordedRun(text, run.ended) if asked else RecordedRun(run.asked, text)
        return replace(session, runs=session.runs | {run_id: changed})

    return edit


def keys(session: RecordedSession) -> list[str]:
    return [key for key, _, _ in keys_of(differences(session))]


@pytest.mark.parametrize("session", recorded_logs(), ids=lambda session: session.session)
def test_this_build_makes_of_each_recorded_session_what_the_last_release_made(
    session: RecordedSession,
) -> None:
    assert differences(session) == []
    assert session.covered == len(session.entries), "its folded state is compared, too"
    assert len(session.runs) == sum(entry.kind == "end" for entry in session.entries)


READ_OTHERWISE: dict[str, tuple[Edit, str]] = {
    "a field that this build does not know": (event("request", klient="opencode"), "read:request.klient"),
    "a field whose inner form is another": (
        event("end", usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 5}),
        "read:end.usage",
    ),
    "a kind that this build does not know": (written("upstream_chunk", "chunk"), "read:chunk"),
    "a newer version": (written("request", "request", "99"), "read:request"),
    "a damaged event": (written("request", "request", data="{"), "read:request"),
    "an order that this build finds illegal": (lost("request"), "order"),
    "a verdict": (event("end", end_reason="length", finish_reason="length"), "verdict"),
    "a session that was fresh": (event("request", resolution="continued"), "resolution"),
    "a session that was continued": (event("request", -1, resolution="fresh"), "resolution"),
    "where a session waited": (event("request", -1, taken="f" * 32), "resolution.taken"),
    "the frames of an answer": (event("end", frames=99), "end.frames"),
    "the time to the first token": (event("end", first_token_ms=1), "end.first_token_ms"),
    "the site's status": (event("end", upstream_status=201), "end.upstream_status"),
    "what the site's session holds": (event("end", context="unchanged"), "end.context"),
    "where the state waits": (state(waits_at=["a" * 32]), "state.waits_at"),
    "the tokens that a session holds": (state(held_tokens=1), "state.held_tokens"),
    "a field of the state": (state(mood="good"), "read:snapshot.mood"),
    "the client of a request": (half(asked=True, place=3, value="codex"), "asked.client"),
    "the budget of a request": (half(asked=True, place=10, value=None), "asked.budget"),
    "the usage of a run": (half(asked=False, place=9, value=None), "ended.usage"),
}


@pytest.mark.parametrize("name", READ_OTHERWISE)
def test_what_this_build_reads_otherwise_is_found(name: str) -> None:
    edit, key = READ_OTHERWISE[name]
    found = keys(edit(continued()))
    assert key in found


def test_a_difference_names_session_run_and_both_values() -> None:
    session = continued()
    run_id = next(iter(session.runs))
    (found, *_) = differences(event("end", frames=99)(session))
    (frames,) = [
        msgspec.json.decode(entry.data)["frames"]
        for entry in session.entries
        if entry.kind == "end" and run_id in entry.data
    ]
    assert found == Difference("end.frames", session.session, run_id, "99", str(frames))


def test_a_difference_shows_the_beginning_of_a_long_value() -> None:
    (found, *_) = differences(state(waits_at=["a" * 32] * 9)(continued()))
    assert found.recorded.endswith("... (316 characters)")


def test_calls_and_their_results_are_told_as_they_were() -> None:
    session = called()
    assert differences(session) == []
    assert "ended.calls" in keys(event("tool_call", tool_call_id="another")(session))
    assert "asked.results" in keys(event("tool_result", digest="e" * 32)(session))


def test_the_account_of_a_run_is_that_of_its_chunks() -> None:
    served = event("upstream_chunk", account="main-1")(continued())
    assert differences(served) == [], "an older process did not name it in the audit"
    place = EndSummary.__struct_fields__.index("account")

    def named(account: str) -> RecordedSession:
        run_id, run = next(iter(served.runs.items()))
        values = msgspec.json.decode(run.ended)
        values += [None] * (place - len(values)) + [account]
        changed = RecordedRun(run.asked, msgspec.json.encode(values).decode())
        return replace(served, runs=served.runs | {run_id: changed})

    assert differences(named("main-1")) == []
    assert keys(named("main-2")) == ["ended.account"]


def test_a_snapshot_that_cannot_be_read_is_found_and_the_log_is_read_all_the_same() -> None:
    session = replace(continued(), snapshot='{"v":99,"state":{}}')
    assert [(one.key, one.derived) for one in differences(session)] == [("read:snapshot", "newer")]


def test_a_trimmed_log_is_read_from_its_snapshot_on() -> None:
    session = continued()
    second = place_of(session, "request", -1)
    part = replace(session, entries=session.entries[:second], snapshot=None, covered=0)
    kept = with_state(part)
    trimmed = replace(
        session, entries=session.entries[2:], snapshot=kept.snapshot, covered=second - 2, is_trimmed=True
    )
    assert differences(trimmed) == []
    assert keys(event("end", -1, frames=99)(trimmed)) == ["end.frames", "ended.frames"]
    assert differences(replace(trimmed, snapshot=None)) == [], "nothing is left from which it could be folded"


def test_what_was_lost_from_a_log_is_not_asked_for() -> None:
    session = with_gap(continued())
    assert differences(session) == []


def with_gap(session: RecordedSession) -> RecordedSession:
    """The finish of the first run was lost, and the log says so."""
    at = place_of(session, "end")
    gap = RecordedEntry("session", "1", '{"word":"gap","why":"spool_full","count":1}')
    entries = (*session.entries[: at - 1], gap, *session.entries[at:])
    return replace(session, entries=entries, snapshot=None, covered=0)


def test_a_run_in_a_runtime_is_neither_fresh_nor_continued() -> None:
    session = replace(continued(), snapshot=None, covered=0)
    assert keys(event("request", resolution="runtime")(session)) == ["end.context"]


def test_a_run_without_an_audit_entry_and_a_damaged_one_are_left_to_the_audit() -> None:
    session = continued()
    assert differences(replace(session, runs={})) == []
    damaged = {run_id: RecordedRun("[", "[") for run_id in session.runs}
    assert differences(replace(session, runs=damaged)) == []


def test_events_of_an_older_version_are_compared_by_what_follows_from_them() -> None:
    found = [key for key, _, _ in keys_of(differences(continued(), TOMORROW))]
    assert found == ["ended.total_ms", "state.ended_ms"], "this version counts durations in other units"


def test_a_session_is_written_to_a_file_and_read_again() -> None:
    session = continued()
    assert decode_recorded(encode_recorded(session)) == session


def test_a_session_gets_the_state_that_this_build_folds_unless_it_has_one_or_cannot() -> None:
    session = continued()
    bare = replace(session, snapshot=None, covered=0)
    assert with_state(bare) == session
    assert with_state(session) is session
    trimmed = replace(bare, is_trimmed=True)
    assert with_state(trimmed) is trimmed
    for edit in (written("request", "request", data="{"), lost("request")):
        broken = edit(bare)
        assert with_state(broken) is broken
