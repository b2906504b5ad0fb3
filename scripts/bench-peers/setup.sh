#!/usr/bin/env bash
# Installs the programs that training is compared with, in a Python environment of their own.
#
# usage: setup.sh
# PEERS_ENVIRONMENT     where the environment is kept (default: .build/peers)
# PYTHON                the Python to make it with (default: python3)
# PIP_EXTRA_INDEX_URL   an index that has PyTorch's +cpu wheels, if the indexes that pip is configured with have none
#                       (default: PyTorch's own, https://download.pytorch.org/whl/cpu)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${PEERS_ENVIRONMENT:-$folder/../../.build/peers}

# shellcheck source-path=SCRIPTDIR source=python.sh
source "$folder/python.sh"
command -v "${CXX:-g++}" >/dev/null || command -v clang++ >/dev/null ||
  fail "torch.compile needs a C++ compiler, found neither g++ nor clang++" "apt-get install g++"

# The environment remembers what it was made from, so that a second call returns at once.
stamp=$environment/requirements.txt
if cmp --silent "$folder/requirements.txt" "$stamp"; then exit 0; fi

printf 'Installing PyTorch and its peers in %s\n' "$environment" >&2
"$python" -m venv "$environment"
install() { "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" >&2; }

# Whoever has a mirror of PyTorch's wheels has told pip; for all others there is PyTorch's index.
if ! install --requirement "$folder/requirements.txt"; then
  export PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}
  printf 'Trying again with packages from %s\n' "$PIP_EXTRA_INDEX_URL" >&2
  install --requirement "$folder/requirements.txt"
fi
# Without its dependencies: it wants timm, torchvision and fairscale for three functions that these models never call.
# They are in stand_ins/.
install --no-deps torchscale==0.3.0
cp "$folder/requirements.txt" "$stamp"
