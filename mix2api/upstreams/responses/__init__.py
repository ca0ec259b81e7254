"""Upstreams of the Responses API (ADR 69).

A client of the same API has its bodies and events passed through. A client of Chat Completions has them translated.
"""
