"""`mix2api pack`: the regression packs against any OpenAI-compatible endpoint."""

import argparse
import json
import secrets
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from mix2api.errors import ConfigurationError
from mix2api.packs.asking import Target
from mix2api.packs.case import Pack, ToolForm
from mix2api.packs.evidence import Place
from mix2api.packs.reports import facts_of, html_of, junit_of, lines_of, total_of
from mix2api.packs.running import Outcome, Plan, Result, run_cases
from mix2api.packs.table import CASES, cases_of
from mix2api.settings import Settings

MODEL: Final = "mix/qwen-3-235b-instruct"
_ALL: Final = "all"
_EPILOG: Final = """\
A streams, B tools, C cancel, timeout and error. With `--upstream demo`, the demo site (`mix2api demo-upstream`) stands behind
the endpoint, and prompts tell it how to misbehave; with `real`, the cases that need that are skipped. Two cases wait until the
endpoint gives a silent site up: its UPSTREAM_TIMEOUT_MS must be shorter than --timeout.
Exit codes: 0 every case passed or was skipped, 1 a case failed, 2 wrong arguments.
"""


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "pack",
        help="regression packs against any OpenAI-compatible endpoint",
        description=f"Runs {len(CASES)} cases against an endpoint and tells what each one saw.",
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("pack", choices=[*(pack.value for pack in Pack), _ALL])
    parser.add_argument(
        "--base-url", required=True, metavar="URL", help="http(s)://host[:port], with or without /v1"
    )
    parser.add_argument("--api-key", required=True, metavar="KEY")
    parser.add_argument("--model", default=MODEL, help="(default %(default)s)")
    parser.add_argument("--upstream", choices=["demo", "real"], default="real", help="(default %(default)s)")
    parser.add_argument(
        "--site-url", metavar="URL", help="the demo site's own address, for the cases that ask it"
    )
    parser.add_argument(
        "--expect",
        choices=["openai", "mix2api"],
        default="openai",
        help="judge OpenAI's form alone, or also\nwhat mix2api promises beyond it (default %(default)s)",
    )
    parser.add_argument(
        "--tools",
        choices=[form.value for form in ToolForm],
        default=ToolForm.TEXT.value,
        help="how the endpoint gives tools to the site: `native` is\nSEND_UPSTREAM_TOOLS=true (default %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, default=30, metavar="S", help="for one answer (default %(default)s)"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def run(arguments: argparse.Namespace, _: Settings) -> int:
    """Runs the cases. 1 if one failed.

    Raises:
        ConfigurationError: a URL is none.
    """
    plan = _plan(arguments)
    results = trio.run(partial(run_cases, plan, (lambda _: None) if arguments.json else print_result))
    if arguments.json:
        print(json.dumps([facts_of(result) for result in results]))
    else:
        print(total_of(results))
    if arguments.report is not None:
        arguments.report.write_text(html_of(results, f"Packs against {arguments.base_url}"), encoding="utf-8")
    if arguments.junit is not None:
        arguments.junit.write_text(junit_of(results), encoding="utf-8")
    return 1 if any(result.outcome is Outcome.FAILED for result in results) else 0


def _plan(arguments: argparse.Namespace) -> Plan:
    target = Target(
        base_url=arguments.base_url,
        api_key=arguments.api_key,
        site_url=arguments.site_url,
        timeout_s=arguments.timeout,
    )
    check_target(target)
    packs = tuple(Pack) if arguments.pack == _ALL else (Pack(arguments.pack),)
    return Plan(
        target=target,
        cases=cases_of(packs),
        model=arguments.model,
        demo=arguments.upstream == "demo",
        ours=arguments.expect == "mix2api",
        tools=ToolForm(arguments.tools),
        mark=new_mark(),
    )


def check_target(target: Target) -> None:
    """Refuses a target that cannot be asked.

    Raises:
        ConfigurationError: says which and why.
    """
    for option, place in (("--base-url", Place.ENDPOINT), ("--site-url", Place.SITE)):
        if place is Place.SITE and target.site_url is None:
            continue
        try:
            target.origin_of(place)
        except ValueError as fault:
            raise ConfigurationError(f"{option}: {fault}") from None
    if not target.api_key.isprintable() or target.api_key != target.api_key.strip():
        raise ConfigurationError("--api-key: a key has no blanks around it and no control characters")


def new_mark() -> str:
    """What the request ids of one run begin with."""
    return f"pack-{secrets.token_hex(4)}"


def print_result(result: Result) -> None:
    """Shows a case as it ends."""
    for line in lines_of(result):
        print(line, flush=True)
