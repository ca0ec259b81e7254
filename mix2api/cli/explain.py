"""`mix2api explain`: one request on one page: what happened, whose doing, what the client saw, where the time went, what to do."""

import argparse
from typing import Any, Final, TextIO

import msgspec
from attrs import frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import Clock, SystemClock
from mix2api.projections.explanation import (
    CULPRITS,
    Cut,
    Explanation,
    RunStory,
)
from mix2api.projections.silence import LONG_MS, Ledger
from mix2api.settings import Settings
from mix2api.store.explaining import explained
from mix2api.store.request_file import RequestFile
from mix2api.store.store import Store

_NOT_FOUND: Final = 3
_GAPS: Final = 40
"""Gaps that a page shows: the longest. `--json` has all."""
_HELP: Final = "explain one request: what happened, whose doing it was, and what to do"
_EPILOG: Final = f"""\
The ledger of silence: every gap above {LONG_MS} ms belongs to the client, the queue, the store, the site or us. With the shorter
ones they are the wall time, from the request's head to the end of its answer. Nothing here is content.
Exit codes: 0, 2 wrong arguments or settings, 3 nothing found.
"""


@frozen(kw_only=True)
class ExplainQuery:
    """What was asked for."""

    word: str
    """A request id, or a run id."""
    as_json: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("word", metavar="ID", help="the x-request-id of a request, or a run id")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = ExplainQuery(word=arguments.word, as_json=arguments.json)
    return read_store(settings, "explain", lambda store: explain(store, query, stdout(), SystemClock()))


async def explain(store: Store, query: ExplainQuery, out: TextIO, clock: Clock) -> int:
    """Finds, prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    found = await explained(store, query.word, clock)
    if found is None:
        print(
            f"nothing is known of {query.word!r}: it never came here, or is older than MIX2API_RETENTION_S,\n"
            "or was refused in a flood: `mix2api audit` has the numbers of those",
            file=out,
        )
        return _NOT_FOUND
    if query.as_json:
        print(msgspec.json.encode(_document(found.page, found.file)).decode(), file=out)
    else:
        _print_page(found.page, found.file, out)
    return 0


def _document(page: Explanation, file: RequestFile) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(page)
    document["ledger"]["gaps"] = [
        {"from_ms": gap.from_ms, "ms": gap.ms, "owner": gap.owner, "what": gap.what}
        for gap in page.ledger.gaps
    ]
    if page.refusal is not None:
        document["refusal"] = msgspec.structs.asdict(page.refusal)
        del document["refusal"]["times"]  # the ledger is made of them
    return {**document, "earlier_runs": file.earlier, "refusals": len(file.refusals)}


def _print_page(page: Explanation, file: RequestFile, out: TextIO) -> None:
    def say(name: str, value: object) -> None:
        print(f"{name:<12} {value}", file=out)

    say("request", page.request_id)
    reason = page.end_reason if page.detail is None else f"{page.end_reason}/{page.detail}"
    say("happened", reason)
    say("whose doing", CULPRITS[page.fault])
    say("client", _client(page))
    say("client saw", page.client_saw)
    if page.refusal is not None:
        say("refused", _refusal(page))
    for story in page.runs:
        _print_run(story, out)
    say("cut", _cut(page.cut))
    _print_ledger(page.ledger, out)
    print(file=out)
    say("look at", page.advice.look_at)
    say("do", page.advice.do)
    if file.earlier:
        say("earlier", f"{len(file.earlier)} runs had this request id: `mix2api explain {file.earlier[-1]}`")
    if page.refusal is None and file.refusals:
        say("refused too", f"{len(file.refusals)} requests with this id")


def _cut(cut: Cut) -> str:
    if cut.why is None:
        return "nothing"
    trimmed = ", ".join(f"{reason} {count}" for reason, count in cut.trimmed.items())
    summed_up = "" if cut.summary is None else f"; summary: {cut.summary}"
    told = f"{cut.messages} messages, {cut.tools} tools: {cut.why}"
    return f"{told} (trimmed: {trimmed}{summed_up})" if trimmed else told


def _client(page: Explanation) -> str:
    how = {True: "stream", False: "whole answer", None: "unread"}[page.stream]
    return f"{page.client}, {how}, model {page.model or 'unknown'}, HTTP {page.http_status or 'none'}"


def _refusal(page: Explanation) -> str:
    entry = page.refusal
    if entry is None:
        return ""
    where = f"{entry.method} {entry.route}"
    what = entry.code or "given up"
    return f"{where}: {what}" if entry.param is None else f"{where}: {what} at {entry.param}"


def _print_run(story: RunStory, out: TextIO) -> None:
    site, ended = story.site, story.end_reason or "not ended"
    if story.detail is not None:
        ended = f"{ended}/{story.detail}"
    print(f"run {story.attempt:<8} {story.run_id}: {ended}, {story.total_ms or 0} ms", file=out)
    if story.again_of is not None:
        print(f"{'  repeats':<12} {story.again_of}: the client is told of this run", file=out)
    print(f"{'  session':<12} {story.session_id}: {story.resolution}, because {story.reason}", file=out)
    if not site.was_called:
        print(f"{'  site':<12} was not called", file=out)
    else:
        said = f"HTTP {site.status or 'none'}, {site.frames} frames, {site.content_bytes} bytes"
        finish = site.finish_reason or "no finish"
        print(f"{'  site':<12} {said}, {site.tool_calls} calls, {finish}", file=out)
    if site.account is not None:
        why = "" if site.account_why is None else f", because {site.account_why}"
        print(f"{'  account':<12} {site.account}{why}", file=out)
    if story.unreadable:
        print(f"{'  damage':<12} {story.unreadable} entries of the log cannot be read", file=out)


def _print_ledger(ledger: Ledger, out: TextIO) -> None:
    print(file=out)
    gaps = sorted(sorted(ledger.gaps, key=lambda gap: -gap.ms)[:_GAPS], key=lambda gap: gap.from_ms)
    rows = [(f"+{gap.from_ms}", str(gap.ms), gap.owner.value, gap.what.value) for gap in gaps]
    left = len(ledger.gaps) - len(gaps)
    if left:
        more = sum(gap.ms for gap in ledger.gaps) - sum(gap.ms for gap in gaps)
        rows.append(("", str(more), "", f"{left} shorter gaps (--json has all)"))
    rows += [
        ("", str(ledger.short_ms), "", f"in steps of at most {LONG_MS} ms"),
        ("", str(ledger.wall_ms), "", "wall time"),
    ]
    print_table(("at ms", "ms", "owner", "waiting"), rows, out)
    owned = ", ".join(f"{owner.value} {ms} ms" for owner, ms in ledger.by_owner.items() if ms)
    print(f"{'owners':<12} {owned or 'nobody'}", file=out)
    if not ledger.is_whole:
        print("the edge's own times are missing: the ledger begins with the run", file=out)
