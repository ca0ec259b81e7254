"""Faults as the command line expects them: trio's nurseries wrap whatever comes out of them in groups."""

from collections.abc import Iterator
from contextlib import contextmanager

from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.redaction import leaves_of


@contextmanager
def plain_faults() -> Iterator[None]:
    """Raises in place of a group what in it has an exit code of its own; any other group stays what it is.

    Raises:
        ConfigurationError: with the lines of all that were in the group.
        StoreUnavailable: the first of the group.
        KeyboardInterrupt: there was one in the group.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(leaves_of(group))
        wrong = [str(fault) for fault in leaves if isinstance(fault, ConfigurationError)]
        if wrong:
            raise ConfigurationError("\n".join(wrong)) from None
        for fault in leaves:
            if isinstance(fault, StoreUnavailable | KeyboardInterrupt):
                raise fault from None
        raise


def why_of(group: BaseExceptionGroup[OSError]) -> str:
    """The system's words for the first fault of a group (`Address already in use`)."""
    return next(
        (fault.strerror for fault in leaves_of(group) if isinstance(fault, OSError) and fault.strerror), ""
    )
