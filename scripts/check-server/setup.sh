#!/usr/bin/env bash
# Installs the clients that check the server in a Python environment of their own.
#
# usage: setup.sh
# SERVER_ENVIRONMENT  where the environment is kept (default: .build/check-server)
# PYTHON              the Python to make it with (default: python3; 3.10 or newer)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${SERVER_ENVIRONMENT:-$folder/../../.build/check-server}

# shellcheck source-path=SCRIPTDIR source=../bench-peers/python.sh
source "$folder/../bench-peers/python.sh"

# The environment remembers what it was made from, so that a second call returns at once.
stamp=$environment/made-from.txt
made_from=$(cat "$folder/requirements.txt")
if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then exit 0; fi

printf 'Installing clients of the server in %s\n' "$environment" >&2
"$python" -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements.txt" >&2
printf '%s\n' "$made_from" >"$stamp"
