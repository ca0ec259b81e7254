"""`mix2api demo-upstream`: the demo site by itself."""

import argparse
import signal
import sys
from typing import Any

import trio

from mix2api.budget.encodings import EncodingName
from mix2api.counting.shipped import load_tokenizer
from mix2api.demo import Demo, DemoKind, DemoOptions, TokenCount, directive_help, serve_demo
from mix2api.demo.directives import find_directives
from mix2api.errors import ConfigurationError
from mix2api.process.plain_faults import why_of
from mix2api.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "demo-upstream",
        help="a site that speaks the mix protocol, or OpenAI's, for trials",
        description="Serves a site that keeps sessions (of the kind mix), answers in sentences, calls the tools that the words ask for,\n"
        "and misbehaves when a prompt holds one of these words.",
        epilog=directive_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--kind",
        type=DemoKind,
        choices=list(DemoKind),
        default=DemoKind.MIX,
        help="what it speaks: %(choices)s (default %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=4001, help="port; 0 takes a free one (default %(default)s)"
    )
    parser.add_argument(
        "--pace-ms", type=int, default=20, help="pause between two deltas (default %(default)s)"
    )
    parser.add_argument(
        "--chunks", type=int, help="answer so many numbered deltas (default: sentences about what was asked)"
    )
    parser.add_argument(
        "--context-window", type=int, default=128_000, help="tokens of a session (default %(default)s)"
    )
    parser.add_argument(
        "--fault-every", type=int, metavar="N", help="every N-th chat has a fault (default: none)"
    )
    parser.add_argument(
        "--fault", default="[[cut]]", metavar="WORDS", help="the words of that fault (default %(default)s)"
    )
    parser.add_argument(
        "--fault-where",
        default="",
        metavar="TEXT",
        help="only chats whose context holds this text are counted for it (default: all)",
    )
    parser.add_argument(
        "--tokenizer",
        type=EncodingName,
        choices=list(EncodingName),
        help="how the site counts tokens (default: four characters are one)",
    )


def run(arguments: argparse.Namespace, _: Settings) -> int:
    """Serves until interrupted."""
    try:
        options = site_options(arguments)
    except ValueError as fault:
        print(f"mix2api: demo-upstream: {fault.args[0]}", file=sys.stderr)
        return 2
    try:
        trio.run(_serve, options)
    except* OSError as faults:
        why = why_of(faults)
        raise ConfigurationError(
            f"--host, --port: the address cannot be listened on ({why}): name another"
        ) from None
    return 0


def site_options(arguments: argparse.Namespace) -> DemoOptions:
    """The site that the flags ask for.

    Raises:
        ValueError: a flag is out of its bounds.
    """
    wanted: EncodingName | None = arguments.tokenizer
    return DemoOptions(
        kind=arguments.kind,
        host=arguments.host,
        port=arguments.port,
        pace_ms=arguments.pace_ms,
        chunks=arguments.chunks,
        context_window=arguments.context_window,
        fault=_fault(arguments.fault),
        fault_every=arguments.fault_every,
        fault_where=arguments.fault_where,
        count=TokenCount(None if wanted is None else load_tokenizer(wanted).count),
    )


def _fault(words: str) -> str:
    """Words of a fault that the site knows.

    Raises:
        ValueError: they are none.
    """
    if not find_directives(words).values:
        raise ValueError(f"--fault: {words!r} has none of the words below")
    return words


async def _serve(options: DemoOptions) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            demo: Demo = await nursery.start(serve_demo, options)
            kind = "" if options.kind is DemoKind.MIX else f"MIX2API_UPSTREAM={options.kind} "
            place = "OPENCODE_URL" if options.kind is DemoKind.OPENCODE else "UPSTREAM_API_BASE"
            print(f"demo upstream at {demo.url} ({kind}{place}={demo.url})", flush=True)
            await anext(aiter(signals))
            nursery.cancel_scope.cancel()
