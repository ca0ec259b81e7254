"""Tools between two worlds: what a client offered and calls, and how a site writes calls. No I/O.

`recognition` finds calls in a site's text and is the front of `prose`, `heads`, `envelopes` and what they read with.
"""
