#!/bin/sh
# The bridge's trials: installs OpenCode once, then runs them. `make bridge` calls it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python="${VENV:-$here/../../.venv}/bin/python"

command -v npm >/dev/null || { echo "the bridge's trials need npm on PATH" >&2; exit 2; }
[ -x "$python" ] || { echo "the bridge's trials need $python: make test makes it, or set VENV" >&2; exit 2; }

installed="$here/node_modules/.installed"
if ! cmp -s "$here/package.json" "$installed"; then
  # Without a lock: it would have to name the programs of platforms that a mirror may lack. The version is pinned.
  npm install --prefix "$here" --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
    --fetch-timeout=30000 --fetch-retries=1
  cp "$here/package.json" "$installed"
fi

exec "$python" -m pytest ${PYTEST_ARGS:--q} -s -m bridge "$here"
