"""Recorded runs, put to a policy: which account would have served each, and what that had cost. Pure.

Time is that of the record. A run keeps its moment, whatever the policy makes of it. What accounts would have said is taken from
the record, too: an account that was limited then is limited now, for as long as it was. The first call that is put to such an
account meets the limit, and goes to another account; later calls know of it. A limit of one model is met by calls for that
model only. An account that is not in the record never fails.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from attrs import define, field, frozen

from mix2api.accounts.choice import Candidate, SmoothChoice
from mix2api.accounts.policy import Policy, PolicyAccount, Scope
from mix2api.accounts.state import Status

_MODELS: Final = 1000
"""Models whose accounts are remembered."""


class Demand(NamedTuple):
    """A recorded run. A tuple: a record has millions."""

    at_ms: int
    """Unix milliseconds: when it was accepted."""
    caller: str
    """Digest of the caller's credential."""
    session: str
    """Digest of the caller's session."""
    model: str
    account: str | None
    """That served it. None: no account could."""


def is_foreign(model: str) -> bool:
    """Whether a model of the record is the digest of a name that the deployment does not know (`#digest/length`)."""
    return model.startswith("#")


@frozen(kw_only=True)
class Outage:
    """A time in which an account did not serve."""

    account: str
    from_ms: int
    to_ms: int | None
    """None: it has not come back."""
    status: Status
    """What it was: `disabled` is known to everybody at once."""
    model: str | None = None
    """It did not serve this model. None: it did not serve any."""


def outages_of(changes: Iterable[tuple[int, str, str | None, Status]]) -> list[Outage]:
    """The outages that follow from changes.

    Args:
        changes: of accounts, the oldest first: Unix milliseconds, account, model that it is about (None: all of them), status
            from then on.
    """
    since: dict[tuple[str, str | None], tuple[int, Status]] = {}
    found = []
    for at_ms, account, model, status in changes:
        if (account, model) in since:
            from_ms, was = since.pop((account, model))
            found.append(Outage(account=account, model=model, from_ms=from_ms, to_ms=at_ms, status=was))
        if status is not Status.VALID:
            since[account, model] = at_ms, status
    left = (
        Outage(account=one, model=model, from_ms=at_ms, to_ms=None, status=was)
        for (one, model), (at_ms, was) in since.items()
    )
    return [*found, *left]


@frozen(kw_only=True)
class Outcome:
    """What became of the runs."""

    runs: int
    by_account: Mapping[str, int]
    """Runs that each account served."""
    keys_by_account: Mapping[str, int]
    """Keys that each account met."""
    returning: int
    """Runs whose key had had a run before."""
    hits: int
    """Of these: runs on the account of the key's last run. What that account has cached counts."""
    limits_met: int
    """Calls that an account answered with 429; another account could take most of them."""
    faults_met: int
    """Calls that met an account in another outage."""
    refused: int
    """Runs that no account could serve: their clients get a 429."""

    @property
    def moved(self) -> int:
        """Runs of a key on another account than the run before."""
        return self.returning - self.hits

    @property
    def hit_rate(self) -> float | None:
        """Hits of the returning runs; None if there are none."""
        return self.hits / self.returning if self.returning else None


@define(eq=False)
class _Count:
    """An outcome that grows."""

    runs: int = 0
    returning: int = 0
    hits: int = 0
    limits_met: int = 0
    faults_met: int = 0
    refused: int = 0
    by_account: dict[str, int] = field(factory=dict)
    _keys: dict[str, set[str]] = field(factory=dict)
    _last: dict[str, str] = field(factory=dict)
    """Key -> account of its last run."""

    def serve(self, key: str, account: str) -> None:
        self.by_account[account] = self.by_account.get(account, 0) + 1
        self._keys.setdefault(account, set()).add(key)
        last = self._last.get(key)
        if last is not None:
            self.returning += 1
            self.hits += last == account
        self._last[key] = account

    def outcome(self) -> Outcome:
        return Outcome(
            runs=self.runs,
            by_account=self.by_account,
            keys_by_account={account: len(keys) for account, keys in self._keys.items()},
            returning=self.returning,
            hits=self.hits,
            limits_met=self.limits_met,
            faults_met=self.faults_met,
            refused=self.refused,
        )


def recorded(demands: Iterable[Demand], outages: Iterable[Outage], scope: Scope) -> Outcome:
    """What became of the runs as they were.

    Args:
        demands: in the order of their moments.
        outages: each of them was met by one call at least.
        scope: tells the keys apart.
    """
    count = _Count()
    for demand in demands:
        count.runs += 1
        if demand.account is None:
            count.refused += 1
        else:
            count.serve(_key(demand, scope), demand.account)
    for outage in outages:
        count.limits_met += outage.status is Status.LIMITED
        count.faults_met += outage.status not in {Status.LIMITED, Status.DISABLED}
    return count.outcome()


def simulated(policy: Policy, demands: Iterable[Demand], outages: Sequence[Outage]) -> Outcome:
    """What would have become of the runs under a policy.

    Args:
        policy: that chooses.
        demands: in the order of their moments.
        outages: of the accounts, from the record.
    """
    pool = _Pool(policy, outages)
    for demand in demands:
        pool.put(demand)
    return pool.count.outcome()


class _Pool:
    """The accounts of a policy at work, as `mix2api.upstreams.accounts.pool` and its script are."""

    def __init__(self, policy: Policy, outages: Sequence[Outage]) -> None:
        self.count = _Count()
        self._policy = policy
        self._choice = SmoothChoice()
        self._bindings: dict[str, tuple[str, int]] = {}
        """Key -> its account, and when that ends."""
        self._serving: dict[str, tuple[PolicyAccount, ...]] = {}
        self._outages: dict[tuple[str, str | None], list[Outage]] = {}
        for outage in sorted(outages, key=lambda one: one.from_ms, reverse=True):
            self._outages.setdefault((outage.account, outage.model), []).append(outage)
        self._known: set[tuple[str, str | None]] = set()
        """Accounts, and models of theirs, whose present outage some call has met."""

    def put(self, demand: Demand) -> None:
        """One run."""
        self.count.runs += 1
        key, at_ms = _key(demand, self._policy.scope), demand.at_ms
        bound, ends_ms = self._bindings.get(key, (None, 0))
        if at_ms >= ends_ms:
            bound = None
        fit = [one for one in self._of(demand.model) if not self._is_known_out(one.id, demand)]
        for _ in range(self._policy.tries):
            account = self._chosen(bound, fit)
            if account is None:
                break
            if not self._meets(account, demand):
                self.count.serve(key, account)
                if self._policy.scope is not Scope.NONE:
                    self._bindings[key] = account, at_ms + self._policy.ttl_s * 1000
                return
            fit = [one for one in fit if one.id != account]
        self.count.refused += 1

    def _chosen(self, bound: str | None, fit: Sequence[PolicyAccount]) -> str | None:
        if any(one.id == bound for one in fit):
            return bound
        return self._choice.choose([Candidate(one.id, one.weight, one.priority) for one in fit])

    def _of(self, model: str) -> tuple[PolicyAccount, ...]:
        serving = self._serving.get(model)
        if serving is None:
            if len(self._serving) >= _MODELS:
                self._serving.clear()
            serving = tuple(one for one in self._policy.accounts if one.serves(model))
            self._serving[model] = serving
        return serving

    def _outages_now(self, account: str, demand: Demand) -> list[Outage]:
        """The outages that keep an account from a run. Those that are over are forgotten: time only goes on."""
        found = []
        for of in ((account, None), (account, demand.model)):
            coming = self._outages.get(of, [])
            while coming and coming[-1].to_ms is not None and coming[-1].to_ms <= demand.at_ms:
                coming.pop()
                self._known.discard(of)
            if coming and coming[-1].from_ms <= demand.at_ms:
                found.append(coming[-1])
        return found

    def _is_known_out(self, account: str, demand: Demand) -> bool:
        return any(
            (account, outage.model) in self._known or outage.status is Status.DISABLED
            for outage in self._outages_now(account, demand)
        )

    def _meets(self, account: str, demand: Demand) -> bool:
        """Whether a call finds the account in an outage; then everybody knows of it."""
        outage = next(iter(self._outages_now(account, demand)), None)
        if outage is None:
            return False
        self._known.add((account, outage.model))
        if outage.status is Status.LIMITED:
            self.count.limits_met += 1
        else:
            self.count.faults_met += 1
        return True


def _key(demand: Demand, scope: Scope) -> str:
    """What tells keys apart. Without bindings callers still have caches, so their runs are compared."""
    return demand.session if scope is Scope.SESSION else demand.caller
