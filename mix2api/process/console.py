"""The process of `mix2api console`: its store, the reading on, the listener; until it is told to stop."""

import hashlib
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import trio

from mix2api.budget.profile import Profile
from mix2api.clock import SystemClock
from mix2api.console.app import build_app
from mix2api.console.options import ConsoleOptions, ConversationOptions
from mix2api.console.parts import Console
from mix2api.console.ports import AccountPool, ConsolePorts
from mix2api.console.serving import serve_console
from mix2api.console.tokens import AdminToken, Role, parse_tokens, without_tokens
from mix2api.conversations.agents import agents_by_key
from mix2api.counting.profile_files import ProfilesRefused, load_profiles
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.logs import configure_logging
from mix2api.process.accounts import listed_accounts, shared_accounts
from mix2api.process.conversing import listed_agents
from mix2api.process.gateway_following import GatewayFollowing, gateway_following
from mix2api.process.groups import inbound_keys, profile_sources
from mix2api.process.named_upstreams import named_upstreams, with_models
from mix2api.process.plain_faults import plain_faults
from mix2api.process.retiring import retire_session
from mix2api.process.storing import store_options
from mix2api.process.text_file import text_of
from mix2api.redaction import place_of
from mix2api.relay.messages import WakeUp, encode_mail
from mix2api.settings import Settings, effective
from mix2api.settings.bounds import DAY_MS
from mix2api.settings.choices import InboundAuthMode
from mix2api.store.opening import open_store
from mix2api.store.release_actions import Obeyed, ReleaseOrder, obey
from mix2api.store.store import Store
from mix2api.supervision import supervised
from mix2api.vocabulary import Digest, Retirement, SessionId


def console_options(settings: Settings) -> ConsoleOptions:
    """The console's.

    Raises:
        ConfigurationError: there are no admin tokens, their file is wrong, or has a user where there are no conversations.
    """
    console = settings.console
    if console.tokens_file is None:
        raise without_tokens()
    text = text_of(console.tokens_file, "MIX2API_CONSOLE_TOKENS_FILE")
    tokens = parse_tokens(text, str(console.tokens_file))
    conversations = _conversations(settings)
    if conversations is None and any(token.role is Role.USER for token in tokens):
        raise ConfigurationError(
            "MIX2API_CONSOLE_TOKENS_FILE: the role user sees conversations alone, and there are none: "
            "set MIX2API_CONVERSATIONS=true, or take the entry out"
        )
    _check_users(settings, tokens)
    return ConsoleOptions(
        tokens=tokens,
        session_s=console.session_s,
        runs=console.runs,
        retention_s=settings.storing.retention_s,
        profiles=_profiles(settings),
        settings=effective(settings),
        conversations=conversations,
    )


def _check_users(settings: Settings, tokens: Iterable[AdminToken]) -> None:
    """Holds users to the keys that an edge lets in: a message costs the same calls by either door.

    Raises:
        ConfigurationError: a user's key is none of those.
    """
    inbound = settings.inbound_auth
    if inbound.mode is InboundAuthMode.KEYS:
        known = {bytes.fromhex(key.sha256) for key in inbound_keys(settings)}
    elif inbound.mode is InboundAuthMode.BEARER and inbound.bearer_token:
        known = {hashlib.sha256(inbound.bearer_token.encode()).digest()}
    else:
        return  # an edge lets every key in
    for token in tokens:
        if token.role is Role.USER and token.sha256 not in known:
            raise ConfigurationError(
                f"MIX2API_CONSOLE_TOKENS_FILE: the entry {token.admin!r} has the hash of no API key that "
                "INBOUND_AUTH_MODE lets in: correct its sha256, or take the entry out"
            )


def _conversations(settings: Settings) -> ConversationOptions | None:
    if not settings.conversing.enabled:
        return None
    conversing = settings.conversing
    return ConversationOptions(
        shards=settings.storing.shards,
        life_ms=conversing.retention_days * DAY_MS,
        busy=conversing.busy,
        agents=tuple(agents_by_key(listed_agents(settings))),
    )


def console_ports(settings: Settings, store: Store, gateway: GatewayFollowing) -> ConsolePorts:
    """What the console may change.

    Args:
        settings: the process's.
        store: where it rests.
        gateway: follows the release.

    Raises:
        ConfigurationError: a file of upstreams or accounts is wrong.
    """
    one_at_a_time = trio.Lock()  # the answers of owners come to this process, and not to who asked

    async def retire(session_id: SessionId) -> Retirement | None:
        async with one_at_a_time:
            return await retire_session(store, session_id)

    async def change_release(order: ReleaseOrder) -> Obeyed:
        obeyed = await obey(store, order)
        await gateway.follow(obeyed.state, order.who)
        return obeyed

    pools = []
    for upstream in named_upstreams(settings):
        listed = listed_accounts(upstream.settings)
        if listed:
            shared = shared_accounts(upstream.settings, store, SystemClock(), upstream.pool)
            pools.append(AccountPool(upstream=upstream.name, listed=listed, shared=shared))
    return ConsolePorts(
        retire=retire,
        change_release=change_release,
        pools=tuple(pools),
        stir=partial(_stir, store, settings.storing.shards),
    )


async def _stir(store: Store, shards: int, conversation: Digest) -> None:
    """Wakes the process that runs the conversation's turns. Without it the process looks by itself, a third of a lease later."""
    shard = store.conversations(shards, life_ms=0).shard(conversation)
    with suppress(StoreUnavailable):
        owner = await store.post.lease_owner(shard)
        if owner is not None:
            await store.post.mail(owner, encode_mail(WakeUp(shard)))


def _profiles(settings: Settings) -> dict[str, Profile]:
    try:
        table = load_profiles(profile_sources(settings))
    except ProfilesRefused as refusal:
        raise ConfigurationError(str(refusal)) from None
    shown = with_models(settings, named_upstreams(settings)).listening.models
    return {name: table.profile_of(name) for name in dict.fromkeys((*shown, *table.named))}


async def run_console(
    settings: Settings,
    *,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs the console until SIGTERM, SIGINT or `stop`; reports its address.

    Raises:
        ConfigurationError: one line for each thing that is wrong.
    """
    options = console_options(settings)
    context = {"role": "console", "channel": settings.release.channel.value}
    logger = configure_logging(settings.logging.format, settings.logging.level, sys.stderr, context)
    stopping = trio.Event() if stop is None else stop

    def on_fault(name: str, fault: BaseException) -> None:
        place = place_of(fault)
        logger.error("console.task_failed", task=name, error=place.error, at=place.at)

    with plain_faults():
        async with (
            open_store(store_options(settings, "console")) as store,
            gateway_following(store, settings.new_api) as gateway,
            trio.open_nursery() as nursery,
        ):
            console = Console(
                options=options,
                store=store,
                clock=SystemClock(),
                logger=logger,
                ports=console_ports(settings, store, gateway),
            )
            nursery.start_soon(_on_signals, stopping)
            nursery.start_soon(supervised, "following", console.following.follow, on_fault)
            try:
                url = await nursery.start(
                    serve_console,
                    build_app(console),
                    (settings.console.host, settings.console.port),
                    stopping.wait,
                )
            except OSError as fault:
                raise ConfigurationError(
                    "MIX2API_CONSOLE_HOST, MIX2API_CONSOLE_PORT: the address cannot be listened on "
                    f"({fault.strerror}): name another"
                ) from None
            logger.info("console.started", url=url)
            task_status.started(url)
            await stopping.wait()
            nursery.cancel_scope.cancel()


async def _on_signals(stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if stopping.is_set():
                raise KeyboardInterrupt  # told twice: now
            stopping.set()
