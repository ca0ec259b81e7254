"""The crash matrix as data: where a process dies, and what must be true afterwards.

A process dies at a *point*: the moment in which it sends certain bytes on one of its connections. They do not arrive
(`BEFORE`), or they arrive and nothing comes back any more (`AFTER`). From outside, a process that dies with an
acknowledgement unread and one that dies having read it are the same, so that two moments cover all rows.

Two rows of the plan have no cell of their own. A command is deleted by the script that appends its run's `end`, so that no
process can die between the two. A continued turn takes its session from the lineage before its `request`: a death in
between leaves what `TAKEN` says.
"""

from enum import StrEnum
from typing import Final

from attrs import frozen
from client_views import Sight

from mix2api.vocabulary import Detail, EndReason

ENDLESS: Final = "[[chunks:100000]][[pace:20]]"


class Link(StrEnum):
    """A connection of a process, by what is at its other end."""

    STORE = "store"
    SITE = "site"
    CLIENT = "client"


class Half(StrEnum):
    """A process, by what it does for the request."""

    SERVE = "serve"
    """Edge and worker in one: the memory path."""
    EDGE = "edge"
    WORKER = "worker"
    """The one that runs the turn. Another one survives, in every cell."""


class Moment(StrEnum):
    """When the process dies, seen from the bytes of the point."""

    BEFORE = "before"
    AFTER = "after"


class Fate(StrEnum):
    """What happens to the processes of a cell."""

    KILLED = "killed"
    PAUSED = "paused past its lease"
    STORE_AWAY = "its store is away for a while"


@frozen
class Point:
    """A moment in the life of a request."""

    by: Half
    """Who sends the bytes."""
    link: Link
    mark: bytes
    moment: Moment


@frozen
class Run:
    """What the log holds of one run in the end."""

    log: str
    """The kinds of its events in order, each once; a chunk's kind stands for the chunk."""
    end_reason: EndReason
    detail: Detail | None = None


@frozen(kw_only=True)
class Cell:
    """One row of the matrix, for one choice of processes."""

    row: str
    """In the words of the plan."""
    point: Point
    dies: tuple[Half, ...]
    runs: tuple[Run, ...] = ()
    """Those of the request, in order."""
    sight: Sight = Sight.CUT
    """What its client sees; `CUT`: its edge died."""
    prompt: str = ENDLESS
    leaves: bool = False
    """Whether the client hangs up once it has something of the answer."""
    continues: bool = False
    """Whether the request continues a session."""
    window_ms: int = 100
    """`MIX2API_CHUNK_WINDOW_MS`: a long one keeps deltas out of the log, a short one costs a look at each of its ends."""
    fate: Fate = Fate.KILLED

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{'+'.join(self.dies)}: {self.row}"


SHORT: Final = "[[chunks:3]][[pace:100]]"
"""So slow that what came before is in the log before the `end` is."""
HANGING: Final = "[[hang]]"
ONCE_HANGING: Final = "[[hang]] [[once:a death]] hello"
UNLOGGED_MS: Final = 60_000
"""A window that no run of a cell lives through."""


def _appending(by: Half, kind: bytes, moment: Moment = Moment.AFTER) -> Point:
    """The event of that kind is on its way to the log."""
    return Point(by, Link.STORE, kind, moment)


REQUEST: Final = b"\r\nrequest\r\n"
OPEN: Final = b'"kind":"open"'
TEXT: Final = b'"kind":"text"'
CAUSE: Final = b'"cause":"client_abort"'
END: Final = b"\r\nend\r\n"
CALLED: Final = SHORT.encode()
"""To the site, which is called once the `request` is acknowledged. When the `request` has left, its acknowledgement may be lost."""
CONTENT: Final = b'"content":"'
DONE: Final = b"data: [DONE]"
INBOX: Final = b":inbox"

LATER: Final = b"-00005"
"""Content by which the log has had time for the call's `open`: the site takes a tenth of a second for it."""

_RECOVERED: Final = "session cause end"
"""What recovery adds: the session is retired, for nobody knows what the site holds."""


def _lost(log: str, detail: Detail) -> Run:
    """A run that recovery ended."""
    return Run(f"{log} {_RECOVERED}", EndReason.WORKER_LOST, detail)


_BEFORE_UPSTREAM: Final = _lost("request", Detail.BEFORE_UPSTREAM)
_BEFORE_OUTPUT: Final = _lost("request open", Detail.BEFORE_OUTPUT)
_UNLOGGED: Final = _BEFORE_OUTPUT
"""What the log does not know is not claimed. The site's ids wait for company, as deltas do."""
_MID_STREAM: Final = _lost("request open start text", Detail.MID_STREAM)
_STOPPED: Final = Run("request open start text finish end", EndReason.STOP)
_ABORTED: Final = Run("request open start text cause end session", EndReason.CLIENT_ABORT, Detail.HUNG_UP)

MEMORY: Final = (
    Cell(
        row="lineage entry taken, `request` not appended",
        point=_appending(Half.SERVE, REQUEST, Moment.BEFORE),
        dies=(Half.SERVE,),
        continues=True,
    ),
    Cell(
        row="`request` acknowledged, upstream not called",
        point=_appending(Half.SERVE, REQUEST),
        dies=(Half.SERVE,),
        runs=(_BEFORE_UPSTREAM,),
    ),
    Cell(
        row="upstream called, no delta",
        point=_appending(Half.SERVE, OPEN),
        dies=(Half.SERVE,),
        runs=(_BEFORE_OUTPUT,),
        prompt=HANGING,
    ),
    Cell(
        row="deltas sent, chunks not yet logged",
        point=Point(Half.SERVE, Link.CLIENT, LATER, Moment.AFTER),
        dies=(Half.SERVE,),
        runs=(_UNLOGGED,),
        window_ms=UNLOGGED_MS,
    ),
    Cell(
        row="chunks logged",
        point=_appending(Half.SERVE, TEXT),
        dies=(Half.SERVE,),
        runs=(_MID_STREAM,),
    ),
    Cell(
        row="`end` in flight, and lost",
        point=_appending(Half.SERVE, END, Moment.BEFORE),
        dies=(Half.SERVE,),
        runs=(_MID_STREAM,),
        prompt=SHORT,
    ),
    Cell(
        row="`end` acknowledged, ending not sent",
        point=_appending(Half.SERVE, END),
        dies=(Half.SERVE,),
        runs=(_STOPPED,),
        prompt=SHORT,
    ),
    Cell(
        row="ending sent, receipt not written",
        point=Point(Half.SERVE, Link.CLIENT, DONE, Moment.AFTER),
        dies=(Half.SERVE,),
        runs=(_STOPPED,),
        sight=Sight.FINISH,
        prompt=SHORT,
    ),
    Cell(
        row="client's abort seen, `end` not durable",
        point=_appending(Half.SERVE, CAUSE),
        dies=(Half.SERVE,),
        runs=(_ABORTED,),
        sight=Sight.LEFT,
        leaves=True,
    ),
)

AWAY: Final = tuple(
    Cell(
        row=f"Redis away {when}",
        point=point,
        dies=(Half.SERVE,),
        runs=(run,),
        sight=Sight.FINISH,
        prompt=SHORT,
        fate=Fate.STORE_AWAY,
    )
    for when, point, run in (
        ("once the `request` is in the log", Point(Half.SERVE, Link.SITE, CALLED, Moment.AFTER), _STOPPED),
        ("mid-stream", _appending(Half.SERVE, TEXT), _STOPPED),
        ("when the `end` is to be written", _appending(Half.SERVE, END, Moment.BEFORE), _STOPPED),
        ("before the `end` is acknowledged", _appending(Half.SERVE, END), _STOPPED),
    )
)

_AT_WORKER: Final = (Half.WORKER,)
_AT_EDGE: Final = (Half.EDGE,)
_AT_BOTH: Final = (Half.EDGE, Half.WORKER)
_AGAIN: Final = _STOPPED
"""Attempt 2 on a fresh session."""
_UNANSWERED: Final = Run("request open cause end session", EndReason.WORKER_LOST, Detail.EDGE_LOST)
"""The worker goes on until it knows that nobody is left to take the answer."""
_EDGE_LOST: Final = Run("request open start text cause end session", EndReason.WORKER_LOST, Detail.EDGE_LOST)

INBOX: Final = (
    Cell(
        row="command appended, nobody has read it",
        point=_appending(Half.EDGE, INBOX),
        dies=_AT_EDGE,
        runs=(_EDGE_LOST,),  # the owner's wake-up came with it
    ),
    Cell(
        row="command read, `request` not appended",
        point=_appending(Half.WORKER, REQUEST, Moment.BEFORE),
        dies=_AT_BOTH,
        runs=(_EDGE_LOST,),
    ),
    Cell(
        row="command read, `request` not appended",
        point=_appending(Half.WORKER, REQUEST, Moment.BEFORE),
        dies=_AT_WORKER,
        runs=(_STOPPED,),
        sight=Sight.FINISH,
        prompt=SHORT,
    ),
    Cell(
        row="`request` acknowledged, upstream not called",
        point=_appending(Half.WORKER, REQUEST),
        dies=_AT_WORKER,
        runs=(_BEFORE_UPSTREAM, _AGAIN),
        sight=Sight.FINISH,
        prompt=SHORT,
    ),
    Cell(
        row="upstream called, no reply",
        point=_appending(Half.WORKER, OPEN),
        dies=_AT_WORKER,
        runs=(_BEFORE_OUTPUT, _AGAIN),
        sight=Sight.FINISH,
        prompt=ONCE_HANGING,
    ),
    Cell(
        row="replies sent, chunks not logged",
        point=Point(Half.EDGE, Link.CLIENT, LATER, Moment.AFTER),
        dies=_AT_WORKER,
        runs=(_UNLOGGED,),
        sight=Sight.FAILURE,
        window_ms=UNLOGGED_MS,
    ),
    Cell(
        row="chunks logged",
        point=_appending(Half.WORKER, TEXT),
        dies=_AT_WORKER,
        runs=(_MID_STREAM,),
        sight=Sight.FAILURE,
    ),
    Cell(
        row="`end` durable, terminal reply not sent",
        point=_appending(Half.WORKER, END),
        dies=_AT_WORKER,
        runs=(_STOPPED,),
        sight=Sight.FAILURE,
        prompt=SHORT,
    ),
    Cell(
        row="mid-stream, worker lives",
        point=Point(Half.EDGE, Link.CLIENT, LATER, Moment.AFTER),
        dies=_AT_EDGE,
        runs=(_EDGE_LOST,),
    ),
    Cell(
        row="paused past its lease, then continues",
        point=Point(Half.EDGE, Link.CLIENT, LATER, Moment.AFTER),
        dies=_AT_WORKER,
        runs=(_MID_STREAM,),
        sight=Sight.FAILURE,
        window_ms=20,
        fate=Fate.PAUSED,
    ),
    Cell(
        row="paused past its lease before any reply, then continues",
        point=_appending(Half.WORKER, OPEN),
        dies=_AT_WORKER,
        runs=(_BEFORE_OUTPUT, _AGAIN),
        sight=Sight.FINISH,
        prompt=ONCE_HANGING,
        fate=Fate.PAUSED,
    ),
    *(
        Cell(row=row, point=point, dies=dies, runs=(run,), prompt=prompt)
        for dies, row, point, prompt, run in (
            (_AT_EDGE, "`request` acknowledged", _appending(Half.WORKER, REQUEST), HANGING, _UNANSWERED),
            (_AT_EDGE, "chunks logged", _appending(Half.WORKER, TEXT), ENDLESS, _EDGE_LOST),
            (_AT_EDGE, "`end` durable", _appending(Half.WORKER, END), SHORT, _STOPPED),
            (_AT_BOTH, "`request` acknowledged", _appending(Half.WORKER, REQUEST), HANGING, _BEFORE_UPSTREAM),
            (_AT_BOTH, "upstream called", _appending(Half.WORKER, OPEN), HANGING, _BEFORE_OUTPUT),
            (_AT_BOTH, "chunks logged", _appending(Half.WORKER, TEXT), ENDLESS, _MID_STREAM),
            (_AT_BOTH, "`end` durable", _appending(Half.WORKER, END), SHORT, _STOPPED),
        )
    ),
)

CELLS: Final = (*MEMORY, *AWAY, *INBOX)
