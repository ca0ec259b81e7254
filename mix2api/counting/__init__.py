"""Counting off the event loop: the shipped vocabularies, the service that counts, the files that profiles come from. SHELL.

What is counted and decided is in `mix2api.budget`; this room reads files and runs threads.
"""
