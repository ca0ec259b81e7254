"""The `opencode` kind: a turn runs in a session of an OpenCode server, which calls its own tools (ADR 72).

`opencode.py` has a run from its session's making to its removal. `api.py` makes the calls, `feed.py` holds the one stream of
events, `transcript.py` makes an answer of them.
"""
