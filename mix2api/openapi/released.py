"""The document of the last release, kept in `released.json`: `make released` writes it when a version is released."""

from importlib import resources
from typing import Any

import msgspec


def released_document() -> dict[str, Any]:
    """The document."""
    text = resources.files("mix2api.openapi").joinpath("released.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Any])
