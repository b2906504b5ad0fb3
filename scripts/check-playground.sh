#!/usr/bin/env bash
# Uses the page of `retnet serve` in headless Chromium as a person would, and checks what is on it.
#
# usage: scripts/check-playground.sh [SCREENSHOTS]
#   SCREENSHOTS  folder for pictures of the page; without it they are made and thrown away
#   RETNET       (environment) the program, built with the server; without it, the release build of this folder
#   SERVER       (environment) the address of a server that runs already, without a key: only this one is used
#   PLAYGROUND_ENVIRONMENT  where Selenium is installed (default: .build/playground)
#
# Chromium and its driver come from Debian, Selenium from PyPI. Two small models are served: one of retention, with
# everything; and one with a layer of attention, which has no states, behind an API key.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
environment=${PLAYGROUND_ENVIRONMENT:-.build/playground}
folder=scripts/check-playground
work=$(mktemp -d)
servers=()

stop_servers() {
  for server in "${servers[@]}"; do
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  done
  servers=()
}
trap 'stop_servers; rm -rf "$work"' EXIT

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  scripts/setup.sh chromium chromium-driver
fi

# shellcheck source-path=SCRIPTDIR source=bench-peers/python.sh
source scripts/bench-peers/python.sh
# The environment remembers what it was made from, so that a second call returns at once.
if ! cmp --silent "$folder/requirements.txt" "$environment/made-from.txt"; then
  printf 'Installing Selenium in %s\n' "$environment" >&2
  "$python" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements.txt" >&2
  cp "$folder/requirements.txt" "$environment/made-from.txt"
fi

screenshots=${1:-$work/screenshots}
mkdir -p "$screenshots"
drive() { timeout 300 "$environment/bin/python" "$folder/drive.py" "$@" --screenshots "$screenshots"; }

if [[ -n ${SERVER:-} ]]; then
  drive "$SERVER" | tee -a "$work/checks"
  printf 'playground: %s checks passed\n' "$(grep -c '^ok ' "$work/checks")"
  exit
fi

# Starts a server on a free port, and sets `address`.
serve() {
  local log=$work/log-${#servers[@]}
  : >"$log"
  "$retnet" serve --port 0 "$@" 2>"$log" &
  servers+=("$!")
  for _ in {1..100}; do
    address=$(sed -nE 's|.*listening on (http://[^ ]+).*|\1|p' "$log" | head -n 1)
    if [[ -n $address ]]; then return; fi
    if ! kill -0 "${servers[-1]}" 2>/dev/null; then break; fi
    sleep 0.1
  done
  printf 'error: the server did not start\n' >&2
  cat "$log" >&2
  exit 1
}

# The tiny model writes too fast to be stopped in the middle by a click: these are wider.
scripts/tiny-model.sh "$retnet" "$work" 1 >/dev/null
train() {
  sed "s/width: 64, layers: 2/width: 384, layers: 4$2/; s/steps: 1,/steps: 12,/" "$work/tiny.yaml" >"$work/$1.yaml"
  "$retnet" train --config "$work/$1.yaml" -o "$work/$1" -q >/dev/null
}
train states ""
train attention ", layer_types: [retention, retention, retention, attention]"
printf 'key-of-the-check\n' >"$work/keys"

mkdir "$work/kept"
serve -m "$work/states/last.safetensors" --state-dir "$work/kept"
drive "$address" | tee -a "$work/checks"
serve -m "$work/attention/last.safetensors" --api-key-file "$work/keys"
drive "$address" --key key-of-the-check | tee -a "$work/checks"
printf 'playground: %s checks passed\n' "$(grep -c '^ok ' "$work/checks")"
