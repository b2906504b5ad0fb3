#!/usr/bin/env bash
# Builds the llama.cpp that decoding is compared with, from the source package of llama-cpp-python.
#
# usage: setup-llama.sh
# LLAMA_ENVIRONMENT     where the Python environment, the sources and the programs are kept (default: .build/llama)
# PYTHON                the Python to make the environment with (default: python3)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${LLAMA_ENVIRONMENT:-$folder/../../.build/llama}
package=llama-cpp-python==0.3.36

# shellcheck source-path=SCRIPTDIR source=python.sh
source "$folder/python.sh"
command -v "${CXX:-g++}" >/dev/null || fail "llama.cpp needs a C++ compiler, found no ${CXX:-g++}" "apt-get install g++"

# The environment remembers what it was made from, so that a second call returns at once.
stamp=$environment/made-from.txt
made_from=$(printf '%s\n' "$package" && cat "$folder/requirements-llama.txt")
if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then exit 0; fi

printf 'Building llama.cpp in %s\n' "$environment" >&2
"$python" -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements-llama.txt" >&2
rm -rf "$environment/package" "$environment/source" "$environment/build"
"$environment/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-python \
  --dest "$environment/package" "$package" >&2
mkdir "$environment/source"
tar --extract --gzip --file "$environment/package/"*.tar.gz --directory "$environment/source" --strip-components 1

# Every instruction of this CPU, and no part that nothing here calls.
export PATH=$environment/bin:$PATH
cmake -S "$environment/source/vendor/llama.cpp" -B "$environment/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
  -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF >&2
cmake --build "$environment/build" --target llama-bench llama-quantize >&2
printf '%s\n' "$made_from" >"$stamp"
