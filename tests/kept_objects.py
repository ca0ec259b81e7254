"""What of finished requests is still in memory: objects that hold content, and exceptions that hold frames.

Only objects that nobody refers to any more are gone without the garbage collector, so a test switches it off first:
what is found afterwards is either referred to or part of a cycle.
"""

import gc
from collections import Counter
from types import AsyncGeneratorType, CoroutineType, FrameType, TracebackType
from typing import Any

from quart import Response

from mix2api.actors.run import Run
from mix2api.actors.translation import Translation
from mix2api.actors.turns import PendingTurn
from mix2api.edge.api_form import SubmittedRun
from mix2api.edge.bodies import RequestBody
from mix2api.edge.client_socket import ClientSocket
from mix2api.edge.connection import Connection
from mix2api.edge.delivery import Delivery
from mix2api.edge.rendering import StreamRenderer
from mix2api.edge.request import EdgeRequest
from mix2api.edge.request_head import RequestHead
from mix2api.edge.responses import ResponseRenderer
from mix2api.relay.messages import RelayedTurn
from mix2api.replies import ReplyBuffer
from mix2api.sessions.worker_port import Submission
from mix2api.upstreams.http.exchange import Exchange
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.port import UpstreamCall
from mix2api.upstreams.site_upstream import SiteStream
from mix2api.wire.chat_answer import ChunkWriter, WholeAnswer
from mix2api.wire.responses_answer import WholeResponse
from mix2api.wire.responses_stream import ResponseWriter
from mix2api.wire.turn import Message, Turn

HOLDERS: tuple[type[Any], ...] = (
    ChunkWriter,
    ClientSocket,
    Connection,
    Delivery,
    EdgeRequest,
    Exchange,
    HttpRequest,
    Message,
    SiteStream,
    PendingTurn,
    RelayedTurn,
    ReplyBuffer,
    RequestBody,
    RequestHead,
    Response,
    Run,
    StreamRenderer,
    SubmittedRun,
    ResponseRenderer,
    ResponseWriter,
    WholeResponse,
    Submission,
    Translation,
    Turn,
    UpstreamCall,
    WholeAnswer,
)
"""The types of ours, and of the libraries under us, that a request's or an answer's content passes through."""
_HOLDERS = frozenset(HOLDERS)
_FRAMED: tuple[type[Any], ...] = (BaseException, TracebackType, FrameType, CoroutineType, AsyncGeneratorType)
"""What refers to the variables of functions."""
_SHORT = 64
"""Characters: names and paths of a route's matcher, which makes a small cycle for every request, are shorter."""


def kept() -> Counter[str]:
    """How many objects there are of each of these types, and exceptions that hold frames."""
    tracked = gc.get_objects()
    # A struct of strings alone is not tracked by the collector: it is found where a tracked object refers to it.
    untracked = {id(each): each for each in gc.get_referents(*tracked) if type(each) is Message}
    # By the type itself: `isinstance` takes seconds for the million objects of a process, and none of ours is subclassed.
    found = Counter(type(each).__name__ for each in tracked if type(each) in _HOLDERS)
    found.update(type(each).__name__ for each in untracked.values() if not gc.is_tracked(each))
    found.update(
        type(each).__name__
        for each in tracked
        if isinstance(each, BaseException) and each.__traceback__ is not None
    )
    return found


def left_to_the_collector() -> list[str]:
    """Of the objects that only the collector can free, those that hold content; collects them all.

    The types that hold content, whatever refers to frames (exceptions, coroutines), and text of some length.
    """
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        found = [type(each).__name__ for each in gc.garbage if isinstance(each, (*HOLDERS, *_FRAMED))]
        found += [
            f"{type(each).__name__} of {type(holder).__name__}"
            for holder in gc.garbage
            for each in gc.get_referents(holder)
            if isinstance(each, (str, bytes, bytearray)) and len(each) > _SHORT
            if not type(holder).__module__.startswith(
                "redis."
            )  # its buffer for the handshake of a connection
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()
    return found
