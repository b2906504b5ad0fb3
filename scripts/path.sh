#!/usr/bin/env bash
# Lists the source files on the path of a token: those with a line that a coverage build has executed.
# Usage: scripts/path.sh generate|train >docs/path-….txt
#   generate  from a prompt to the first token: Tokenization, Inference, Modeling, Retention and Tensors
#   train     two steps of training: these, Corpora and Training
# The files of retnet that lead there are listed too; all else that retnet runs is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

case ${1:-} in
  generate)
    modules='Tokenization|Inference|Modeling|Retention|Tensors'
    leading='Generate/(GenerateCommand|PromptReader|Generation|TextBatch|TextMaker)|Models/ModelInput'
    ;;
  train)
    modules='Tokenization|Inference|Modeling|Retention|Tensors|Corpora|Training'
    leading='Train/(TrainCommand|TrainingPlan|TrainingSession)'
    ;;
  *)
    echo "usage: scripts/path.sh generate|train" >&2
    exit 64
    ;;
esac

tools=$(dirname "$(readlink -f "$(command -v swift)")")
flags=(-c release --product retnet --scratch-path .build-coverage -Xswiftc -profile-generate
  -Xswiftc -profile-coverage-mapping)
swift build "${flags[@]}" >&2
program=$(swift build "${flags[@]}" --show-bin-path)/retnet

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LLVM_PROFILE_FILE=/dev/null
# The program ends by _exit, which writes no profile.
printf '#include <stdlib.h>\nvoid _exit(int status) { exit(status); }\n' >"$work/exit.c"
cc -shared -fPIC -w -o "$work/exit.so" "$work/exit.c"
profile=$work/run.profraw
train=
if [ "$1" = train ]; then train="env LLVM_PROFILE_FILE=$profile LD_PRELOAD=$work/exit.so"; fi
RETNET_TRAIN=$train scripts/tiny-model.sh "$program" "$work" 2 >&2
if [ "$1" = generate ]; then
  head -c 600 "$work/text" >"$work/prompt"
  LD_PRELOAD=$work/exit.so LLVM_PROFILE_FILE=$profile "$program" generate -m "$work/run/last.safetensors" -f "$work/prompt" -n 1 -q >&2
fi

"$tools/llvm-profdata" merge -sparse "$profile" -o "$work/run.profdata"
"$tools/llvm-cov" export -format=lcov -instr-profile "$work/run.profdata" "$program" |
  awk -F : -v root="$PWD/Sources/" '
    /^SF:/ { file = substr($0, 4); sub(root, "", file) }
    /^DA:/ { split($2, line, ","); if (line[2] > 0) print file }' |
  sort -u | grep -E "^(($modules)/|retnet/($leading)\.swift)"
