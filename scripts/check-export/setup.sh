#!/usr/bin/env bash
# Installs the packages that exported models are opened with, in a Python environment of their own.
#
# usage: setup.sh
# EXPORT_ENVIRONMENT    where the environment is kept (default: .build/export)
# PYTHON                the Python to make it with (default: python3; 3.10 or newer)
# PIP_EXTRA_INDEX_URL   an index that has PyTorch's +cpu wheels, if the indexes that pip is configured with have none
#                       (default: PyTorch's own, https://download.pytorch.org/whl/cpu)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${EXPORT_ENVIRONMENT:-$folder/../../.build/export}

# shellcheck source-path=SCRIPTDIR source=../bench-peers/python.sh
source "$folder/../bench-peers/python.sh"

# The environment remembers what it was made from, so that a second call returns at once.
stamp=$environment/made-from.txt
made_from=$(cat "$folder/requirements.txt" "$folder/requirements-alone.txt")
if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then exit 0; fi

printf 'Installing the packages that exported models are opened with in %s\n' "$environment" >&2
"$python" -m venv "$environment"
install() { "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" >&2; }

# Whoever has a mirror of PyTorch's wheels has told pip; for all others there is PyTorch's index.
if ! install --requirement "$folder/requirements.txt"; then
  export PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}
  printf 'Trying again with packages from %s\n' "$PIP_EXTRA_INDEX_URL" >&2
  install --requirement "$folder/requirements.txt"
fi
install --no-deps --requirement "$folder/requirements-alone.txt"
printf '%s\n' "$made_from" >"$stamp"
