"""Every recording of the real `ai` package, versions 5 to 7, through splitter, frames and transcript."""

import pytest
from upstreams.mix.recorded import CASES, RECORDINGS, VERSIONS, expected, recording

from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.port import UpstreamEvent, UpstreamFault
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire.sse_frames import SseFrames

ENDINGS = (b'"type":"finish"', b'"type":"error"', b'"type":"abort"')


def read(*pieces: bytes) -> tuple[list[UpstreamEvent], UpstreamFault | None]:
    """Events and fault of a body that comes in pieces and then ends."""
    frames, transcript = SseFrames(), Transcript(200, session_known=False)
    events: list[UpstreamEvent] = []
    for piece in pieces:
        events += transcript.add(frames.feed(piece))
    if not transcript.done:
        events += transcript.add(frames.end())
        transcript.body_ended()
    return events, transcript.fault


def test_every_recording_has_an_expectation() -> None:
    for folder in VERSIONS.values():
        assert {path.stem for path in folder.glob("*.txt")} == set(RECORDINGS)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_recording_says_what_was_written_down_by_hand(version: str, name: str) -> None:
    assert read(recording(version, name)) == (expected(version, name), None)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_recording_cut_in_two_at_any_byte_says_the_same(version: str, name: str) -> None:
    body = recording(version, name)
    for cut in range(len(body)):
        assert read(body[:cut], body[cut:]) == (expected(version, name), None), cut


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_recording_byte_by_byte_says_the_same(version: str, name: str) -> None:
    body = recording(version, name)
    assert read(*(body[at : at + 1] for at in range(len(body)))) == (expected(version, name), None)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_recording_with_carriage_returns_says_the_same(version: str, name: str) -> None:
    assert read(recording(version, name).replace(b"\n", b"\r\n")) == (expected(version, name), None)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_recording_that_breaks_off_before_its_ending_is_truncated(version: str, name: str) -> None:
    body = recording(version, name)
    ending = min(at for word in ENDINGS if (at := body.find(word)) >= 0)
    # The frame counts once its line is whole; its blank line may be missing.
    first_whole = body.index(b"\n", ending) + 1
    whole = expected(version, name)
    for cut in range(len(body)):
        events, fault = read(body[:cut])
        assert events == whole[: len(events)]
        if cut >= first_whole:
            assert fault is None, cut
        else:
            assert fault is not None, cut
            assert (fault.end_reason, fault.detail) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED)
            assert fault.taken
