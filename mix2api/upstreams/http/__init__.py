"""An HTTP/1.1 client for long streams: h11 for heads, own body decoder, own keep-alive pool, trio streams and TLS.

`client` is what upstreams use; `exchange` is one request and its answer. Why not a ready-made client: ADR 0004.
"""
