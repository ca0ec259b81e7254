"""Managed upstream credentials: fetched from a token endpoint, shared by all processes, renewed before and after the fact.

`renewing` wraps any upstream and puts a token into every call; `managed` has the token and its single flight; `login` fetches
one; `grant` (what a token endpoint answers), `token`, `backoff` and `refusals` (whether a site refused a token) are pure.
"""
