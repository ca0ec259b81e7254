"""The one error tree: everything that a client can be told, with HTTP status and OpenAI's `type` and `code`.

Upstream faults are mapped once, in `mix2api.upstreams`; store faults once, in `mix2api.store`. What is not in
this tree is a fault of ours and becomes `adapter_error`.
"""

from typing import ClassVar, Final

from attrs import frozen

from mix2api.endings import ENDINGS, status_of
from mix2api.vocabulary import Channel, Detail, EndReason


@frozen
class ErrorBody:
    """The fields of OpenAI's error envelope (API reference, "Error codes")."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None


class ClientVisibleError(Exception):
    """An error with a defined answer: HTTP `status`, envelope, and the `end_reason` that it stands for."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None
    end_reason: ClassVar[EndReason] = EndReason.ADAPTER_ERROR

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.error_code = code if code is not None else type(self).code
        self.retry_after_s = retry_after_s

    def body(self) -> ErrorBody:
        """The envelope's fields."""
        return ErrorBody(message=self.message, type=self.type, code=self.error_code, param=self.param)


def _told(end_reason: EndReason) -> tuple[int, str, str]:
    """Status, type and code of a reason."""
    ending = ENDINGS[end_reason]
    return ending.status, ending.words.type, ending.words.code


class InvalidRequest(ClientVisibleError):
    """The request cannot be honoured as it is; `param` names the field (`messages[0].role`)."""

    end_reason = EndReason.INVALID_REQUEST
    status, type, code = _told(end_reason)


class ContextLengthExceeded(InvalidRequest):
    """The request is longer than the model's budget, even when it is trimmed; nothing was sent upstream."""

    code = "context_length_exceeded"
    end_reason = EndReason.BUDGET_REJECTED

    def __init__(self, message: str, *, param: str | None = None, used: int = 0) -> None:
        super().__init__(message, param=param)
        self.used = used
        """Tokens of input that cannot be left out."""


class PreviousResponseNotFound(InvalidRequest):
    """The response that a request goes on from cannot be gone on from: it says how to start again."""

    code = "previous_response_not_found"


class NotFound(InvalidRequest):
    """No such route or object."""

    status = 404
    code = "not_found"


class Conflict(InvalidRequest):
    """The object's state forbids what is asked: it is busy, or another version of it stands."""

    status = 409
    code = "conflict"

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, current: object = None
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.current = current
        """What stands, for the caller to go on from; None: nothing to show."""


class MethodNotAllowed(InvalidRequest):
    """The route exists, with other methods."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed
        """The methods for the `allow` header; none: whoever answers knows them."""


class RequestTimeout(InvalidRequest):
    """The client did not send its whole body within the limit."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(InvalidRequest):
    """The body is over `BODY_SIZE_LIMIT`."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaType(InvalidRequest):
    """The body is not JSON by its own declaration."""

    status = 415
    code = "unsupported_media_type"


class AuthenticationFailed(ClientVisibleError):
    """No credential, or not one of ours."""

    end_reason = EndReason.AUTH_ERROR
    status, type, code = _told(end_reason)


class Overloaded(ClientVisibleError):
    """One of our own limits; `detail` says which: 429 if too much came at once, else 503.

    The client may retry after `retry_after_s` seconds.
    """

    end_reason = EndReason.OVERLOADED
    status, type, code = _told(end_reason)

    def __init__(
        self,
        message: str,
        *,
        detail: Detail,
        retry_after_s: int = 1,
        worker_channel: Channel | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.detail = detail
        self.worker_channel = worker_channel
        """Of the workers that were to take the turn, where those are other processes."""
        self.status = status_of(self.end_reason, detail)


class StoreUnavailable(ClientVisibleError):
    """The event log cannot be written; nothing was accepted. Retry after `retry_after_s` seconds."""

    end_reason = EndReason.UNAVAILABLE
    status, type, code = _told(end_reason)

    def __init__(self, message: str = "the event log cannot be reached", *, retry_after_s: int = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class NoDescriptor(StoreUnavailable):
    """The event log cannot be reached because this process has no file descriptor left: our own limit, not the store's."""

    type = Overloaded.type
    code = Overloaded.code
    end_reason = EndReason.OVERLOADED
    detail: Final = Detail.DESCRIPTORS

    def __init__(self) -> None:
        super().__init__("this process has no file descriptor left; try again")


class AdapterError(ClientVisibleError):
    """A fault of ours."""

    code = "adapter_error"


class ConfigurationError(Exception):
    """A setting or the environment is wrong: one line that says what to do; the command exits with 2."""


class StoreUnreachable(ConfigurationError):
    """Redis did not answer when a process or a command opened the store: it is away, or `REDIS_URL` is wrong."""
