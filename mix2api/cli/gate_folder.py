"""The folder that a gate leaves: summary, a log of each pack, reports, request ids, the document."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from mix2api.packs.case import PACK_TITLES, Pack
from mix2api.packs.reports import counts_of, facts_of, html_of, junit_of, lines_of
from mix2api.packs.running import Result
from mix2api.packs.verdict import Asked, Block, Found, line_of


@frozen
class GateFolder:
    """One gate's folder, which exists."""

    path: Path

    @property
    def server_log(self) -> Path:
        """Where the server that the gate started logs."""
        return self.path / "server.log"

    def write(self, asked: Asked, found: Found, block: Block | None, document: bytes | None) -> None:
        """Writes all of it."""
        results = found.results
        for pack in Pack:
            self._write(f"pack-{pack}.log", _log_of([each for each in results if each.case.pack is pack]))
        self._write(
            "packs.html", html_of(results, f"Gate of {asked.channel} {asked.version}: {line_of(block)}")
        )
        self._write("packs.xml", junit_of(results))
        self._write("request-ids.txt", "".join(f"{name}\n" for each in results for name in each.request_ids))
        self._write("summary.json", json.dumps(_summary(asked, found, block), indent=1) + "\n")
        if document is not None:
            (self.path / "openapi.json").write_bytes(document)

    def _write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")


def _log_of(results: Sequence[Result]) -> str:
    return "".join(f"{line}\n" for each in results for line in lines_of(each))


def _summary(asked: Asked, found: Found, block: Block | None) -> dict[str, Any]:
    return {
        "gate": "PASS" if block is None else "BLOCK",
        "reason": block,
        "asked": {"channel": asked.channel.value, "version": asked.version},
        "found": {"channel": found.channel, "version": found.version},
        "packs": {
            pack.value: {
                "title": PACK_TITLES[pack],
                **counts_of([each for each in found.results if each.case.pack is pack]),
            }
            for pack in Pack
        },
        "failed": [facts_of(each) for each in found.results if each.complaints and each.request_ids],
        "breaking_changes": list(found.breaking),
    }
