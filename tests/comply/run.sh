#!/bin/sh
# Answers by the specification: llm-comply (PyPI) against `mix2api demo`. `make comply` calls it. Every test must pass, without
# a warning; the names `deepseek-r1` and `gpt-5-demo` switch the test of reasoning on, which is skipped for other names.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin="${VENV:-$here/../../.venv}/bin"
[ -x "$bin/python" ] || { echo "make comply needs $bin/python: make test makes it, or set VENV" >&2; exit 2; }

installed="$here/.tool/.installed"
if ! cmp -s "$here/requirements.txt" "$installed"; then
  "$bin/python" -m venv --clear "$here/.tool"
  "$here/.tool/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$installed"
fi

exec "$bin/python" "$here/run.py" "$here/.tool/bin/llm-comply"
