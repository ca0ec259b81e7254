"""What runs sessions: one actor per live session, the worker that owns them, recovery, and the memory hand-over.

An actor is the only writer of its session's log. It knows upstreams and the event log through their ports and
nothing of HTTP answers.
"""
