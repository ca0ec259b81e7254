#!/bin/sh
# The client trials: installs the clients once, then runs them all. `make clients` calls it; `run.sh --help` and
# `run.sh loops --help` say how to run a part.
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

trials=run.py
if [ "${1-}" = loops ]; then
  shift
  trials=run_loops.py
  installed="$here/.agents/.installed"
  if ! cmp -s "$here/agents.txt" "$installed"; then
    "$python" -m venv --clear "$here/.agents"
    "$here/.agents/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/agents.txt"
    cp "$here/agents.txt" "$installed"
  fi
fi

PYTHONPATH="$here:$here/.." PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/$trials" "$@"
