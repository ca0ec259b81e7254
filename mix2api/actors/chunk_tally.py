"""The upstream's frames as entries for the log: frames of one kind are counted together until another kind, or `flush`.

This is on the hot path: `count` is called for every delta.
"""

from typing import Any

from mix2api.events.kinds import ToolCall, UpstreamChunk
from mix2api.sessions.commands import RecordChunk, RecordToolCall
from mix2api.vocabulary import ChunkKind, RunId


class ChunkTally:
    """One run's frames."""

    def __init__(self, run_id: RunId) -> None:
        self._run_id = run_id
        self.commands: list[RecordChunk | RecordToolCall] = []
        """For the log, in order; the caller takes them away."""
        self.status: int | None = None
        """The upstream's, until it has been told."""
        self.at_ms = 0
        """When the frames that are counted now came, milliseconds after the run began."""
        self._frame = 0
        self._skipped = 0
        self._kind: ChunkKind | None = None
        self._first_frame = 0
        self._last_frame = 0
        self._first_ms = 0
        self.untold_bytes = 0
        """UTF-8 bytes of the content that is counted now."""
        self.told_bytes = 0
        """UTF-8 bytes of the content in entries."""
        self.forced = 0
        """Entries that a frame of another kind, or one with an entry of its own, has made."""
        self.empty_frames = 0
        """Frames without content that made no entry."""

    @property
    def has_unlogged(self) -> bool:
        """Whether `flush` would add something."""
        return self._kind is not None

    def count(self, kind: ChunkKind, text: str) -> None:
        """A frame with this content."""
        if kind is not self._kind:
            self.forced += self._kind is not None
            self.flush()
            self._kind, self._first_frame, self._first_ms = kind, self._frame + 1, self.at_ms
        self._frame += 1
        self._last_frame = self._frame
        self.untold_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

    def skip(self, frames: int = 1) -> None:
        """Frames that say nothing to the client; told with the next entry."""
        self._frame += frames
        self._skipped += frames
        self.empty_frames += frames

    def hear(self) -> None:
        """A frame that is told with a later entry."""
        self._frame += 1
        self.empty_frames += 1

    def single(self, kind: ChunkKind, **facts: Any) -> None:
        """An entry of its own for one frame."""
        self.flush()
        self.forced += 1
        self._frame += 1
        self._chunk(kind, self._frame, self._frame, at_ms=self.at_ms, **facts)

    def tell_calls(self, calls: list[ToolCall]) -> None:
        """Entries for calls, behind the frames that they came in."""
        self.flush()
        self.commands += [RecordToolCall(call) for call in calls]

    def flush(self) -> None:
        """Puts the deltas counted so far into `commands`."""
        kind, self._kind = self._kind, None
        if kind is not None:
            self._chunk(
                kind, self._first_frame, self._last_frame, at_ms=self._first_ms, size_bytes=self.untold_bytes
            )
            self.told_bytes += self.untold_bytes
            self.untold_bytes = 0

    def _chunk(self, kind: ChunkKind, first_frame: int, last_frame: int, **facts: Any) -> None:
        chunk = UpstreamChunk(
            run_id=self._run_id,
            seq=0,
            kind=kind,
            first_frame=first_frame,
            last_frame=last_frame,
            frames=last_frame - first_frame + 1,
            upstream_status=self.status,
            skipped=self._skipped,
            **facts,
        )
        self.status = None
        self._skipped = 0
        self.commands.append(RecordChunk(chunk))
