"""The runs of a pool of accounts, from the audit: who asked for which model, when, and which account served it.

The audit has digests of callers and sessions, and no content (`mix2api.events.audit_entry`).
"""

from collections.abc import Collection

from attrs import define, field

from mix2api.accounts.simulation import Demand, is_foreign
from mix2api.events.audit_entry import EndSummary, read_end_summary, read_request_summary
from mix2api.vocabulary import Detail, EndReason


@define
class PoolRuns:
    """Collects them. Some 200 bytes for each run.

    Args:
        accounts: ids of the pool's accounts. Runs of other accounts, or of none, are other upstreams'.
        prefix: of the models of the pool's upstream, as clients name them.
        strips_prefix: the pool and its limits know the models without the prefix.
    """

    accounts: Collection[str]
    prefix: str = ""
    strips_prefix: bool = False
    callerless: int = field(default=0, init=False)
    """Runs of the pool whose caller is not recorded, because an older process wrote them. They are left out."""
    _demands: list[Demand] = field(factory=list, init=False)
    _words: dict[str, str] = field(factory=dict, init=False)
    """Each digest and each name once: a run repeats those of thousands of others."""

    def add_run(self, request: bytes, end: bytes) -> None:
        """A run that ended, by the two halves of its entry. One that is damaged is left out, as `mix2api audit` counts."""
        asked, ended = read_request_summary(request), read_end_summary(end)
        if asked is None or ended is None or not self._is_ours(asked.model, ended):
            return
        if asked.caller is None or asked.isolation is None:
            self.callerless += 1
            return
        word = self._words.setdefault
        model = asked.model.removeprefix(self.prefix) if self.strips_prefix else asked.model
        account = None if ended.account is None else word(ended.account, ended.account)
        self._demands.append(
            Demand(
                asked.at_ms,
                word(asked.caller, asked.caller),
                word(asked.isolation, asked.isolation),
                word(model, model),
                account,
            )
        )

    def in_order(self) -> list[Demand]:
        """The runs by the moments at which they were accepted."""
        return sorted(self._demands, key=lambda demand: demand.at_ms)

    def _is_ours(self, model: str, ended: EndSummary) -> bool:
        """Whether an account of the pool served the run, or the pool had none that could."""
        if ended.account is not None:
            return ended.account in self.accounts
        is_refused = ended.end_reason is EndReason.UPSTREAM_ERROR and ended.detail == Detail.RATE_LIMIT
        return is_refused and (model.startswith(self.prefix) or is_foreign(model))
