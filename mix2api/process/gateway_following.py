"""Keeps the gateway's weights at what the release says, and records what came of it.

The shares of the workers never wait for the gateway: it is told once the release stands. A failed call is recorded and told, and
the guard tries again at each look.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from attrs import define

from mix2api.process.new_api import GatewayFault, LackingNewApi, NewApi, NewApiOptions, new_api_client
from mix2api.release.gateway import GatewayNews, weights_of
from mix2api.release.release import ReleaseState
from mix2api.release.stages import Stage
from mix2api.settings import NewApiGateway
from mix2api.store.store import Store
from mix2api.vocabulary import Channel


@define(eq=False)
class GatewayFollowing:
    """Tells a gateway.

    Args:
        store: where the release and the outcomes rest.
        new_api: the gateway; None: there is none to be told.
    """

    _store: Store
    _new_api: NewApi | LackingNewApi | None = None

    async def follow(self, state: ReleaseState, who: str, *, once_more: bool = False) -> GatewayNews | None:
        """Gives the gateway the weights of a stage, unless it was told them already.

        Args:
            state: the release that stands.
            who: for the record.
            once_more: tell it in any case: somebody may have changed its weights by hand.

        Returns:
            How it stands with the gateway; None: there is none, or no release was ever recorded.

        Raises:
            StoreUnavailable: Redis does not answer. Once more does no harm.
        """
        if self._new_api is None or state.stage is Stage.NONE:
            return None
        # Only then do the weights depend on who lives: a census asks for the lease of every shard.
        stable = await self._stable_versions() if state.stage is Stage.PROMOTED else frozenset[str]()
        weights, last = weights_of(state, stable), await self._store.gateway.last()
        if not once_more and last is not None and last.tells(state, weights):
            return last
        fault = ""
        try:
            await self._new_api.set_weights(weights)
        except GatewayFault as failed:
            fault = str(failed)
        news = GatewayNews(
            number=state.number,
            release=state.release,
            at_ms=await self._store.release.now_ms(),
            who=who,
            stable=weights.stable,
            canary=weights.canary,
            fault=fault,
        )
        if not news.repeats(last):
            await self._store.gateway.add(news)
        return news

    async def _stable_versions(self) -> frozenset[str]:
        processes = (await self._store.census.take()).processes
        return frozenset(one.version for one in processes if one.channel == Channel.STABLE)


def new_api_options(group: NewApiGateway) -> NewApiOptions | None:
    """The gateway that the settings name; None if one of its settings is missing."""
    if (
        group.url is None
        or group.token is None
        or group.stable_channel is None
        or group.canary_channel is None
    ):
        return None
    return NewApiOptions(
        url=group.url,
        token=group.token,
        user=group.user,
        stable=group.stable_channel,
        canary=group.canary_channel,
    )


@asynccontextmanager
async def gateway_following(store: Store, group: NewApiGateway) -> AsyncIterator[GatewayFollowing]:
    """The following of a deployment, by its settings. Closes its connections at the end."""
    if group.url is None:
        yield GatewayFollowing(store)
        return
    options = new_api_options(group)
    if options is None:
        yield GatewayFollowing(store, LackingNewApi(group.lacking()))
        return
    with closing(new_api_client()) as client:
        yield GatewayFollowing(store, NewApi(options, client))
