"""Regression packs: A streams, B tools, C cancel, timeout and error, against any OpenAI-compatible endpoint.

Cases are data (`streams`, `tools`, `failures`): what is asked, and a pure function that judges what was seen. `asking` is the
client and the only module with I/O; `running` runs cases in turn; `reports` says what became of them, as text, HTML or JUnit's
XML. `judging` has what many cases judge by. The packs know nothing of the adapter's halves: what is tested must not test itself.

With the demo site behind the endpoint, a prompt tells the site how to misbehave (`mix2api.demo.words`). Without it, the cases
that need that are skipped, and said to be.
"""
