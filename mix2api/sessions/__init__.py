"""The session as a pure state machine: commands, the table of legal transitions, `decide`, `evolve`, attribution.

Also the `Dispatch` port, through which the edge hands turns to whoever runs sessions. No I/O, clock or randomness.
"""
