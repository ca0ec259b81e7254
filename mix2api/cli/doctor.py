"""`mix2api doctor`: looks at settings, store, processes and upstream, and says what to fix."""

import argparse
import json
from collections.abc import Sequence
from typing import Final, TextIO

from attrs import asdict, field, frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.process.checkup import look_at_processes, look_at_settings, look_at_store
from mix2api.process.findings import Finding, Grade, Part
from mix2api.process.trial_turns import try_public_url, try_upstreams
from mix2api.settings import Settings
from mix2api.store.store import Store
from mix2api.upstreams.http.origin import split_url

_FAILED: Final = 1
_HELP: Final = "look at settings, store, processes and upstream, and say what to fix"
_EPILOG: Final = """\
The upstream gets one short turn, which the site may charge; --no-turn leaves it out. With --public-url a second,
longer turn goes through the deployment: it shows whether a proxy on the way holds streams back.
Exit codes: 0; 1 there is a problem (warnings are none); 2 wrong arguments, or a setting that is refused.
"""


@frozen(kw_only=True)
class DoctorQuery:
    """What was asked for."""

    model: str
    """Of the turns."""
    turn: bool = True
    public_url: str | None = None
    api_key: str = field(default="", repr=False)
    as_json: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "doctor",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--model", metavar="NAME", help="of the turns (default: the first of MODEL_LIST)")
    parser.add_argument("--no-turn", action="store_true", help="do not put a turn to the upstream")
    parser.add_argument(
        "--public-url", type=_url, metavar="URL", help="of this deployment, as its clients have it"
    )
    parser.add_argument("--api-key", metavar="KEY", help="for --public-url (default: INBOUND_BEARER_TOKEN)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _url(text: str) -> str:
    try:
        split_url(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return text


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = DoctorQuery(
        model=arguments.model or settings.listening.models[0],
        turn=not arguments.no_turn,
        public_url=arguments.public_url,
        api_key=arguments.api_key or settings.inbound_auth.bearer_token or "",
        as_json=arguments.json,
    )
    found = list(look_at_settings(settings))

    async def look(store: Store) -> int:
        await _look(settings, store, query, found)
        return 0

    try:
        read_store(settings, "doctor", look)
    except (ConfigurationError, StoreUnavailable) as fault:
        # The checks of every start found something, or the store went away during the look.
        found += [Finding(Grade.PROBLEM, Part.STORE, line) for line in str(fault).splitlines()]
    return tell(found, stdout(), as_json=query.as_json)


async def _look(settings: Settings, store: Store, query: DoctorQuery, found: list[Finding]) -> None:
    """Adds to `found` part by part, so that a store that goes away takes no earlier finding with it.

    Raises:
        ConfigurationError: a setting that the upstream needs is not there.
        StoreUnavailable: the store does not answer.
    """
    found += await look_at_store(store)
    found += await look_at_processes(store, settings.storing.lease_s)
    found += await try_upstreams(settings, store, query.model, turn=query.turn)
    if query.public_url is not None:
        found.append(await try_public_url(store, query.public_url, query.api_key, query.model))


def tell(found: Sequence[Finding], out: TextIO, *, as_json: bool) -> int:
    """Prints, and gives the exit code."""
    is_sound = all(finding.grade is not Grade.PROBLEM for finding in found)
    if as_json:
        print(json.dumps({"sound": is_sound, "findings": [asdict(finding) for finding in found]}), file=out)
    else:
        rows = [(finding.grade, finding.part, finding.says) for finding in found]
        print_table(("grade", "part", "finding"), rows, out)
    return 0 if is_sound else _FAILED
