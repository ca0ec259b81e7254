"""The evidence of a rollback: what a guard knew, as JSON."""

import pytest
from msgspec import json
from release_trials import trial, trials

from mix2api.release.evidence import ChannelFacts, Evidence, evidence_bytes, read_evidence
from mix2api.release.guard import Guard, Policy
from mix2api.release.guard_beat import Decision
from mix2api.release.judgement import Judgement, judgement
from mix2api.release.settlement import Settlement
from mix2api.vocabulary import Channel


def judged() -> Judgement:
    guard, settlement = Guard(Policy()), Settlement(1_000)
    for _ in range(3):
        guard.take(trials(40, 1, 8, 4))
    settlement.unplaced[Channel.STABLE] = 7
    return judgement(guard, settlement, 1_000, 16_000)


EVIDENCE = Evidence(
    id="ev-1",
    guard="guard-1",
    at_ms=17_000,
    release="rel-0123456789ab",
    candidate="2.0",
    stable="1.9",
    percent=5,
    alpha=0.001,
    channels={
        "stable": ChannelFacts(versions=("1.9",), processes=3, shards=243),
        "canary": ChannelFacts(versions=("2.0",), processes=1, shards=13),
    },
    judgement=judged(),
)


def test_a_judgement_has_figures_run_ids_and_the_commands_for_each() -> None:
    found = judged()
    assert (found.decision, found.since_ms, found.until_ms) == (Decision.ROLL_BACK, 1_000, 16_000)
    assert found.evidence >= found.needed == 3.0
    assert found.unplaced == {"stable": 7}
    assert (found.tests[0].canary, found.tests[0].canary_bad) == (24, 12)
    assert len(found.bad_runs) == 12
    first = found.bad_runs[0]
    assert (first.cell, first.end_reason) == ("opencode/stream/tools", "timeout")
    assert first.replay == f"mix2api replay {first.run_id}"
    assert first.explain == f"mix2api explain {first.run_id}"


def test_before_any_trial_there_is_no_evidence_for_anything() -> None:
    guard = Guard(Policy())
    found = judgement(guard, Settlement(0), 0, 0)
    assert (found.decision, found.evidence, found.ruled_out, found.tests) == (Decision.WAIT, 0.0, 0.0, ())


def test_what_was_settled_before_the_step_tells_stables_rate_and_decides_nothing() -> None:
    guard = Guard(Policy())
    guard.prepare([])
    guard.prepare([*trials(300, 2, 0, 0), *[trial(canary=True, bad=True) for _ in range(200)]])
    assert guard.verdict().findings == ()
    for _ in range(4):
        guard.take(trials(0, 0, 40, 0))
    assert guard.verdict().decision is Decision.GO_ON, "at 100 % of the canary nothing else is left to go by"


def test_evidence_is_read_as_it_was_written() -> None:
    assert read_evidence(evidence_bytes(EVIDENCE)) == EVIDENCE


@pytest.mark.parametrize("damage", [b"", b"null", b"{}", b"\xff", b'{"version":1}', b"[" * 100_000])
def test_damage_is_no_evidence(damage: bytes) -> None:
    assert read_evidence(damage) is None


def test_fields_of_a_later_version_are_skipped_and_another_meaning_is_not_guessed() -> None:
    document = json.decode(evidence_bytes(EVIDENCE))
    assert read_evidence(json.encode(document | {"later": 1})) == EVIDENCE
    assert read_evidence(json.encode(document | {"version": 2})) is None
