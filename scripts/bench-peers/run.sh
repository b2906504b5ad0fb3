#!/usr/bin/env bash
# Measures training beside PyTorch on this machine and prints a Markdown table; README.md tells the options.
#
# usage: run.sh [options of bench.py]
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$folder/setup.sh"
exec "${PEERS_ENVIRONMENT:-$folder/../../.build/peers}/bin/python" "$folder/bench.py" "$@"
