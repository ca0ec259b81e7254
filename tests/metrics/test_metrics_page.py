"""`docs/metrics.md` names what is shown, and nothing else."""

import re
from pathlib import Path

from msgspec.structs import replace
from projections.test_traffic import ASKED, BUDGET, ENDED, USAGE
from prometheus_client.parser import text_string_to_metric_families

from mix2api.metrics.exposition import exposition
from mix2api.metrics.readings import Readings
from mix2api.projections.traffic import Traffic

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(mix2api_\w+)` \| (.*?) \| (yes|no) \|", re.MULTILINE)


def shown(readings: Readings | None) -> dict[str, set[str]]:
    traffic = Traffic()
    traffic.add_entry(replace(ASKED, results=(("a", "b"),), budget=BUDGET), replace(ENDED, usage=USAGE))
    text = exposition(traffic, readings).decode()
    return {
        family.name + ("_total" if family.type == "counter" else ""): {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_has_its_row_with_its_labels() -> None:
    everything = shown(
        Readings(shards_without_owner=0, runtime_runs=0, logins={"done": 1}, sessions={("fresh", "key"): 1})
    )
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels, _ in ROW.findall(PAGE)}
    assert rows == everything


def test_the_page_says_which_ones_the_log_has() -> None:
    assert {name for name, _, log in ROW.findall(PAGE) if log == "yes"} == set(shown(None))
