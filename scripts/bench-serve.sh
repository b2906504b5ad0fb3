#!/usr/bin/env bash
# Measures "retnet serve": throughput and latencies with several clients, decoding beside "bench generate -b 16", the
# first token beside "generate", and the memory of idle connections. With --peer also llama.cpp's server, in turns.
# Prints Markdown for docs/BENCHMARKS.md.
#
# usage: scripts/bench-serve.sh [OPTION]...
#   --model MODEL      the model to serve (models/kjv-small.q8_0.safetensors); not with --peer
#   --peer             serve the random RetNet of scripts/bench-peers/decode.sh, and llama.cpp its Transformer
#   --weights FORMAT   with --peer: bf16, q8_0 or q4_0 (bf16)
#   --prepare          with --peer: only build llama.cpp's server and make the models
#   --rounds N         turns of each server (3)
#   --clients N,N      numbers of clients (1,4,16,64)
#   --requests N       answers at each number of clients, at least two for each client (8); more for small models
#   --decode-tokens N  tokens of each of sixteen answers beside "bench generate" (256); more for small models
#   --threads N        threads of each program (number of cores)
#   --json FILE        keep the figures of each measurement in this file; it must not exist
#
# RETNET             the program, built with the trait Server (default: the release build of this folder)
# LLAMA_ENVIRONMENT  where llama.cpp and the models of --peer are kept (default: .build/llama)
# PYTHON             Python 3.10 or newer (default: python3)
#
# One server runs at a time; neither sees OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE. Both have sixteen rows and a prompt
# cache of 256 MiB, which finds nothing, because no prompt comes twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'error: %s\n' "$1" >&2
  if [[ ${3:-} ]]; then printf 'hint: %s\n' "$3" >&2; fi
  exit "$2"
}

model='' weights=bf16 rounds=3 clients=1,4,16,64 requests=8 decode_tokens=256 threads=$(nproc) json=''
peer=false prepare=false
while (($# > 0)); do
  case $1 in
    --peer) peer=true && shift && continue ;;
    --prepare) prepare=true && shift && continue ;;
    --model | --weights | --rounds | --clients | --requests | --decode-tokens | --threads | --json) ;;
    *) fail "unknown option: $1" 64 "the options are in the first lines of scripts/bench-serve.sh" ;;
  esac
  if (($# < 2)); then fail "$1: expected a value, found none" 64; fi
  case $1 in
    --model) model=$2 ;;
    --weights) weights=$2 ;;
    --rounds) rounds=$2 ;;
    --clients) clients=$2 ;;
    --requests) requests=$2 ;;
    --decode-tokens) decode_tokens=$2 ;;
    --threads) threads=$2 ;;
    --json) json=$2 ;;
  esac
  shift 2
done
for pair in "--rounds $rounds" "--requests $requests" "--decode-tokens $decode_tokens" "--threads $threads"; do
  if [[ ! ${pair#* } =~ ^[1-9][0-9]*$ ]]; then fail "${pair%% *}: expected a number from 1, found '${pair#* }'" 64; fi
done
if [[ ! $clients =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]]; then
  fail "--clients: expected numbers such as 1,4,16, found '$clients'" 64
fi
if [[ ! $weights =~ ^(bf16|q8_0|q4_0)$ ]]; then fail "--weights: expected bf16, q8_0 or q4_0, found '$weights'" 64; fi
if $peer && [[ $model ]]; then fail "--model cannot be combined with --peer, which has models of its own" 64; fi
if $prepare && ! $peer; then fail "--prepare needs --peer" 64; fi
if [[ -e $json ]]; then fail "--json: $json exists" 73; fi

unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export RETNET=${RETNET:-$PWD/.build/release/retnet}
export LLAMA_ENVIRONMENT=${LLAMA_ENVIRONMENT:-$PWD/.build/llama}
export RETNET_THREADS=$threads OMP_NUM_THREADS=$threads PYTHONDONTWRITEBYTECODE=1
python=${PYTHON:-python3}
client=scripts/bench-peers/serve_load.py

if ! "$RETNET" serve --help >/dev/null 2>&1; then
  fail "$RETNET has no command serve" 66 "swift build -c release --product retnet --traits Server"
fi

# The server of the same llama.cpp, in the build folder of llama-bench; without its page, which would be downloaded.
versions=()
if $peer; then
  scripts/bench-peers/setup-llama.sh
  build=$LLAMA_ENVIRONMENT/build
  if [[ ! -x $build/bin/llama-server ]]; then
    printf 'Building llama-server in %s\n' "$build" >&2
    PATH=$LLAMA_ENVIRONMENT/bin:$PATH cmake -S "$LLAMA_ENVIRONMENT/source/vendor/llama.cpp" -B "$build" \
      -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF >&2
    PATH=$LLAMA_ENVIRONMENT/bin:$PATH cmake --build "$build" --target llama-server >&2
  fi
  versions=(--versions "llama.cpp of $(head -n 1 "$LLAMA_ENVIRONMENT/made-from.txt")")
  models=$("$LLAMA_ENVIRONMENT/bin/python" "$client" pair "$LLAMA_ENVIRONMENT/served" "$weights")
  model=$(head -n 1 <<<"$models")
  peer_model=$(tail -n 1 <<<"$models")
  if $prepare; then printf '%s\n' "$models" && exit 0; fi
fi
model=${model:-models/kjv-small.q8_0.safetensors}

work=$(mktemp -d)
server=
stop() {
  if [[ ! $server ]]; then return; fi
  kill "$server" 2>/dev/null || true
  for _ in $(seq 200); do
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  kill -9 "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
trap 'stop; rm -rf "$work"' EXIT
records=${json:-$work/records.jsonl}
: >"$records"

# A thousand connections, and what else a server has open.
limit=$(ulimit -Sn)
if [[ $limit != unlimited ]] && ((limit < 4096)); then ulimit -Sn 4096; fi

# start COMMAND...: waits until the server says its port.
start() {
  "$@" >"$work/server.log" 2>&1 &
  server=$!
  port=
  until [[ $port ]]; do
    sleep 0.1
    port=$(sed -n 's|.*listening on http://127\.0\.0\.1:\([0-9]*\).*|\1|p' "$work/server.log" | head -n 1)
    if [[ ! $port ]] && ! kill -0 "$server" 2>/dev/null; then
      tail -n 20 "$work/server.log" >&2
      fail "$1 ended before it listened" 1
    fi
  done
}

# measure KIND OPTION...: keeps the figures, and prints those of interest while the measurement runs.
measure() {
  if ! "$python" "$client" "$1" --port "$port" --seed "$round" "${@:2}" --tag side="$side" \
    --tag round="$round" --tag threads="$threads" --tag model="$(basename "$model")" >"$work/record.json"; then
    tail -n 20 "$work/server.log" >&2
    fail "round $round, $side: $1 failed" 1
  fi
  cat "$work/record.json" >>"$records"
  printf 'round %s, %s: ' "$round" "$side" >&2
  "$python" -c 'import json, sys
found = json.load(sys.stdin)
names = ("clients", "tokens_per_second", "ratio", "first_token_ms", "difference_ms", "megabytes")
values = {name: found[name] for name in names if name in found}
print(found["kind"], *(f"{name} {value:,.2f}" if type(value) is float else f"{name} {value}"
  for name, value in values.items()), sep=", ", file=sys.stderr)' <"$work/record.json"
}

# What both servers are asked. The first answers touch all weights and are not counted.
measure_answers() {
  "$python" "$client" load --port "$port" --vocabulary "$vocabulary" --clients 16 --requests 16 --requests-of-client 1 \
    --prompt-tokens 16 --max-tokens 4 --seed -1 >/dev/null
  for count in ${clients//,/ }; do
    measure load --vocabulary "$vocabulary" --clients "$count" --requests "$requests" --pid "$server"
  done
  measure decode --vocabulary "$vocabulary" --max-tokens "$decode_tokens" "$@"
}

vocabulary=$("$RETNET" info "$model" --json |
  "$python" -c 'import json, sys; print(json.load(sys.stdin)["vocabulary_size"])')
# A slot of llama.cpp holds the longest text: 64 and 64 tokens, or one and those of the long answer.
slot=$(((decode_tokens + 128 + 255) / 256 * 256))

for round in $(seq "$rounds"); do
  side=retnet
  "$RETNET" bench generate -m "$model" -p 0 -n "$decode_tokens" -b 16 -r 1 -t "$threads" --output-format json -q \
    >"$work/bench.json"
  start "$RETNET" serve -m "$model" --port 0 -q
  measure_answers --bench "$work/bench.json"
  measure first --model "$model" --threads "$threads"
  measure idle --pid "$server"
  stop
  if $peer; then
    side=llama.cpp
    # Flash attention is off as in decode_sides.py. Each slot has its own keys and values, as each row has its state.
    start "$build/bin/llama-server" -m "$peer_model" --host 127.0.0.1 --port 0 -np 16 -c $((16 * slot)) \
      --no-kv-unified -t "$threads" -tb "$threads" -fa off --cache-ram 256 --fit off --no-ui
    measure_answers
    stop
  fi
done

"$python" "$client" table "$records" "${versions[@]}"
