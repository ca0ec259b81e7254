#!/bin/sh
# The client trials: installs the clients once, then runs them. `make clients` calls it; `run.sh --help`, `run.sh loops --help`
# and `run.sh agents --help` say how to run a part.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python="${VENV:-$here/../../.venv}/bin/python"

command -v curl >/dev/null || { echo "the client trials need curl on PATH" >&2; exit 2; }
[ -x "$python" ] || { echo "the client trials need $python: make test makes it, or set VENV" >&2; exit 2; }

trials=run.py
case "${1-}" in
  loops|agents) trials="run_$1.py"; shift ;;
esac

export PYTHONPATH="$here:$here/.." PYTHONDONTWRITEBYTECODE=1
"$python" "$here/installing.py"
exec "$python" "$here/$trials" "$@"
