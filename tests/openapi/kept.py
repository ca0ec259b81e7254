"""`docs/openapi.yaml`: the document as readers and tools get it without a server. `make docs` writes it by this module."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

KEPT: Final = Path(__file__).parents[2] / "docs" / "openapi.yaml"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's is ten times as fast, and some builds of PyYAML lack it."""


def kept_document() -> dict[str, Any]:
    """The kept document."""
    document: dict[str, Any] = yaml.load(KEPT.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - both are safe
    return document


def _write() -> None:
    """The document on standard input, JSON, as YAML in the kept file."""
    text = yaml.safe_dump(json.load(sys.stdin), sort_keys=False, allow_unicode=True, width=100)
    KEPT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write()
