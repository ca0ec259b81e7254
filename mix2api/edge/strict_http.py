"""h11, more lenient where RFC 9112 asks for it, and stricter where two servers could read one request differently.

h11 refuses empty lines before a request and anything after the last one, which are to be ignored (2.2, 9.6). It takes bare
and folded line ends (2.2, 5.2), and bounds only heads that are not whole yet.
"""

import re
from typing import Final

import h11

_FIELDS_MAX: Final = 256
"""Header fields of a request: more than twice what agents behind two proxies send (some 40 to 100)."""
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""A line that ends in LF alone, or that a fold continues: two servers may cut such a head differently (RFC 9112, 2.2, 5.2)."""
_END: Final = b"\r\n\r\n"
"""Of a chunked body. With another one, a server that looks for this goes on into the next request."""
_EMPTY_LINES: Final = b"\r\n"
_BAD_REQUEST: Final = 400


class StrictHttp(h11.Connection):
    """h11's server side.

    Args:
        head_bytes: that a head may have.
    """

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=head_bytes)
        self._head_bytes = head_bytes
        self._is_chunked = False
        self._recent = b""
        """The end of what came: all that is not taken yet, and four bytes of what is."""
        self.is_loose = False
        """The head of the last request has lines that two servers may cut differently."""
        self.is_too_long = False
        """It has too many bytes or fields. h11 itself bounds only heads that are not whole yet."""

    def receive_data(self, data: bytes) -> None:
        """What came; there is no end of it here, for that is the connection's."""
        if self.their_state is h11.IDLE and not self.trailing_data[0]:
            data = data.lstrip(_EMPTY_LINES)
        if data and self.their_state is not h11.MUST_CLOSE:
            self._recent = self._recent[-(len(self.trailing_data[0]) + len(_END)) :] + data
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next thing that the client said.

        Raises:
            h11.RemoteProtocolError: it is not well-formed; nor is what ends a chunked body by LF alone.
        """
        if self.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA
        try:
            return self._strict_event()
        except h11.RemoteProtocolError as fault:
            # h11 raises such a fault from one of its own methods: the fault refers to a frame that refers to the fault.
            raise fault.with_traceback(None) from None

    def _strict_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        # Only before a head: a body of many small chunks would be copied at every one of them.
        before = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._judge(event, before[: len(before) - len(self.trailing_data[0])])
        elif isinstance(event, h11.EndOfMessage):
            self._check_end()
        return event

    def _check_end(self) -> None:
        rest = self.trailing_data[0]
        recent, self._recent = self._recent, rest  # an idle connection keeps nothing of the last request
        was_chunked, self._is_chunked = self._is_chunked, False
        if was_chunked and not recent.endswith(_END, 0, len(recent) - len(rest)):
            raise h11.RemoteProtocolError("line ends in the trailer", error_status_hint=_BAD_REQUEST)

    def _judge(self, request: h11.Request, head: bytes) -> None:
        self._is_chunked = any(name == b"transfer-encoding" for name, _ in request.headers)
        self.is_loose = _BARE_LINE_END.search(head) is not None
        self.is_too_long = len(head) > self._head_bytes or len(request.headers) > _FIELDS_MAX

    def rest(self) -> "StrictHttp":
        """A connection that goes on behind the empty lines that stand before the next request; itself, if there are none."""
        ahead, _ = self.trailing_data
        if not ahead.startswith((b"\r", b"\n")):
            return self
        fresh = StrictHttp(self._head_bytes)
        fresh.receive_data(ahead)
        return fresh

    @property
    def has_begun(self) -> bool:
        """Whether something of a head is there that is not whole."""
        return self.their_state is h11.IDLE and bool(self.trailing_data[0])
