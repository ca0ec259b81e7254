"""Names as a test wants them resolved, in its run of trio only."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import trio


class Names(trio.abc.HostnameResolver):
    """A resolver that knows these names; each answer is used up but the last."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        await trio.lowlevel.checkpoint()
        answers = self.names.get(name)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_found(address, port) for address in addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def _found(address: str, port: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, port, 0, 0) if ":" in address else (address, port)
    return (family, socket.SOCK_STREAM, 6, "", place)


@contextmanager
def resolving(names: Mapping[str, Sequence[str]], *later: Mapping[str, Sequence[str]]) -> Iterator[Names]:
    """In this run of trio names are looked up here; what stands in `later` is answered at later times."""
    resolver = Names({name: [list(one[name]) for one in (names, *later) if name in one] for name in names})
    before = trio.socket.set_custom_hostname_resolver(resolver)
    try:
        yield resolver
    finally:
        trio.socket.set_custom_hostname_resolver(before)
