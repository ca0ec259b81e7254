"""The console: pages over the projections, for the engineer on call. A process of its own (`mix2api console`).

`following` keeps the projections up to date from the audit streams. `pages_*` turn figures into what a template shows. `app` is
the Quart application, `sign_in` its door. Nothing here writes the log: what a page changes is handed in as a port (`ports`). No
content of a request or an answer is known here.
"""
