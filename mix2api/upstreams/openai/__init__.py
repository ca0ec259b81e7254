"""The `openai` upstream: any server of OpenAI's Chat Completions, passed through with as little change as our promises allow.

`openai` puts the dialect together for `mix2api.upstreams.site_upstream`. All else here is pure: `request` (call to body),
`chunks` (one chunk's shape), `calls` (deltas of tool calls), `transcript` (a stream's events and its ending), `answer` (the
answer that is not a stream).
"""
