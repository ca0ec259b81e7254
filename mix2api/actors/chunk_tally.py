"""The upstream's frames as entries for the log: frames of one kind are counted together until another kind, or `flush`.

This is on the hot path: `count` is called for every run of deltas in a batch. The bounds of what a site may send are kept here, where it is
counted (`mix2api.actors.site_bounds`).
"""

from collections.abc import Callable
from typing import Any

from mix2api.actors.site_bounds import ANSWER_BYTES, EMPTY_FRAMES_MAX, ENTRIES_MAX
from mix2api.events.kinds import UNNUMBERED, ToolCall, UpstreamChunk
from mix2api.sessions.commands import RecordChunk, RecordToolCall
from mix2api.vocabulary import ChunkKind, Detail, RunId


class ChunkTally:
    """One run's frames.

    Args:
        run_id: whose.
        at_ms: milliseconds since the run began. Asked once an entry, when its first frame has come.
        answer_bytes: UTF-8 bytes of content that the answer may have.
    """

    def __init__(self, run_id: RunId, at_ms: Callable[[], int], answer_bytes: int = ANSWER_BYTES) -> None:
        self._run_id = run_id
        self._at_ms = at_ms
        self._answer_bytes = answer_bytes
        self.commands: list[RecordChunk | RecordToolCall] = []
        """For the log, in order; the caller takes them away and leaves the list."""
        self.is_due = False
        """Whether `commands` has more than the site's ids. Nobody waits for those: they ride with what comes next, or `flush`."""
        self.status: int | None = None
        """The upstream's, until it has been told."""
        self.account: str | None = None
        """The account that serves the run, until it has been told."""
        self.account_why: str | None = None
        """Why that account."""
        self.kind: ChunkKind | None = None
        """Of the deltas that are counted now. None: `flush` has nothing to add."""
        self.content_bytes = 0
        """UTF-8 bytes of the content so far."""
        self.excess: Detail | None = None
        """The first bound that the site has passed."""
        self.runtime_tools = 0
        """Tools of its own that a runtime ran."""
        self._told_bytes = 0
        self._frame = 0
        self._skipped = 0
        self._first_frame = 0
        self._last_frame = 0
        self._first_ms = 0
        self._forced = 0
        self._empty_frames = 0

    def count(self, kind: ChunkKind, text: str, frames: int = 1) -> None:
        """Frames of one kind with this content between them."""
        if kind is not self.kind:
            if self.kind is not None:
                self._force()
                self.flush()
            self.kind, self._first_frame, self._first_ms = kind, self._frame + 1, self._at_ms()
        self._frame += frames
        self._last_frame = self._frame
        self.content_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if self.content_bytes > self._answer_bytes:
            self.excess = self.excess or Detail.TOO_LARGE

    def run_tool(self) -> None:
        """A runtime ran a tool of its own: that says nothing to the client."""
        self.runtime_tools += 1
        self.skip()

    def skip(self, frames: int = 1) -> None:
        """Frames that say nothing to the client; told with the next entry."""
        self.hear(frames, skipped=frames)

    def hear(self, frames: int = 1, *, skipped: int = 0) -> None:
        """Frames that are told of with a later entry; `skipped` of them say nothing to the client."""
        self._skipped += skipped
        self._frame += frames
        self._empty_frames += frames
        if self._empty_frames > EMPTY_FRAMES_MAX:
            self.excess = self.excess or Detail.TOO_MANY

    def pass_on(self, size_bytes: int) -> None:
        """Fields of the site's own that pass: they count as content, and are told with the next entry of it."""
        self._frame += 1
        self.content_bytes += size_bytes
        if self.content_bytes > self._answer_bytes:
            self.excess = self.excess or Detail.TOO_LARGE

    def single(self, kind: ChunkKind, **facts: Any) -> None:
        """An entry of its own for one frame."""
        self.flush()
        self._force()
        self._frame += 1
        self._enter(kind, self._frame, self._frame, at_ms=self._at_ms(), **facts)

    def tell_calls(self, calls: list[ToolCall]) -> None:
        """Entries for calls, behind the frames that they came in."""
        self.flush()
        self.commands += [RecordToolCall(call) for call in calls]
        self.is_due = True

    def flush(self) -> None:
        """Puts the deltas counted so far into `commands`."""
        kind, self.kind = self.kind, None
        if kind is not None:
            size_bytes, self._told_bytes = self.content_bytes - self._told_bytes, self.content_bytes
            self._enter(
                kind, self._first_frame, self._last_frame, at_ms=self._first_ms, size_bytes=size_bytes
            )

    def _force(self) -> None:
        """Notes an entry that a frame of another kind, or one with an entry of its own, has made."""
        self._forced += 1
        if self._forced > ENTRIES_MAX:
            self.excess = self.excess or Detail.TOO_MANY

    def _enter(self, kind: ChunkKind, first_frame: int, last_frame: int, **facts: Any) -> None:
        chunk = UpstreamChunk(
            run_id=self._run_id,
            seq=UNNUMBERED,
            kind=kind,
            first_frame=first_frame,
            last_frame=last_frame,
            frames=last_frame - first_frame + 1,
            upstream_status=self.status,
            skipped=self._skipped,
            account=self.account,
            account_why=self.account_why,
            **facts,
        )
        self.status = self.account = self.account_why = None
        self._skipped = 0
        self.commands.append(RecordChunk(chunk))
        self.is_due = self.is_due or kind is not ChunkKind.START


def is_longer(text: str | None, limit: int) -> bool:
    """Whether a foreign text has more UTF-8 bytes than the limit."""
    if text is None:
        return False
    return len(text) > limit or (not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > limit)
