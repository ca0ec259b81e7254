"""`mix2api gate`: whether a release passes, by evidence that is kept."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import trio
from attrs import evolve, frozen

from mix2api.cli.gate_folder import GateFolder
from mix2api.cli.gated_server import gated_server
from mix2api.cli.pack import MODEL, check_target, new_mark, print_result
from mix2api.clock import Clock, SystemClock
from mix2api.errors import ConfigurationError
from mix2api.openapi.breaking import breaking_changes
from mix2api.openapi.released import released_document
from mix2api.packs.asking import Asking, Target
from mix2api.packs.case import Case, ToolForm
from mix2api.packs.evidence import Ask, Seen
from mix2api.packs.running import Plan, Result, run_cases
from mix2api.packs.table import CASES
from mix2api.packs.verdict import LOCAL, Asked, Block, Found, block_of, line_of
from mix2api.settings import Settings
from mix2api.vocabulary import Channel

_TIMEOUT_S: Final = 30.0
_EPILOG: Final = """\
Without --base-url the gate starts the demo site and `serve` with a store of its own, once in each form of tools, and runs every
case. With it, it asks that endpoint as `mix2api pack --expect mix2api` does; CHANNEL and VERSION must be those that it tells.
The folder holds summary.json, a log of each pack, packs.html, packs.xml, request-ids.txt, openapi.json, and server.log.
The last line is gate=PASS or gate=BLOCK reason=..., where the reason is one of not_reachable, other_version, other_channel,
regression_failed, nothing_judged, no_document, breaking_change.
Exit codes: 0 the release passes, 1 it is blocked, 2 wrong arguments.
"""


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "gate",
        help="whether a release passes: all packs, and the OpenAPI document against the last release's",
        description="Runs all packs, compares the OpenAPI document with the last release's, and keeps the evidence.",
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("channel", nargs="?", type=Channel, choices=list(Channel), default=Channel.STABLE)
    parser.add_argument("version", nargs="?", default=LOCAL, help="(default %(default)s: any)")
    parser.add_argument("--base-url", metavar="URL", help="of a running endpoint")
    parser.add_argument("--api-key", default="", metavar="KEY")
    parser.add_argument("--model", default=MODEL, help="(default %(default)s)")
    parser.add_argument(
        "--upstream", choices=["demo", "real"], default="real", help="behind it (default %(default)s)"
    )
    parser.add_argument("--site-url", metavar="URL", help="the demo site's own address")
    parser.add_argument(
        "--tools",
        choices=[form.value for form in ToolForm],
        default=ToolForm.TEXT.value,
        help="(default %(default)s)",
    )
    parser.add_argument(
        "--released", type=Path, metavar="FILE", help="another document than the last release's"
    )
    parser.add_argument("--out", type=Path, default=Path("gate"), metavar="DIR", help="(default %(default)s)")


def run(arguments: argparse.Namespace, _: Settings) -> int:
    """Runs the gate. 1 if the release is blocked.

    Raises:
        ConfigurationError: a URL or the released document is none, or the folder cannot be written.
    """
    block, folder = judged(arguments)
    print(f"evidence in {folder.path}")
    print(line_of(block))
    return 0 if block is None else 1


def judged(arguments: argparse.Namespace) -> tuple[Block | None, GateFolder]:
    """What the gate concludes, and the folder with its evidence. Prints each case as it ends.

    Raises:
        ConfigurationError: as `run`.
    """
    asked = Asked(channel=arguments.channel, version=arguments.version)
    released = _released(arguments.released)
    folder = _folder(arguments.out, asked.channel, SystemClock())
    round_ = _Round(arguments, asked, folder)
    found, document = trio.run(round_.found)
    if document is not None:
        found = evolve(
            found, has_document=True, breaking=breaking_changes(released, msgspec.json.decode(document))
        )
    block = block_of(asked, found)
    folder.write(asked, found, block, document)
    for change in found.breaking:
        print(f"breaking: {change}")
    return block, folder


def _released(path: Path | None) -> dict[str, Any]:
    if path is None:
        return released_document()
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as fault:
        raise ConfigurationError(
            f"--released: no JSON document can be read there ({type(fault).__name__})"
        ) from None


def _folder(out: Path, channel: Channel, clock: Clock) -> GateFolder:
    """A new folder `<time>-<channel>`."""
    stamp = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out / f"{stamp}-{channel}"
    try:
        path.mkdir(parents=True)
    except OSError as fault:
        raise ConfigurationError(f"--out: {path} cannot be made ({fault.strerror})") from None
    return GateFolder(path)


@frozen
class _Round:
    """One gate's asking."""

    arguments: argparse.Namespace
    asked: Asked
    folder: GateFolder

    async def found(self) -> tuple[Found, bytes | None]:
        """All evidence but the comparison of documents, and the document that is served."""
        if self.arguments.base_url is not None:
            return await self._found_at(self._target(), ToolForm(self.arguments.tools), demo=self._is_demo)
        async with gated_server(ToolForm.NATIVE, self.asked.channel, self.folder.server_log) as target:
            found, document = await self._found_at(target, ToolForm.NATIVE, demo=True)
        texts = tuple(case for case in CASES if case.tools is ToolForm.TEXT)
        async with gated_server(ToolForm.TEXT, self.asked.channel, self.folder.server_log) as target:
            results = await self._run(target, ToolForm.TEXT, texts, demo=True)
        once = {result.case.id for result in results}
        kept = [result for result in found.results if result.case.id not in once]
        return evolve(found, results=(*kept, *results)), document

    @property
    def _is_demo(self) -> bool:
        return bool(self.arguments.upstream == "demo")

    def _target(self) -> Target:
        target = Target(
            base_url=self.arguments.base_url,
            api_key=self.arguments.api_key,
            site_url=self.arguments.site_url,
            timeout_s=_TIMEOUT_S,
        )
        check_target(target)
        return target

    async def _found_at(self, target: Target, form: ToolForm, *, demo: bool) -> tuple[Found, bytes | None]:
        health, document = await _asked_of(target, "/health"), await _asked_of(target, "/openapi.json")
        told = health.json if isinstance(health.json, dict) else {}
        found = Found(
            results=await self._run(target, form, CASES, demo=demo),
            version=told.get("version"),
            channel=told.get("channel"),
        )
        return found, document.body if isinstance(document.json, dict) and "paths" in document.json else None

    async def _run(
        self, target: Target, form: ToolForm, cases: tuple[Case, ...], *, demo: bool
    ) -> tuple[Result, ...]:
        plan = Plan(
            target=target,
            cases=cases,
            model=self.arguments.model,
            demo=demo,
            ours=True,
            tools=form,
            mark=new_mark(),
        )
        return await run_cases(plan, print_result)


async def _asked_of(target: Target, path: str) -> Seen:
    asking = Asking(target)
    try:
        return await asking.see(Ask(method="GET", path=path, request_id=new_mark()))
    finally:
        asking.close()
