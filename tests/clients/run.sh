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
  # By its defaults npm waits for five minutes, and three times: longer than anybody looks.
  npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --loglevel=error \
    --fetch-timeout=30000 --fetch-retries=1
  cp "$here/package-lock.json" "$installed"
fi

PYTHONPATH="$here:$here/.." PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/run.py" "$@"
