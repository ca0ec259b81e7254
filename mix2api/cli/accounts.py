"""`mix2api accounts`: the accounts of the upstream, what is known of them, and the API keys that are bound to them."""

import argparse
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TextIO

from attrs import frozen

from mix2api.accounts.account import Account
from mix2api.accounts.model_limits import Limits
from mix2api.accounts.policy import Policy, read_policy
from mix2api.accounts.state import AccountState
from mix2api.cli.account_policies import policy_now, print_simulation, read_record
from mix2api.cli.durations import duration_ms
from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import Clock, SystemClock
from mix2api.errors import ConfigurationError
from mix2api.process.accounts import listed_accounts, shared_accounts
from mix2api.process.groups import http_options
from mix2api.process.named_upstreams import upstream_called
from mix2api.process.text_file import text_of
from mix2api.projections.pool_runs import PoolRuns
from mix2api.settings import Settings
from mix2api.store.account_actions import WEIGHT_MAX, AccountAction, act
from mix2api.store.accounts import RedisAccounts
from mix2api.store.store import Store
from mix2api.upstreams.accounts.probing import TOLD, probe
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.http.client import HttpClient
from mix2api.vocabulary import Digest

_NOT_FOUND: Final = 3
_HELP: Final = "the upstream's accounts: their states, and the API keys that are bound to them"
_EPILOG: Final = """\
list                 all accounts of the file
show ID              one account, and its models that are limited
enable ID            takes the account back, and ends a drain
disable ID           nobody uses the account, from the next request on
drain ID             no further API key is bound to the account
weight ID NUMBER     its weight instead of the file's; 0: the file's again
bindings             the API keys (their digests) and their accounts
unbind KEY           removes a binding
changes              what has changed of the accounts, and why
probe [ID]           asks for a list of models, and changes the state by the answer
reset ID             forgets all that is known of the account and its models, an operator's words included
simulate --policy F  puts the recorded runs to another policy (TOML), and compares
Exit codes: 0, 2 wrong arguments or settings, 3 no such account or binding.
"""
_WINDOW: Final = "how far back: 15m, 24h (default), 7d"
_WITH_ID: Final = ("show", "enable", "disable", "drain", "reset")
_WEIGHTS: Final = range(WEIGHT_MAX + 1)
_COLUMNS: Final = ("account", "type", "status", "why", "since", "next try", "weight", "priority", "models")

_LIMIT_COLUMNS: Final = ("limited model", "why", "its own", "since", "next try", "announced end")


@frozen(kw_only=True)
class AccountsQuery:
    """What was asked for."""

    action: str
    name: str = ""
    """An account's id, or a key's digest."""
    weight: int | None = None


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "accounts",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--upstream", metavar="NAME", help="of MIX2API_UPSTREAMS_FILE: whose accounts")
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("list", "bindings", "changes"):
        actions.add_parser(action)
    for action in _WITH_ID:
        actions.add_parser(action).add_argument("name", metavar="ID")
    weighing = actions.add_parser("weight")
    weighing.add_argument("name", metavar="ID")
    weighing.add_argument("weight", type=int, choices=_WEIGHTS, metavar="NUMBER")
    actions.add_parser("probe").add_argument("name", metavar="ID", nargs="?", default="")
    simulating = actions.add_parser("simulate")
    simulating.add_argument("--policy", type=Path, required=True, metavar="FILE", help="docs/accounts.md")
    simulating.add_argument("--window", type=duration_ms, default="24h", metavar="TIME", help=_WINDOW)
    actions.add_parser("unbind").add_argument("name", metavar="KEY")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = AccountsQuery(
        action=arguments.action,
        name=getattr(arguments, "name", ""),
        weight=getattr(arguments, "weight", None) or None,
    )
    upstream = upstream_called(settings, arguments.upstream)
    listed = listed_accounts(upstream.settings)
    if not listed:
        raise ConfigurationError("MIX2API_ACCOUNTS_FILE is not set: there are no accounts")
    clock = SystemClock()

    policy = _policy(arguments.policy) if query.action == "simulate" else None

    async def read(store: Store) -> int:
        shared = shared_accounts(upstream.settings, store, clock, upstream.pool)
        if policy is not None:
            ids = [one.id for one in listed]
            runs = PoolRuns(ids, upstream.prefix, upstream.strips_prefix)
            record = await read_record(store, shared, runs, arguments.window)
            print_simulation(record, policy_now(listed, upstream.settings), policy, stdout())
            return 0
        if query.action != "probe":
            return await accounts(shared, listed, query, stdout(), clock)
        asked = [one for one in listed if query.name in {"", one.id}]
        secrets = Secrets(asked, os.environ, str(upstream.settings.pool.file))
        with closing(HttpClient(http_options(upstream.settings), clock)) as client:
            return await probed(shared, asked, secrets, client, stdout())

    return read_store(settings, "accounts", read)


def _policy(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        ConfigurationError: it cannot be read, or is wrong.
    """
    return read_policy(text_of(path, "--policy"), str(path))


async def probed(
    shared: RedisAccounts, asked: Sequence[Account], secrets: Secrets, client: HttpClient, out: TextIO
) -> int:
    """Probes accounts one after the other, changes their states by what is seen, prints, and gives the exit code.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    rows = []
    for one in asked:
        found = await probe(one, secrets.of(one.id), client, SystemClock().now_ms())
        if found.seen in TOLD:
            await shared.judge(one.id, found.seen, found.reset)
        state = (await shared.states([one.id]))[one.id]
        rows.append((one.id, one.type.value, found.word, state.status.value, state.reason))
    print_table(("account", "type", "answer", "status", "why"), rows, out)
    return 0 if asked else _NOT_FOUND


async def accounts(
    shared: RedisAccounts, listed: Sequence[Account], query: AccountsQuery, out: TextIO, clock: Clock
) -> int:
    """Does what was asked for, prints, and gives the exit code.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if query.action == "bindings":
        await _print_bindings(shared, out, clock)
        return 0
    if query.action == "changes":
        await _print_changes(shared, out, clock)
        return 0
    if query.action == "unbind":
        return 0 if await shared.unbind(Digest(query.name)) else _NOT_FOUND
    found = [one for one in listed if query.action == "list" or one.id == query.name]
    if not found:
        return _NOT_FOUND
    if query.action not in {"list", "show"}:
        await _change(shared, query)
    ids = [one.id for one in found]
    states, limits, now_ms = await shared.states(ids), await shared.limits(ids), clock.now_ms()
    print_table(_COLUMNS, [_row(one, states[one.id], limits[one.id], now_ms) for one in found], out)
    if query.action == "show" and limits[query.name]:
        print(file=out)
        _print_limits(limits[query.name], out, now_ms)
    return 0


async def _change(shared: RedisAccounts, query: AccountsQuery) -> None:
    """Does what the action says to the account."""
    if query.action == "weight":
        await shared.weigh(query.name, query.weight)
    else:
        await act(shared, query.name, AccountAction(query.action))


def _row(account: Account, state: AccountState, limits: Limits, now_ms: int) -> tuple[str, ...]:
    status = state.status.value if account.enabled else "disabled"
    why = state.reason if account.enabled else "file"
    in_force = sum(one.state.probe_ms > now_ms for one in limits)
    words = (
        status,
        "drained" if state.is_drained else "",
        f"{in_force} models limited" if in_force > 1 else "1 model limited" if in_force else "",
    )
    return (
        account.id,
        account.type.value,
        ", ".join(filter(None, words)),
        why,
        _ago(state.since_ms, now_ms),
        _in(state.probe_ms, now_ms),
        str(state.weight or account.weight),
        str(account.priority),
        " ".join(account.models),
    )


def _print_limits(limits: Limits, out: TextIO, now_ms: int) -> None:
    """The models of one account that are limited."""
    rows = [
        (
            one.model,
            one.state.reason,
            "yes" if one.is_own else "assumed",
            _ago(one.state.since_ms, now_ms),
            _in(one.state.probe_ms, now_ms),
            _in(one.state.until_ms, now_ms),
        )
        for one in limits
    ]
    print_table(_LIMIT_COLUMNS, rows, out)


async def _print_bindings(shared: RedisAccounts, out: TextIO, clock: Clock) -> None:
    now_ms = clock.now_ms()
    rows = [
        (
            one.api_key,
            one.account,
            one.platform,
            one.model,
            "confirmed" if one.is_confirmed else "claimed",
            _ago(one.created_ms, now_ms),
            _ago(one.used_ms, now_ms),
            f"{one.left_s} s",
        )
        async for one in shared.bindings()
    ]
    columns = ("key", "account", "platform", "model", "state", "created", "used", "ends in")
    print_table(columns, sorted(rows), out)


async def _print_changes(shared: RedisAccounts, out: TextIO, clock: Clock) -> None:
    now_ms = clock.now_ms()
    rows = [
        (
            _ago(one.at_ms, now_ms),
            one.account,
            one.model or "",
            _words(one.before),
            _words(one.after),
            one.after.reason,
        )
        for one in await shared.changes()
    ]
    print_table(("when", "account", "model", "before", "after", "why"), rows, out)


def _words(state: AccountState) -> str:
    """Status, and what an operator has said."""
    drained = ", drained" if state.is_drained else ""
    return f"{state.status.value}{drained}" + ("" if state.weight is None else f", weight {state.weight}")


def _in(at_ms: int, now_ms: int) -> str:
    return f"{max(0, at_ms - now_ms) // 1000} s" if at_ms else ""


def _ago(at_ms: int, now_ms: int) -> str:
    return f"{max(0, now_ms - at_ms) // 1000} s ago" if at_ms else ""
