"""The event log in Redis: connections, keys, scripts, group commit, leases, post, and the embedded server.

Open it with `mix2api.store.opening.open_store`; nothing here knows of HTTP or of upstreams.
"""
