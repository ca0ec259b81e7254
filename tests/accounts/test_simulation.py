"""Recorded runs under another policy: who serves them, what they hit, and which outages they meet."""

from mix2api.accounts.policy import Policy, PolicyAccount, Scope
from mix2api.accounts.simulation import Demand, Outage, outages_of, recorded, simulated
from mix2api.accounts.state import Status


def run(at_s: int, caller: str = "k", account: str | None = "a", session: str = "s") -> Demand:
    return Demand(at_s * 1000, caller, session, "m", account)


def policy(*weights: tuple[str, int], scope: Scope = Scope.API_KEY, ttl_s: int = 3600) -> Policy:
    accounts = tuple(PolicyAccount(id=name, weight=weight) for name, weight in weights)
    return Policy(accounts=accounts, scope=scope, ttl_s=ttl_s)


def out(
    account: str,
    from_s: int,
    to_s: int | None,
    status: Status = Status.LIMITED,
    model: str | None = None,
) -> Outage:
    ends_ms = None if to_s is None else to_s * 1000
    return Outage(account=account, model=model, from_ms=from_s * 1000, to_ms=ends_ms, status=status)


def test_a_record_tells_hits_moves_and_refusals() -> None:
    runs = [run(1), run(2), run(3, account="b"), run(4, "other"), run(5, account=None)]
    outages = [
        out("a", 3, 4),
        out("b", 1, 2, Status.INVALID),
        out("c", 1, 2, Status.DISABLED),
    ]
    found = recorded(runs, outages, Scope.API_KEY)
    assert (found.runs, found.returning, found.hits, found.moved, found.refused) == (5, 2, 1, 1, 1)
    assert (found.limits_met, found.faults_met, found.hit_rate) == (1, 1, 0.5)
    assert (found.by_account, found.keys_by_account) == ({"a": 3, "b": 1}, {"a": 2, "b": 1})
    assert recorded([], [], Scope.API_KEY).hit_rate is None


def test_a_bound_key_stays_and_first_runs_spread_by_weight() -> None:
    runs = [run(at, f"k{at % 300}") for at in range(3000)]
    found = simulated(policy(("a", 1), ("b", 2)), runs, [])
    assert found.hit_rate == 1.0
    assert (found.keys_by_account, found.by_account) == ({"a": 100, "b": 200}, {"a": 1000, "b": 2000})


def test_a_binding_ends_after_its_last_use_and_no_scope_binds_nothing() -> None:
    apart = [run(at) for at in (0, 100, 200)]
    assert simulated(policy(("a", 1), ("b", 1), ttl_s=101), apart, []).hits == 2
    assert simulated(policy(("a", 1), ("b", 1), ttl_s=100), apart, []).hits == 0
    assert simulated(policy(("a", 1), ("b", 1), scope=Scope.NONE), apart, []).hits == 0


def test_sessions_of_one_caller_are_bound_apart() -> None:
    runs = [run(1, session="s"), run(2, session="t"), run(3, session="s")]
    found = simulated(policy(("a", 1), ("b", 1), scope=Scope.SESSION), runs, [])
    assert (found.by_account, found.hits, found.returning) == ({"a": 2, "b": 1}, 1, 1)


def test_the_first_call_meets_a_limit_and_moves_and_later_calls_know_of_it() -> None:
    runs = [run(1), run(5), run(6), run(7, "other"), run(20, "third"), run(21, "fourth")]
    found = simulated(policy(("a", 1), ("b", 1)), runs, [out("a", 4, 10), out("a", 2, 3)])
    assert (found.limits_met, found.moved, found.hits, found.refused) == (1, 1, 1, 0)
    assert found.by_account["b"] > 2
    assert found.by_account["a"] >= 2


def test_a_model_s_limit_is_met_by_its_own_calls_only() -> None:
    runs = [run(1), run(2)._replace(model="other"), run(3), run(20), run(21)]
    found = simulated(policy(("a", 1), ("b", 1)), runs, [out("a", 0, 10, model="m")])
    assert (found.limits_met, found.refused) == (1, 0)
    assert found.by_account == {"b": 5}, "the key that met the limit was bound to the other account"
    alone = simulated(policy(("a", 1)), runs, [out("a", 0, 10, model="m")])
    assert (alone.by_account, alone.refused, alone.limits_met) == ({"a": 3}, 2, 1)


def test_an_account_that_an_operator_took_out_is_met_by_nobody() -> None:
    found = simulated(policy(("a", 1), ("b", 1)), [run(1), run(2)], [out("a", 0, None, Status.DISABLED)])
    assert (found.by_account, found.limits_met, found.faults_met) == ({"b": 2}, 0, 0)


def test_runs_that_no_account_can_serve_are_refused() -> None:
    outages = [out(name, 0, None, Status.ERROR) for name in "abcd"]
    found = simulated(policy(*((name, 1) for name in "abcd")), [run(1), run(2), run(3)], outages)
    assert (found.refused, found.faults_met) == (3, 4)
    nobody = Policy(accounts=(PolicyAccount(id="a", models=("other",)),))
    assert simulated(nobody, [run(1)], []).refused == 1


def test_models_from_clients_are_remembered_up_to_a_bound() -> None:
    runs = [run(at)._replace(model=f"m{at}") for at in range(1500)]
    assert simulated(policy(("a", 1)), runs, []).by_account == {"a": 1500}


def test_outages_follow_from_the_changes_of_accounts() -> None:
    changes = [
        (1, "a", None, Status.LIMITED),
        (2, "b", None, Status.VALID),
        (3, "a", None, Status.ERROR),
        (4, "a", None, Status.VALID),
        (5, "b", None, Status.INVALID),
        (6, "c", "m", Status.LIMITED),
        (7, "c", None, Status.LIMITED),
        (8, "c", "m", Status.VALID),
    ]
    assert outages_of(changes) == [
        Outage(account="a", from_ms=1, to_ms=3, status=Status.LIMITED),
        Outage(account="a", from_ms=3, to_ms=4, status=Status.ERROR),
        Outage(account="c", model="m", from_ms=6, to_ms=8, status=Status.LIMITED),
        Outage(account="b", from_ms=5, to_ms=None, status=Status.INVALID),
        Outage(account="c", from_ms=7, to_ms=None, status=Status.LIMITED),
    ]
