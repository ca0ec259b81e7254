"""What happened in a simulated run, in order: for whoever looks for the cause, and for the proof that a seed replays."""

import hashlib
from typing import Any

import trio
from attrs import define, field


@define(eq=False)
class Trace:
    """Lines with virtual time, who and what.

    Args:
        is_shown: whether lines are printed as they come.
    """

    is_shown: bool = False
    lines: list[str] = field(factory=list)
    logged: list[tuple[str, dict[str, Any]]] = field(factory=list)
    """The processes' own log lines."""

    def note(self, who: str, what: str) -> None:
        line = f"{trio.current_time():10.4f} {who:10} {what}"
        self.lines.append(line)
        if self.is_shown:
            print(line)

    def log(self, who: str, line: dict[str, Any]) -> None:
        self.logged.append((who, line))
        self.note(who, " ".join(f"{name}={value}" for name, value in line.items()))

    def digest(self, carried: bytes) -> str:
        """Of all lines and all that was carried."""
        return hashlib.blake2b("\n".join(self.lines).encode() + carried, digest_size=16).hexdigest()
