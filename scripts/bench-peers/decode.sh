#!/usr/bin/env bash
# Measures generation beside llama.cpp on this machine and prints a Markdown table; README.md tells the options.
#
# usage: decode.sh [options of decode.py]
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LLAMA_ENVIRONMENT=${LLAMA_ENVIRONMENT:-$folder/../../.build/llama}
"$folder/setup-llama.sh"
exec "$LLAMA_ENVIRONMENT/bin/python" "$folder/decode.py" "$@"
