"""`mix2api accounts simulate`: the recorded runs of a pool, put to another policy. It reads, and changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TextIO

from attrs import frozen

from mix2api.accounts.account import Account
from mix2api.accounts.policy import Policy, PolicyAccount, Scope
from mix2api.accounts.simulation import Demand, Outage, Outcome, is_foreign, outages_of, recorded, simulated
from mix2api.cli.tables import print_table
from mix2api.projections.pool_runs import PoolRuns
from mix2api.settings import Settings
from mix2api.settings.choices import BindingScope
from mix2api.store.accounts import RedisAccounts
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.store import Store

_NONE: Final = "-"
_FOREIGN: Final = "the audit has digests of their names, which no pattern and no limit can be held against"
_RECORDED, _NOW, _POLICY = "recorded", "as it is", "policy"


@frozen(kw_only=True)
class Record:
    """What has happened in the window."""

    demands: Sequence[Demand]
    outages: Sequence[Outage]
    callerless: int
    """Runs that are left out, because older processes did not record their callers."""
    is_renamed: bool
    """The pool knows its models by other names than the audit does, so digests of the names differ, too."""

    def foreign(self, policies: Iterable[Policy]) -> int:
        """Runs of models that the deployment does not know, if they cannot be replayed.

        The audit has a digest of such a name. No pattern can be held against a digest, and the digest is not that of a limit
        whose model has another name.
        """
        accounts = (one for policy in policies for one in policy.accounts)
        is_limited = self.is_renamed and any(is_foreign(one.model or "") for one in self.outages)
        if not is_limited and all(one.serves_all for one in accounts):
            return 0
        return sum(is_foreign(demand.model) for demand in self.demands)


def policy_now(listed: Sequence[Account], settings: Settings) -> Policy | None:
    """The policy of the settings and the accounts' file; None: it binds by what the audit does not have."""
    pool = settings.pool
    scope = pool.binding_scope(settings.site.kind)
    if scope is BindingScope.LINEAGE:
        return None
    return Policy(
        accounts=tuple(
            PolicyAccount(
                id=one.id,
                weight=one.weight,
                priority=one.priority,
                enabled=one.enabled,
                models=one.models,
            )
            for one in listed
            if one.type.value == settings.site.kind.value
        ),
        scope=Scope(scope.value),
        ttl_s=pool.binding_ttl_s,
        tries=pool.tries,
    )


async def read_record(store: Store, shared: RedisAccounts, runs: PoolRuns, window_ms: int) -> Record:
    """Reads the audit and the changes of accounts.

    Args:
        store: open.
        shared: what is known of the accounts.
        runs: of the pool, none yet.
        window_ms: how far back.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    async for batch in store.audit.read_audit(window_ms):
        for entry in batch:
            if isinstance(entry, AuditedRun):
                runs.add_run(entry.request, entry.end)
    changes = [(one.at_ms, one.account, one.model, one.after.status) for one in await shared.changes()]
    return Record(
        demands=runs.in_order(),
        outages=outages_of(changes),
        callerless=runs.callerless,
        is_renamed=runs.strips_prefix and runs.prefix != "",
    )


def print_simulation(record: Record, now: Policy | None, policy: Policy, out: TextIO) -> None:
    """Puts the record to both policies, and prints what came of it."""
    foreign = record.foreign([policy] if now is None else [policy, now])
    demands = [one for one in record.demands if not (foreign and is_foreign(one.model))]
    since_ms = record.demands[0].at_ms if record.demands else 0
    outages = [one for one in record.outages if one.to_ms is None or one.to_ms >= since_ms]
    outcomes = {_RECORDED: recorded(demands, outages, policy.scope)}
    if now is not None:
        outcomes[_NOW] = simulated(now, demands, outages)
    outcomes[_POLICY] = simulated(policy, demands, outages)
    print_table(("", *outcomes), _figures(outcomes), out)
    print(file=out)
    columns = ("account", *(f"{name}: runs" for name in outcomes), "share", "by weight", "keys")
    print_table(columns, _accounts(outcomes, policy), out)
    if now is None:
        print("as it is: bound by lineage, which the audit does not have", file=out)
    if record.callerless:
        print(f"left out: {record.callerless} runs of older processes, without a caller", file=out)
    if foreign:
        print(f"left out: {foreign} runs of models that MODEL_LIST does not have: {_FOREIGN}", file=out)


def _figures(outcomes: Mapping[str, Outcome]) -> list[tuple[str, ...]]:
    return [
        ("runs", *(str(one.runs) for one in outcomes.values())),
        ("hit rate", *(_percent(one.hit_rate) for one in outcomes.values())),
        ("moved", *(str(one.moved) for one in outcomes.values())),
        ("429s of accounts", *(str(one.limits_met) for one in outcomes.values())),
        ("other faults of accounts", *(str(one.faults_met) for one in outcomes.values())),
        ("refused", *(str(one.refused) for one in outcomes.values())),
    ]


def _accounts(outcomes: Mapping[str, Outcome], policy: Policy) -> list[tuple[str, ...]]:
    """One row an account: its runs, and its share under the policy beside that of its weight."""
    last = outcomes[_POLICY]
    served, weights = sum(last.by_account.values()), _weights(policy)
    names = sorted({name for one in outcomes.values() for name in one.by_account} | weights.keys())
    return [
        (
            name,
            *(str(one.by_account.get(name, 0)) for one in outcomes.values()),
            _percent(last.by_account.get(name, 0) / served if served else None),
            _percent(weights.get(name)),
            str(last.keys_by_account.get(name, 0)),
        )
        for name in names
    ]


def _weights(policy: Policy) -> dict[str, float]:
    """The share that each account of the first priority should have."""
    enabled = [one for one in policy.accounts if one.enabled]
    first = min((one.priority for one in enabled), default=0)
    chosen = [one for one in enabled if one.priority == first]
    total = sum(one.weight for one in chosen)
    return {one.id: one.weight / total for one in chosen}


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.1%}"
