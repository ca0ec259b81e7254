"""The HTTP edge. Knows OpenAI's wire and the `Dispatch` port, nothing of upstreams.

`server.serve` listens, `connection.Connection` has one client's requests, `app.build_app` makes what answers them: `chat`,
and a Quart application for all other routes. `options.EdgeOptions` has all that can be set.
"""
