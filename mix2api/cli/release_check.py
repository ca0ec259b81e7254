"""`mix2api release check`: the gate before the first step. Run it with the candidate's build, where the deployment's settings are.

The packs run against a server of this build. What the stable processes have written is read anew by this build, and each thing
that it makes otherwise is a difference. The release passes without a difference that nobody has signed.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import msgspec
import trio
from attrs import define, field
from msgspec import Struct

from mix2api import __version__
from mix2api.cli.gate import add_parser as add_gate_parser
from mix2api.cli.gate import judged
from mix2api.cli.gated_server import gated_server
from mix2api.cli.reading import read_store
from mix2api.cli.release_record import SESSIONS
from mix2api.cli.tables import stdout
from mix2api.errors import ConfigurationError
from mix2api.packs.case import ToolForm
from mix2api.packs.recorded_answers import compare_answers, recorded_answers
from mix2api.packs.recorded_logs import recorded_logs
from mix2api.packs.recorded_site import recorded_site
from mix2api.packs.recorded_traces import can_be_played, compare_traces
from mix2api.packs.verdict import line_of
from mix2api.projections.traces import Trace
from mix2api.release.differences import Difference, differences, keys_of
from mix2api.release.recorded_session import RecordedSession, decode_recorded
from mix2api.release.release import Pass, ReleaseState, StepRefused
from mix2api.release.stages import Stage
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

_REFUSED: Final = 1
_TRACES: Final = 500
"""The newest so many are read: a second of one core for each hundred that can be played."""
_EXAMPLES: Final = 3
"""Differences of one key that are printed and kept."""


class Signed(Struct, frozen=True, forbid_unknown_fields=True):
    """Differences that somebody has read and takes the responsibility for."""

    who: str
    why: str
    keys: tuple[str, ...]
    examples: dict[str, list[list[str]]] = {}
    """As the gate wrote them, for the reader."""


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command.

    Raises:
        ConfigurationError: a file cannot be read or written, or a signature lacks a name or a reason.
        StoreUnavailable: Redis does not answer.
    """
    out = stdout()
    signed = None if arguments.accept is None else _signed(arguments.accept)
    check = ReplayCheck(arguments.recording)
    if read_store(settings, "release", partial(check.read, out=out)):
        return _REFUSED
    # Of a stable endpoint the packs are evidence only: what it breaks itself is no reason against the candidate.
    if arguments.stable_url is not None:
        block, _ = judged(_gate("stable", arguments, "--base-url", arguments.stable_url, *_key(arguments)))
        print(f"stable: {line_of(block)}", file=out)
    block, folder = judged(_gate("canary", arguments))
    trio.run(partial(check.ask, folder.server_log))
    unsigned = check.unsigned(signed)
    (folder.path / "differences.json").write_bytes(check.to_sign())
    check.print(signed, out)
    print(f"evidence in {folder.path}", file=out)
    if block is not None or unsigned:
        why = (
            f"packs: {line_of(block)}" if block is not None else f"{len(unsigned)} differences are not signed"
        )
        print(f"check=BLOCK {why}", file=out)
        return _REFUSED
    evidence = f"{folder.path}" + ("" if signed is None else f", {len(signed.keys)} signed by {signed.who}")
    return read_store(settings, "release", partial(_passed, check.state, arguments, evidence, out))


def _key(arguments: argparse.Namespace) -> tuple[str, ...]:
    return ("--api-key", arguments.stable_key) if arguments.stable_key else ()


def _gate(channel: str, arguments: argparse.Namespace, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_gate_parser(parser.add_subparsers())
    return parser.parse_args(["gate", channel, "--out", str(arguments.out / channel), *words])


async def _passed(
    state: ReleaseState, arguments: argparse.Namespace, evidence: str, out: TextIO, store: Store
) -> int:
    command = Pass(
        at_ms=await store.release.now_ms(),
        who=arguments.who,
        why=arguments.why,
        release=state.release,
        evidence=evidence,
    )
    try:
        await store.release.apply(command)
    except StepRefused as fault:
        print(str(fault), file=out)
        return _REFUSED
    print("check=PASS", file=out)
    return 0


def _signed(path: Path) -> Signed:
    try:
        signed = msgspec.json.decode(path.read_bytes(), type=Signed)
    except (OSError, msgspec.MsgspecError) as fault:
        raise ConfigurationError(f"--accept: {path} cannot be read ({fault})") from None
    if not signed.who.strip() or not signed.why.strip():
        raise ConfigurationError(f"--accept: {path} needs a `who` and a `why`: it is a signature")
    return signed


@define
class ReplayCheck:
    """What this build makes of what was recorded.

    Args:
        recordings: files to be read beside the golden sessions and the store's.
    """

    _recordings: list[Path]
    state: ReleaseState = field(factory=ReleaseState, init=False)
    found: list[Difference] = field(factory=list, init=False)
    sessions: int = field(default=0, init=False)
    _traces: list[Trace] = field(factory=list, init=False)

    async def read(self, store: Store, out: TextIO) -> int:
        """Reads everything; 1 if the release is not this build's to check.

        Raises:
            ConfigurationError: a recording cannot be read.
            StoreUnavailable: Redis does not answer.
        """
        self.state = await store.release.read()
        if self.state.stage is not Stage.PLANNED:
            print(f"the release stands at {self.state.stage}: there is nothing to check", file=out)
            return _REFUSED
        if self.state.version != __version__:
            print(
                f"this build is {__version__}, and the release is of {self.state.version}: "
                "run the check with the candidate's build",
                file=out,
            )
            return _REFUSED
        recorded = [*recorded_logs(), *(one for path in self._recordings for one in _read(path))]
        for session in recorded:
            self.found += differences(session)
        own = 0
        async for session in store.recorded.of_window(DAY_MS, SESSIONS):
            self.found += differences(session)
            own += 1
        self.sessions = len(recorded) + own
        kept = [one for one in await store.traces.newest(_TRACES) if one.content is not None]
        self._traces = [one for one in kept if can_be_played(one)]
        left = store.recorded.left_out
        print(f"{len(recorded)} recorded sessions and {own} of the last day were read anew", file=out)
        if left:
            print(f"{left} runs of other sessions were left out", file=out)
        if kept:
            print(f"{len(self._traces)} of {len(kept)} traces with content can be played again", file=out)
        return 0

    async def ask(self, log: Path) -> None:
        """Asks the demo corpus, and what the traces have, of a server of this build, whose site says what was recorded."""
        recorded = recorded_answers()
        async with (
            recorded_site() as site,
            gated_server(ToolForm.NATIVE, Channel.CANARY, log, site_url=site.url) as target,
        ):
            self.found += await compare_answers(target, site, recorded)
            self.found += await compare_traces(target, site, self._traces)

    def unsigned(self, signed: Signed | None) -> list[str]:
        """The keys of differences that nobody has signed."""
        known = () if signed is None else signed.keys
        return [key for key, _, _ in keys_of(self.found) if key not in known]

    def to_sign(self) -> bytes:
        """What a person would sign: `who` and `why` are to be filled in."""
        examples: dict[str, list[list[str]]] = {}
        for one in self.found:
            kept = examples.setdefault(one.key, [])
            if len(kept) < _EXAMPLES:
                kept.append([one.session, one.at, one.recorded, one.derived])
        document = Signed(who="", why="", keys=tuple(examples), examples=examples)
        return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"

    def print(self, signed: Signed | None, out: TextIO) -> None:
        """Prints one line for each key."""
        unsigned = set(self.unsigned(signed))
        for key, count, first in keys_of(self.found):
            word = "not signed" if key in unsigned else "signed"
            print(
                f"difference {key} ({word}): {count}, first in {first.session} at {first.at}: "
                f"recorded {first.recorded}, this build {first.derived}",
                file=out,
            )
        for key in () if signed is None else signed.keys:
            if all(one.key != key for one in self.found):
                print(f"signed and not found: {key}", file=out)


def _read(path: Path) -> list[RecordedSession]:
    try:
        return [decode_recorded(line) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.MsgspecError) as fault:
        raise ConfigurationError(f"--recording: {path} cannot be read ({fault})") from None
