"""Key names: one hash tag per shard, one prefix per deployment."""

from mix2api.store.keys import Keys
from mix2api.vocabulary import Digest, ProcessId, RunId, SessionId, Shard


def test_every_key_of_a_shard_has_its_hash_tag() -> None:
    keys, shard, session = Keys("m"), Shard(0x1A), SessionId("ses_x")
    names = [
        keys.log(shard, session),
        keys.snapshot(shard, session),
        keys.open(shard),
        keys.inbox(shard),
        keys.audit(shard),
        keys.lease(shard),
        keys.epoch(shard),
        keys.ledger(shard, ProcessId("p_1")),
    ]
    assert len(set(names)) == len(names)
    assert all(name.startswith("m:{s1a}:") for name in names)
    assert keys.log(shard, session) == "m:{s1a}:log:ses_x"


def test_keys_of_no_shard_have_no_hash_tag() -> None:
    keys, process = Keys(), ProcessId("p_1")
    assert keys.process(process) == "mix2api:process:p_1"
    assert keys.mail(process) == "mix2api:mail:p_1"
    assert keys.run(Digest("ab")) == "mix2api:run:ab"
    assert keys.trace(RunId("run_1")) == "mix2api:trace:run_1"
    assert keys.owner(Digest("ab")) == "mix2api:owner:ab"
    assert keys.transcript(Digest("ab")) == "mix2api:transcript:ab"
    assert keys.traces() == "mix2api:traces"
    assert keys.deployment() == "mix2api:deployment"
    assert keys.process_settings(ProcessId("p_1")) == "mix2api:settings:p_1"


def test_every_key_of_a_runtime_s_sessions_has_one_hash_tag() -> None:
    keys = Keys("m")
    assert keys.runtime_open() == "m:{runtime}:open"
    assert keys.runtime_context(Digest("ab")) == "m:{runtime}:context:ab"
    assert keys.runtime_scope(Digest("ab")) == "m:{runtime}:scope:ab"


def test_the_keys_of_releases_have_one_hash_tag() -> None:
    keys = Keys("m")
    assert [keys.release_state(), keys.release_history(), keys.release_guard()] == [
        "m:{release}:state",
        "m:{release}:history",
        "m:{release}:guard",
    ]
    assert keys.release_gateway() == "m:{release}:gateway"
    assert keys.release_evidence("ev-1") == "m:{release}:evidence:ev-1"


def test_every_key_of_a_pool_of_accounts_has_its_hash_tag() -> None:
    keys = Keys("m")
    names = [
        keys.account_states("openai"),
        keys.account_limits("openai"),
        keys.account_turns("openai"),
        keys.account_changes("openai"),
        keys.account_plan("openai"),
        keys.account_order("openai"),
        keys.account_roster("openai", "ab"),
        keys.binding("openai", Digest("ab")),
        keys.binding("openai", Digest("ab"), "lineage"),
    ]
    assert names == [
        "m:{accounts:openai}:states",
        "m:{accounts:openai}:limits",
        "m:{accounts:openai}:turns",
        "m:{accounts:openai}:changes",
        "m:{accounts:openai}:plan",
        "m:{accounts:openai}:order",
        "m:{accounts:openai}:roster:ab",
        "m:{accounts:openai}:session:binding:apikey:ab",
        "m:{accounts:openai}:session:binding:lineage:ab",
    ]
