"""Pools of accounts: an upstream around another one, which chooses the account of each call.

A call is put with the base URL and the credential of its account. What is chosen, and what evidence means, are rules of
`mix2api.accounts`; what processes share is behind its port.
"""
