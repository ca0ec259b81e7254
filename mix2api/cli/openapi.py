"""`mix2api openapi`: prints the OpenAPI document that the edge serves."""

import argparse
import sys
from typing import Any

from mix2api.openapi.document import openapi_json
from mix2api.openapi.recorded import recorded_examples
from mix2api.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    commands.add_parser(
        "openapi",
        help="print the OpenAPI document",
        description="Prints the OpenAPI 3.0.3 document of all routes, as GET /openapi.json serves it.",
    )


def run(_: argparse.Namespace, __: Settings) -> int:
    """Prints."""
    sys.stdout.write(openapi_json(recorded_examples()).decode())
    return 0
