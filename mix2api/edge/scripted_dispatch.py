"""A `Dispatch` whose runs say what they are told to say: for tests of the edge, and for measuring it alone."""

import math
from collections.abc import Sequence

import trio

from mix2api.errors import ClientVisibleError
from mix2api.events.edge_times import EdgeTimes
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import Reply, Submission
from mix2api.vocabulary import Detail, EndReason, Receipt


class ScriptedRun:
    """One submitted turn, seen from the worker's side."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.aborts: list[Detail] = []
        self.receipts: list[Receipt] = []
        self.told: EndReason | None = None
        """The reason that the receipt names."""
        self.times: EdgeTimes | None = None
        """The times that the receipt brings."""
        self.replies = ReplyBuffer()
        self._aborted = trio.Event()
        self._settled = trio.Event()

    def reader(self) -> ReplyReader:
        """What the edge is given."""
        return ReplyReader(self.replies, self._abort, self._settle)

    def say(self, *replies: Reply) -> None:
        """Gives replies to the edge."""
        self.replies.put(list(replies))

    async def wait_aborted(self) -> Detail:
        """Waits until the edge has given up; the first word counts."""
        await self._aborted.wait()
        return self.aborts[0]

    async def wait_settled(self) -> Receipt:
        """Waits for the receipt."""
        await self._settled.wait()
        return self.receipts[0]

    def _abort(self, detail: Detail) -> None:
        self.aborts.append(detail)
        self._aborted.set()

    def _settle(self, receipt: Receipt, told: EndReason | None, times: EdgeTimes | None) -> None:
        self.receipts.append(receipt)
        self.told = told
        self.times = times
        self._settled.set()


class ScriptedDispatch:
    """Answers every turn with the same replies, or refuses it.

    Args:
        replies: what each run says at once; more may follow by `ScriptedRun.say`.
        refusal: raised instead.
        keep: remember the runs for `next_run`; a load test does not.
    """

    def __init__(
        self, replies: Sequence[Reply] = (), *, refusal: ClientVisibleError | None = None, keep: bool = True
    ) -> None:
        self._replies = list(replies)
        self._refusal = refusal
        self._keep = keep
        # Unbounded: a test that submits must never wait for the one that looks.
        self._arrive, self._arrived = trio.open_memory_channel[ScriptedRun](math.inf)

    async def submit(self, submission: Submission) -> ReplyReader:
        """Takes a turn.

        Raises:
            ClientVisibleError: the configured refusal.
        """
        if self._refusal is not None:
            raise self._refusal
        run = ScriptedRun(submission)
        if self._replies:
            run.say(*self._replies)
        if self._keep:
            self._arrive.send_nowait(run)
        return run.reader()

    async def next_run(self) -> ScriptedRun:
        """The next turn that was submitted, in order."""
        return await self._arrived.receive()

    @property
    def waiting(self) -> int:
        """Turns that were submitted and not looked at."""
        return self._arrived.statistics().current_buffer_used
