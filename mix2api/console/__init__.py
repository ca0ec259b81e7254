"""The console: pages over the projections, for the engineer on call. A process of its own (`mix2api console`).

`following` keeps the projections up to date from the audit streams. `pages_*` turn figures into what a template shows. `app` is
the Quart application, `sign_in` its door. Nothing here writes the log: what a page changes is handed in as a port (`ports`). The
pages for admins know no content. Those of conversations do, and show each to its owner alone (`conversation*`, ADR 93).
"""
