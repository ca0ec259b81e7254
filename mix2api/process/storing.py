"""The store's settings to its options, apart from `groups`: a command that only reads needs no other part of a process.

`groups` loads the actors and every kind of site. That took a quarter of the time in which `mix2api slo` starts.
"""

from mix2api import __version__
from mix2api.settings import Settings
from mix2api.store.options import StoreOptions
from mix2api.store.redis.location import Timeouts


def store_options(settings: Settings, role: str) -> StoreOptions:
    """The store's options.

    Args:
        settings: the process's.
        role: what the process is: `serve`, `edge`, `worker`, or a command's name.
    """
    storing = settings.storing
    return StoreOptions(
        url=storing.url,
        data_dir=storing.data_dir,
        prefix=storing.prefix,
        shards=storing.shards,
        secret=storing.secret,
        timeouts=Timeouts(connect_s=storing.connect_timeout_ms / 1000),
        retention_s=storing.retention_s,
        waiting_s=max(1, settings.sessions.ttl_ms // 1000),
        lease_s=float(storing.lease_s),
        receipt_window_s=storing.receipt_window_ms / 1000,
        version=__version__,
        channel=settings.release.channel,
        weight=settings.release.weight,
        role=role,
    )
