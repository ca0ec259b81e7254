"""An HTTP/1.1 client for long streams: own heads and bodies, own keep-alive pool, sockets in trio's loop, trio's TLS.

`client` is what upstreams use; `exchange` is one request and its answer; `watch` has the exchange's limits in time. Why not a
ready-made client: ADR 4. Why without h11 and without trio's streams: ADR 25.
"""
