"""A pool's runs from the audit: its own, in their order, and none whose caller is unknown."""

from typing import Any

from msgspec import json
from msgspec.structs import replace
from projections.test_traffic import ASKED, ENDED

from mix2api.accounts.simulation import Demand
from mix2api.projections.pool_runs import PoolRuns
from mix2api.vocabulary import Detail, EndReason


def told(*runs: tuple[dict[str, Any], dict[str, Any]]) -> PoolRuns:
    found = PoolRuns({"a", "b"})
    for asked, ended in runs:
        known = {"caller": "c", "isolation": "s", "model": "m"} | asked
        found.add_run(json.encode(replace(ASKED, **known)), json.encode(replace(ENDED, **ended)))
    return found


def test_the_pools_runs_come_in_their_order() -> None:
    refused = {"end_reason": EndReason.UPSTREAM_ERROR, "detail": Detail.RATE_LIMIT.value}
    found = told(
        ({"at_ms": 3}, {"account": "a"}),
        ({"at_ms": 1}, {"account": "b"}),
        ({"at_ms": 2}, refused),
        ({}, {"account": "another upstream's"}),
        ({}, {}),
        ({"caller": None}, {"account": "a"}),
        ({"isolation": None}, {"account": "a"}),
    )
    assert found.in_order() == [
        Demand(1, "c", "s", "m", "b"),
        Demand(2, "c", "s", "m", None),
        Demand(3, "c", "s", "m", "a"),
    ]
    assert found.callerless == 2


def test_models_have_the_names_that_the_pool_knows() -> None:
    refused = {"end_reason": EndReason.UPSTREAM_ERROR, "detail": Detail.RATE_LIMIT.value}
    digest = "#0123/9"
    for strips, model in ((True, "gpt-5"), (False, "site/gpt-5")):
        found = PoolRuns({"a"}, prefix="site/", strips_prefix=strips)
        for at_ms, name, ended in (
            (1, "site/gpt-5", {"account": "a"}),
            (2, digest, {"account": "a"}),
            (3, "site/gpt-5", refused),
            (4, digest, refused),
            (5, "another/gpt-5", refused),
        ):
            asked = replace(ASKED, caller="c", isolation="s", model=name, at_ms=at_ms)
            found.add_run(json.encode(asked), json.encode(replace(ENDED, **ended)))
        assert found.in_order() == [
            Demand(1, "c", "s", model, "a"),
            Demand(2, "c", "s", digest, "a"),
            Demand(3, "c", "s", model, None),
            Demand(4, "c", "s", digest, None),
        ]


def test_damaged_entries_are_left_out() -> None:
    found = PoolRuns({"a"})
    found.add_run(b"damage", json.encode(ENDED))
    found.add_run(json.encode(ASKED), b"damage")
    assert (found.in_order(), found.callerless) == ([], 0)
