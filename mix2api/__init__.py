"""OpenAI Chat Completions in front of a session-based model site.

`mix2api.cli` is the composition root; start reading at `mix2api.sessions` (the pure core) and
`mix2api.actors` (what runs it). `docs/glossary.md` has every noun once.
"""

__version__ = "0.1.0"
