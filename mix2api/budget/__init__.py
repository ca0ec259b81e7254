"""What fits a model: profiles, token counts, the decision before a call, trimming, output limits. CORE: no I/O, no clock.

`profile`, `profile_reading` and `profiles` say how much each model takes. `encodings`, `windows`, `tokenizers`,
`estimate`, `images` and `message_tokens` count. `decision` compares both. `units`, `shortening`, `summary` and
`trimming` make a history fit. `output_limit` maps what a client asks for. Nothing here reads a file, and nothing here
knows which site is asked: `mix2api.counting` loads vocabularies and counts off the event loop.
"""
