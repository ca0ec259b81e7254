"""Tools between two worlds: what clients offer, call and answer, and how a site calls. No I/O.

`recognition` finds the calls that a site writes as text; `prose`, `heads`, `enclosures` and what they read with serve it.
"""
