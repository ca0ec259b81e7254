"""Where the body of a request ends: by its length, or by its last chunk. Sans-IO: what came in, payload out.

The reader is the one of answers (`mix2api.http_body`); here its verdicts become the edge's refusals.
"""

from mix2api.edge.request_head import HEAD_BYTES, HeadTooLong, NotHttp
from mix2api.http_body import ChunkedBody, SizedBody


class Framing:
    """A body under way.

    Args:
        length: bytes of the body; None: it comes in chunks.
    """

    __slots__ = ("_body", "is_whole")

    def __init__(self, length: int | None) -> None:
        self._body = (
            ChunkedBody(line_limit=HEAD_BYTES, trailer_limit=HEAD_BYTES)
            if length is None
            else SizedBody(length)
        )
        self.is_whole = self._body.done
        """Its last byte has come."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Takes what came; gives the payload in it, and what stands behind the body's end.

        Raises:
            NotHttp: it is not framed as the head says. A line that is too long is `HeadTooLong`.
        """
        body = self._body
        # Behind a mistake nothing has a frame to be read by: who reads on hears of the mistake again, and waits for nothing.
        payload = b"" if body.malformed else body.feed(data)
        if body.malformed:
            raise HeadTooLong if body.oversized else NotHttp
        self.is_whole = body.done
        return payload, body.surplus
