"""`mix2api release record`: writes the sessions of the last day into a file, for the replay gate of another build. No content."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import trio
from attrs import define, field

from mix2api.cli.gated_server import gated_server
from mix2api.cli.pack import MODEL, new_mark
from mix2api.cli.reading import read_store
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.errors import ConfigurationError
from mix2api.packs.case import ToolForm
from mix2api.packs.recorded_answers import record_answers
from mix2api.packs.recorded_logs import of_each_way
from mix2api.packs.recorded_site import recorded_site
from mix2api.packs.running import Plan, run_cases
from mix2api.packs.table import CASES
from mix2api.process.storing import store_options
from mix2api.release.recorded_session import RecordedSession, encode_recorded, with_state
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.opening import open_store
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

SESSIONS: Final = 20_000
"""Read at most: a minute of one core."""


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command.

    Raises:
        ConfigurationError: the file cannot be written.
        StoreUnavailable: Redis does not answer.
    """
    if arguments.answers:
        lines, what = trio.run(_answers), "answers"
    elif arguments.packs:
        lines, what = list(map(encode_recorded, trio.run(_of_packs))), "sessions"
    else:
        recording = _Recording()
        read_store(settings, "release", recording.read)
        lines, what = list(map(encode_recorded, recording.sessions)), "sessions"
    try:
        arguments.out.write_bytes(b"".join(line + b"\n" for line in lines))
    except OSError as fault:
        raise ConfigurationError(f"--out: it cannot be written ({fault.strerror})") from None
    print(f"{len(lines)} {what} in {arguments.out}")
    return 0


@define
class _Recording:
    """Sessions read from a store."""

    sessions: list[RecordedSession] = field(factory=list)

    async def read(self, store: Store) -> int:
        """Reads those of the last day."""
        async for session in store.recorded.of_window(DAY_MS, SESSIONS):
            self.sessions.append(with_state(session))
        if store.recorded.left_out:
            print(f"{store.recorded.left_out} runs of other sessions were left out", file=sys.stderr)
        return 0

    async def read_at(self, settings: Settings) -> None:
        """Reads those of a server's store."""
        async with open_store(store_options(settings, "release")) as store:
            await self.read(store)


async def _of_packs() -> list[RecordedSession]:
    recording = _Recording()
    with TemporaryDirectory(prefix="record-") as folder:
        log = Path(folder) / "server.log"
        for form in ToolForm:
            cases = tuple(case for case in CASES if case.tools in {None, form})
            async with gated_server(form, Channel.STABLE, log, recording.read_at) as target:
                plan = Plan(
                    target=target, cases=cases, model=MODEL, demo=True, ours=True, tools=form, mark=new_mark()
                )
                await run_cases(plan)
    return list(of_each_way(recording.sessions))


async def _answers() -> list[bytes]:
    """The demo corpus through this build, against a demo site whose answers are kept."""
    lines = []
    with TemporaryDirectory(prefix="record-") as folder:
        async with trio.open_nursery() as nursery:
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            async with (
                recorded_site(demo.url) as site,
                gated_server(
                    ToolForm.NATIVE, Channel.STABLE, Path(folder) / "server.log", site_url=site.url
                ) as target,
            ):
                lines = [msgspec.json.encode(one) async for one in record_answers(target, site)]
            nursery.cancel_scope.cancel()
    return lines
