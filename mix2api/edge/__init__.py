"""The HTTP edge: Quart on trio, served by Hypercorn. Knows OpenAI's wire and the `Dispatch` port, nothing of upstreams.

`app.build_app` makes the application, `serving.server_config` its server's settings; `options.EdgeOptions` has all
that can be set.
"""
