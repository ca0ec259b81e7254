"""`mix2api console`: the pages for the engineer on call, as a process of its own."""

import argparse
import hashlib
import secrets
from typing import Final, TextIO

import trio

from mix2api.cli.tables import stdout
from mix2api.console.tokens import Role
from mix2api.process.console import run_console
from mix2api.settings import Settings

_HELP: Final = "web pages of runs, sessions and service levels, for the engineer on call"
_EPILOG: Final = """\
It needs MIX2API_CONSOLE_TOKENS_FILE and listens on MIX2API_CONSOLE_HOST and MIX2API_CONSOLE_PORT; see docs/console.md.
Ends on SIGTERM or SIGINT; a second signal ends it at once.
Exit codes: 0, 2 wrong arguments or settings.
"""
_TOKEN_BYTES: Final = 32


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "console",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--new-token", metavar="ID", help="make a token, print it with its entry for the file, and end"
    )
    parser.add_argument(
        "--role",
        type=Role,
        choices=[Role.VIEW, Role.OPERATE],
        default=Role.VIEW,
        help="of the new token (default: view); a user's token is the user's API key",
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the console, or makes a token."""
    if arguments.new_token is not None:
        print_token(arguments.new_token, arguments.role, stdout())
        return 0
    trio.run(run_console, settings)
    return 0


def print_token(admin: str, role: Role, out: TextIO) -> None:
    """Makes a token. It is shown this once; the file has its hash alone."""
    token = f"mix2api-console-{secrets.token_urlsafe(_TOKEN_BYTES)}"
    print(f"# The token, shown this once: {token}", file=out)
    print("[[tokens]]", file=out)
    print(f'id = "{admin}"', file=out)
    print(f'role = "{role.value}"', file=out)
    print(f'sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"', file=out)
