"""Two versions of the code over one log: what each writes, reads and cannot read."""

import pytest
from event_strategies import events
from hypothesis import given
from schemas import TODAY, TOMORROW
from store_parts import end, new_run

from mix2api.events.codec import Encoded, UnreadableEvent, decode, encode
from mix2api.events.kinds import KINDS, End, Event
from mix2api.events.versions import CURRENT, SNAPSHOT, Schema, unchanged

END = end(new_run(), 40)


def read(entry: Encoded, schema: Schema) -> Event:
    return decode(entry.kind, entry.version, entry.data, schema)


@given(events)
def test_tomorrow_s_own_entries_come_back_as_they_were(event: Event) -> None:
    assert read(encode(event, None, TOMORROW), TOMORROW) == event


@given(events)
def test_today_s_entries_are_read_tomorrow(event: Event) -> None:
    raised = read(encode(event, None, TODAY), TOMORROW)
    if isinstance(event, End) and isinstance(raised, End):
        assert raised.total_ms == 2 * event.total_ms
    else:
        assert raised == event


@given(events)
def test_what_tomorrow_writes_for_today_is_read_today(event: Event) -> None:
    entry = encode(event, TODAY.version, TOMORROW)
    assert entry.version == b"%d" % TODAY.version
    lowered = read(entry, TODAY)
    if isinstance(event, End) and isinstance(lowered, End):
        assert lowered.total_ms == event.total_ms // 2
    else:
        assert lowered == event


def test_what_tomorrow_writes_for_today_is_whole_when_tomorrow_reads_it() -> None:
    assert read(encode(END, TODAY.version, TOMORROW), TOMORROW) == END


def test_the_newest_version_needs_no_cast() -> None:
    assert encode(END, TOMORROW.version, TOMORROW) == encode(END, None, TOMORROW)


def test_what_tomorrow_writes_for_itself_is_a_miss_today() -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        read(encode(END, None, TOMORROW), TODAY)
    assert unreadable.value.why == "newer"


def test_several_steps_are_taken_one_by_one() -> None:
    def step(number: int) -> dict[tuple[str, int], object]:
        return {("end", number): lambda fields: fields | {"total_ms": fields["total_ms"] * 10 + number}}

    steps = step(1) | step(2)
    schema = Schema(version=3, upcasts=steps, downcasts=steps)  # type: ignore[arg-type]
    assert schema.raised("end", {"total_ms": 0}, 1) == {"total_ms": 12}
    assert schema.raised("end", {"total_ms": 0}, 2) == {"total_ms": 2}
    assert schema.raised("end", {"total_ms": 0}, 3) == {"total_ms": 0}
    assert schema.lowered("end", {"total_ms": 0}, 1) == {"total_ms": 21}


def test_a_version_that_never_was_cannot_be_read() -> None:
    for version in (b"0", b"-1"):
        with pytest.raises(UnreadableEvent) as unreadable:
            decode(b"end", version, encode(END).data, TOMORROW)
        assert unreadable.value.why == "damaged"


@pytest.mark.parametrize(
    ("read_by_others", "written"),
    [((), 3), ((3, 3), 3), ((4,), 3), ((3, 2, 4), 2), ((1, 2), 1)],
)
def test_the_version_written_is_the_highest_that_all_read(
    read_by_others: tuple[int, ...], written: int
) -> None:
    assert Schema(version=3, upcasts={}, downcasts={}).to_write(read_by_others) == written


@pytest.mark.parametrize("schema", [CURRENT, TOMORROW])
def test_the_tables_have_a_row_for_every_kind_and_step(schema: Schema) -> None:
    rows = {(kind, version) for kind in (*KINDS, SNAPSHOT) for version in range(1, schema.version)}
    assert set(schema.upcasts) == set(schema.downcasts) == rows


def test_a_kind_that_stays_as_it_was_is_the_same_object() -> None:
    fields = {"a": 1}
    assert unchanged(fields) is fields
