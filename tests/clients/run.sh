#!/bin/sh
# The client trials: installs the clients from npm once, then runs them all. `make clients` calls it; `--help` works.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python="${VENV:-$here/../../.venv}/bin/python"

for program in node npm curl; do
  command -v "$program" >/dev/null || { echo "the client trials need $program on PATH" >&2; exit 2; }
done
[ -x "$python" ] || { echo "the client trials need $python: make test makes it, or set VENV" >&2; exit 2; }

installed="$here/node_modules/.installed"
if ! cmp -s "$here/package-lock.json" "$installed"; then
  # Two minutes: npm's own retries would go on for longer than anybody looks.
  timeout 120 npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$here/package-lock.json" "$installed"
fi

PYTHONPATH="$here:$here/.." PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/run.py" "$@"
