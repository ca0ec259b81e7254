"""The `mix` upstream: a site that keeps the conversation and streams AI-SDK UI-message frames.

`mix` puts the dialect together for `mix2api.upstreams.site_upstream`. All else here is pure: `request` (call to body),
`frames` (one frame to events), `transcript` (a stream's events and its ending), `answer` (the answer that is not a stream).
"""
