"""Damage is counted and told of; of what stays, each key once; never what stands there or whose it is."""

import pytest

from mix2api.store.damage import Damage, DamageCounter
from mix2api.store.keys import Keys, kind_of
from mix2api.vocabulary import Digest, ProcessId, SessionId, Shard

KEYS = Keys("of-us")
SHARD = Shard(15)


def test_what_was_removed_is_told_each_time_and_what_stays_once() -> None:
    told: list[Damage] = []
    counter = DamageCounter(told.append)
    for _ in range(2):
        counter.removed(KEYS.open(SHARD), 3)
        counter.left(KEYS.audit(SHARD))
    assert [(each.key_kind, each.shard, each.count, each.total) for each in told] == [
        ("open", "s0f", 3, 3),
        ("audit", "s0f", 1, 4),
        ("open", "s0f", 3, 7),
    ]
    assert counter.total == 7


def test_what_is_remembered_is_bounded() -> None:
    told: list[Damage] = []
    counter = DamageCounter(told.append)
    for number in range(10_001):
        counter.left(KEYS.run(Digest(str(number))))
    counter.left(KEYS.run(Digest("10000")))
    assert len(told) == 10_001
    counter.left(KEYS.run(Digest("0")))
    assert len(told) == 10_002, "the first were forgotten"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (KEYS.log(SHARD, SessionId("ses_1")), ("log", "s0f")),
        (KEYS.snapshot(SHARD, SessionId("ses_1")), ("snapshot", "s0f")),
        (KEYS.ledger(SHARD, ProcessId("p_1")), ("ledger", "s0f")),
        (KEYS.lease(Shard(65_535)), ("lease", "sffff")),
        (KEYS.process(ProcessId("p_1")), ("process", None)),
        (KEYS.processes(), ("processes", None)),
        (KEYS.mail(ProcessId("p_1")), ("mail", None)),
        (KEYS.lineage(Digest("d")), ("lineage", None)),
        (KEYS.vault(Digest("d"))[3], ("credential", None)),
        (KEYS.binding("openai", Digest("d")), ("accounts", None)),
        (KEYS.account_states("mix"), ("accounts", None)),
        ("", ("unknown", None)),
    ],
)
def test_a_key_s_kind_and_shard_are_all_that_is_told_of_it(key: str, kind: tuple[str, str | None]) -> None:
    assert kind_of(key) == kind
