"""`deploy/`: the alerts and the dashboard ask for metrics and labels that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from metrics.test_metrics_page import ROW

from mix2api.vocabulary import EndReason

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "mix2api.json"
METRIC = re.compile(r"\bmix2api_[a-z_]+")
REASONS = re.compile(r'end_reason(?:=|=~|!~)"([a-z_|]+)"')
_MISSING = object()
GROUPED = re.compile(r"by \(([a-z_, ]+)\)")


def known() -> dict[str, set[str]]:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels, _ in ROW.findall(page)}
    buckets = {f"{name}_bucket": labels for name, labels in rows.items() if name.endswith("_seconds")}
    return rows | buckets


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = re.sub(
        r"^ *(alert|summary|description|#).*$", "", ALERTS.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return [*asked, rules]


def test_every_metric_that_is_asked_for_is_shown() -> None:
    asked = {metric for text in expressions() for metric in METRIC.findall(text)}
    assert asked
    assert asked - set(known()) == set()


def test_every_label_that_is_asked_for_is_a_label_of_its_metric() -> None:
    for text in expressions():
        for metric, labels in re.findall(r"(mix2api_[a-z_]+)\{([^}]*)\}", text):
            names = set(re.findall(r"([a-z_]+)(?:=|!)", labels))
            assert names <= known()[metric], (metric, labels)


def test_every_group_is_made_of_labels_that_there_are() -> None:
    labels = set().union(*known().values()) | {"le", "instance"}
    for text in expressions():
        for names in GROUPED.findall(text):
            assert set(names.split(", ")) <= labels


def test_every_ending_that_is_asked_for_exists() -> None:
    asked = {word for text in expressions() for words in REASONS.findall(text) for word in words.split("|")}
    assert asked
    assert asked - set(EndReason) == set()


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def lost(given: object, kept: object, place: str = "$") -> Iterator[str]:
    """The places of what is not kept as it was given."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            yield from lost(value, kept.get(name, _MISSING), f"{place}.{name}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, other, f"{place}[{number}]")
    elif given != kept:
        yield place


def through_grafanas_types(dashboard: dict[str, Any]) -> object:
    """The dashboard, read into the types of Grafana's own SDK and written again: they drop what Grafana does not know."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_grafana_knows_every_field_of_the_dashboard() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert list(lost(dashboard, through_grafanas_types(dashboard))) == []


def test_a_field_that_grafana_does_not_know_would_be_found() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    dashboard["panels"][0]["targets"][0]["legend"] = dashboard["templates"] = "misspelt"
    found = list(lost(dashboard, through_grafanas_types(dashboard)))
    assert found == ["$.panels[0].targets[0].legend", "$.templates"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="this machine has no promtool")
def test_the_alerts_call_when_they_should() -> None:
    told = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=ALERTS.parent, capture_output=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
