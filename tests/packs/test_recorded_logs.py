"""Which of many sessions the last release keeps: some for each way in which they went."""

from msgspec.structs import replace

from mix2api.packs.recorded_logs import of_each_way, recorded_logs
from mix2api.release.recorded_session import RecordedSession


def again(session: RecordedSession, number: int) -> RecordedSession:
    return replace(session, session=f"{session.session}-{number}")


def test_two_sessions_of_each_way_are_kept() -> None:
    first, second = next(
        (one, other)
        for one in recorded_logs()
        for other in recorded_logs()
        if len(one.runs) == 1 and len(other.runs) == 2
    )
    sessions = [again(session, number) for number in range(4) for session in (first, second)]
    assert list(of_each_way(sessions)) == sessions[:4]


def test_the_recorded_sessions_are_as_few_as_their_ways_allow() -> None:
    assert list(of_each_way(recorded_logs())) == recorded_logs()
