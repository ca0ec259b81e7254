"""The `Dispatch` port where edge and worker share a process: a turn is handed over in memory, content never leaves it."""

from mix2api.actors.environment import Environment
from mix2api.actors.turns import PendingTurn
from mix2api.actors.worker import Worker
from mix2api.sessions.worker_port import Replies, Submission


class MemoryDispatch:
    """Hands turns to the worker of this process."""

    def __init__(self, worker: Worker, environment: Environment) -> None:
        self._worker = worker
        self._env = environment

    async def submit(self, submission: Submission) -> Replies:
        """Hands a turn over; does not wait.

        Raises:
            mix2api.errors.Overloaded: this process takes no more.
        """
        turn = PendingTurn(
            submission=submission,
            deadline_ms=self._env.clock.monotonic_ms() + self._env.options.queue_timeout_s * 1000,
            log=self._env.log,
        )
        self._worker.submit(turn)
        return turn.reader()
