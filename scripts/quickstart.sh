#!/usr/bin/env bash
# From a text to generated text: splits the text, trains a tokenizer and a model, evaluates, generates.
# Usage: scripts/quickstart.sh [TEXT [OUT]]
#   TEXT    a UTF-8 text file; without it, the King James Bible from Debian's package bible-kjv
#   OUT     the run folder; without it, runs/kjv-small or runs/<name of the text>
#   MINUTES (environment) the time for all of it, 4 without it; building the program is not counted
#   RETNET  (environment) the program to use; without it, the release build of this folder
set -euo pipefail
# Lengths count characters.
export LC_ALL=C.UTF-8

text=${1:-}
out=${2:-}
minutes=${MINUTES:-4}
config=configs/kjv-small.yaml
sizes=configs/sizes.txt
# Without the penalty, a model as small as this one goes round in circles in a passage of four.
sampling=(--temp 0.8 --repeat-penalty 1.1)
# Seconds for what comes after training: evaluation, forms, passages, which are looked for in the text.
reserve=15
searched_bytes_per_second=5000000
# Compressors take long for texts beyond this.
most_compressed_bytes=8000000
# A run scores the held-out text ten times; more of it would take time from training.
most_held_out_bytes=500000
# Of a longer text the tokenizer reads a sample.
most_tokenizer_bytes=10000000
# The number of steps is not set anew after fewer.
least_measured_steps=50
least_lines=20
least_bytes=20000

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

say() { printf '%s\n' "$*" >&2; }

# The value of a key in a JSON object that retnet prints, a line for each.
number() { sed -nE "s/^ *\"$1\" *: *([0-9.e+-]+).*/\1/p"; }

# The whole part of a number that awk computes.
compute() { awk "BEGIN { printf \"%d\", $1 }"; }

# Runs a stage under a title and says how long it took.
stage() {
  local title=$1 start=$SECONDS
  shift
  say "== $title"
  "$@"
  say "== $title: $((SECONDS - start)) s"
}

if ! [[ $minutes =~ ^([0-9]+\.?[0-9]*|\.[0-9]+)$ ]] || [ "$(compute "2 * $minutes")" -lt 1 ]; then
  fail "MINUTES: expected a number from 0.5 on, found '$minutes'"
fi
# Paths of the user are relative to where the user is; ours are relative to the project.
if [ -n "$text" ]; then text=$(realpath -m -- "$text"); fi
if [ -n "$out" ]; then out=$(realpath -m -- "$out"); fi
retnet=.build/release/retnet
if [ -n "${RETNET:-}" ]; then retnet=$(realpath -m -- "$(command -v "$RETNET" || echo "$RETNET")"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! [ -x "$retnet" ]; then
  if [ -n "${RETNET:-}" ]; then fail "RETNET: expected a program, found none at $retnet"; fi
  fail "$retnet is not there" "make build"
fi

# Refuses what cannot be trained on, in one line, before anything is written.
check_text() {
  local file=$1 bytes lines
  [ -f "$file" ] || fail "$file: expected a text file, found none"
  [ -r "$file" ] || fail "$file: expected a text file, found one that may not be read"
  [ -s "$file" ] || fail "$file: expected a text, found an empty file"
  if [ "$(tr -d -c '\000' <"$file" | wc -c)" -gt 0 ]; then fail "$file: expected a text, found a binary file"; fi
  iconv -f UTF-8 -t UTF-8 -- "$file" >/dev/null 2>&1 ||
    fail "$file: expected UTF-8, found other bytes" "iconv -f LATIN1 -t UTF-8 FILE > NEW, if it is Latin-1"
  bytes=$(wc -c <"$file")
  lines=$(awk 'END { print NR }' "$file")
  if [ "$bytes" -lt $least_bytes ] || [ "$lines" -lt $least_lines ]; then
    fail "$file: expected at least $least_bytes bytes in $least_lines lines, found $bytes bytes in $lines lines" \
      "the last 5 % of the lines are held out; a model needs a text to learn from"
  fi
}

write_bible() { scripts/bible.sh >"$data/kjv.txt"; }

split_text() {
  local lines bytes
  lines=$(awk 'END { print NR }' "$text")
  bytes=$(wc -c <"$text")
  held_out=$((lines * 5 / 100))
  if ((held_out > lines * most_held_out_bytes / bytes)); then held_out=$((lines * most_held_out_bytes / bytes)); fi
  # Few long lines at the end could be most of the text.
  while ((held_out > 1 && 10 * $(tail -n "$held_out" -- "$text" | wc -c) > bytes)); do held_out=$((held_out / 2)); done
  if ((held_out == 0)); then held_out=1; fi
  head -n -"$held_out" -- "$text" >"$data/train.txt"
  tail -n "$held_out" -- "$text" >"$data/validation.txt"
  has_words=
  if scripts/has-words.sh "$data/train.txt"; then has_words=1; fi
  say "$bytes bytes, $lines lines; the last $held_out lines are held out: $data/validation.txt"
}

# The row of the table for this text: the first one with at least its bytes.
choose_sizes() {
  local bytes upto words characters chosen why
  bytes=$(wc -c <"$data/train.txt")
  while IFS='|' read -r upto words characters chosen why; do
    upto=${upto% }
    case $upto in '' | '#'*) continue ;; esac
    if [ "$upto" = any ] || [ "$bytes" -le "$upto" ]; then break; fi
  done <"$sizes"
  if [ -z "$has_words" ]; then words=$characters; fi
  read -r vocabulary_size coverage reads <<<"$words"
  read -r -a settings <<<"$chosen"
  if [ "$upto" = any ]; then upto='longer texts'; else upto="texts up to $upto bytes"; fi
  say "$sizes, the row for $upto:$why"
  if ((${#settings[@]} > 0)); then say "  $(printf '%s\n' "${settings[@]}" | fold_words)"; fi
}

# Words of standard input in lines of at most 118 columns, indented by two.
fold_words() { tr '\n' ' ' | fold -s -w 116 | sed 's/ *$//; 2,$s/^/  /'; }

# As many steps as the text bears reads, or as there is time for (docs/TRAINING.md, "What the quickstart chooses").
# Sets steps, and for adjust_steps: wanted, tokens, batch.
choose_steps() {
  local needs seconds evaluations possible
  tokens=$("$retnet" info "$data/train.tokens" --json | number tokens)
  # A thousand steps with ten evaluations, as the run will have.
  needs=$("$retnet" train --config "$config" -o "$out" --dry-run --json "${set[@]/#/--set=}" \
    --set training.steps=1000 --set training.evaluate_every=100)
  batch=$(number tokens_per_step <<<"$needs")
  seconds=$(number seconds_per_step <<<"$needs")
  if [ -z "$batch" ] || [ -z "$seconds" ]; then fail "the dry run could not time a step" "$retnet train --dry-run"; fi
  evaluations=$(compute "$(number eta_seconds <<<"$needs") - 1000 * $seconds + 0.5")
  wanted=$(compute "$reads * $tokens / $batch + 0.5")
  possible=$(compute "($(time_left) - $evaluations) / $seconds")
  steps=$((possible < wanted ? possible : wanted))
  steps=$((steps < 20 ? 20 : steps))
  explain_steps "$possible"
}

# The seconds that are left for training.
time_left() {
  awk "BEGIN { print 60 * $minutes - $SECONDS - $reserve - $(wc -c <"$data/train.txt") / $searched_bytes_per_second }"
}

# Says why there are so many steps, of which so many are possible.
explain_steps() {
  local possible=$1 times
  times=$(awk "BEGIN { printf \"%.1f\", $steps * $batch / $tokens }")
  if ((possible < 20 && wanted >= 20)); then
    say "20 steps, the fewest there are, take longer than $minutes minutes; a larger MINUTES gives more"
  elif ((possible < wanted)); then
    say "$steps steps, which read the text $times times, fit into $minutes minutes; MINUTES=… gives more, up to $reads times"
  else
    say "$steps steps, which read the text $times times: read more often, a text of this size is learned by heart"
  fi
}

# What the text does not allow is said by the program with the nearest size that it does.
train_tokenizer() {
  local log=$data/tokenizer.log feasible
  choose_sizes
  if run_tokenizer "$vocabulary_size" 2>"$log"; then
    cat "$log" >&2
    return
  fi
  feasible=$(sed -nE 's/.*(<=|>=|≤|≥|at most|at least) *([0-9][0-9,]*).*/\2/p' "$log" | head -n 1 | tr -d ,)
  if [ -z "$feasible" ]; then
    cat "$log" >&2
    exit 1
  fi
  say "This text takes a vocabulary of $feasible pieces instead of $vocabulary_size."
  run_tokenizer "$feasible"
}

run_tokenizer() {
  "$retnet" tokenize train --input "$data/train.txt" --vocab-size "$1" --character-coverage "$coverage" \
    --max-bytes $most_tokenizer_bytes -o "$data/tokenizer.model"
}

pack() {
  local part
  for part in train validation; do
    "$retnet" tokenize pack -m "$data/tokenizer.model" --input "$data/$part.txt" -o "$data/$part.tokens"
  done
}

# The speed of a shared machine changes by the minute, and the time of the first steps is that of a dry run only. So the
# number of steps is set anew when a quarter of them is done, from the seconds they took, evaluations included.
adjust_steps() {
  local done=$1 took=$2 possible least
  possible=$(compute "$done + $done * $(time_left) / $took")
  # The decay, three fifths of the run (training.decay_fraction), must not have begun.
  least=$((done * 5 / 2 + 2))
  steps=$((possible < wanted ? possible : wanted))
  steps=$((steps < least ? least : steps))
  say "The first $done steps took $(printf %.1f "$took") s."
  explain_steps "$possible"
}

train() {
  local steps set tokens batch wanted first start warmup
  set=(
    "data.train=$data/train.tokens" "data.validation=$data/validation.tokens" "data.tokenizer=$data/tokenizer.model"
    "${settings[@]}"
  )
  choose_steps
  warmup=$(((steps * 100 + 580) / 1160))
  # The best of ten evaluations is kept; it stops when three in a row are no better.
  set+=(
    "training.steps=$steps" "training.warmup_steps=$warmup" "training.evaluate_every=$(((steps + 9) / 10))"
    training.patience=3
  )
  first=$((steps / 4))
  if ((first < least_measured_steps)); then
    "$retnet" train --config "$config" -o "$out" "${set[@]/#/--set=}"
    return
  fi
  start=$EPOCHREALTIME
  "$retnet" train --config "$config" -o "$out" "${set[@]/#/--set=}" --max-steps "$first"
  adjust_steps "$first" "$(awk "BEGIN { s = $EPOCHREALTIME - $start; print (s < 0.001 ? 0.001 : s) }")"
  "$retnet" train --resume auto -o "$out" \
    --set training.steps="$steps" --set training.evaluate_every=$(((steps + 9) / 10))
}

evaluate() {
  "$retnet" eval -m "$out/best.safetensors" "$data/validation.txt"
  if [ "$(wc -c <"$text")" -le $most_compressed_bytes ]; then compare; fi
}

# The bits for a byte of the held-out text that compressors take when they have read the training text before it.
compare() {
  local program before both bytes
  bytes=$(wc -c <"$data/validation.txt")
  for program in 'xz -9e' 'bzip2 -9'; do
    command -v "${program% *}" >/dev/null || continue
    before=$($program -c <"$data/train.txt" | wc -c)
    both=$(cat "$data/train.txt" "$data/validation.txt" | $program -c | wc -c)
    awk -v program="$program" -v bits=$((8 * (both - before))) -v bytes="$bytes" \
      'BEGIN { printf "%-16s%.4f bits per byte, after the training text\n", program, bits / bytes }'
  done
}

verify() {
  "$retnet" verify "$out/best.safetensors"
}

# A prompt from the held-out text: the beginning, 24 characters at most and up to the first wide space, of the first line
# that has 12 bytes of it after a quarter, a half or three quarters of its lines, and so many lines more.
prompt_at() {
  local line start
  start=$(($1 * held_out / 4 + $2))
  # Spaces that are no ASCII: U+00A0, U+3000.
  line=$(LC_ALL=C awk -v start="$start" '
    { gsub(/\302\240|\343\200\200|\t|\r/, " "); sub(/^ +/, ""); sub(/  .*$/, ""); sub(/ +$/, "") }
    NR > start && length($0) >= 12 { line = $0; exit }
    length($0) > length(line) { line = $0 }
    END { print line }
  ' "$data/validation.txt")
  if [ ${#line} -gt 24 ]; then
    # A word that this would cut is left out, where there are words.
    line=${line:0:25}
    if [[ $line == *' '* ]]; then line=${line% *}; else line=${line:0:24}; fi
  fi
  printf '%s' "$line"
}

generate() {
  local i more used=$'\n'
  mkdir -p "$out/passages"
  for i in 1 2 3; do
    # Lines that begin alike are common in some texts.
    for ((more = 0; more < 50; more++)); do
      prompt=$(prompt_at "$i" "$more")
      if [[ $used != *$'\n'"$prompt"$'\n'* ]]; then break; fi
    done
    used+=$prompt$'\n'
    say "-- passage $i: prompt '$prompt' from the held-out text, ${sampling[*]} -s $i"
    printf '%s' "$prompt"
    # What is checked is the model's alone.
    "$retnet" generate -m "$out/best.safetensors" -p "$prompt" -n 120 "${sampling[@]}" -s "$i" | tee "$out/passages/$i.txt"
    echo
  done
}

# What part of the passages' words has to occur in the training text, in percent: ten less than of the held-out text's
# words do, 97 at most. In a small text many words stand once only. Characters are words in a text without spaces.
least_known() {
  LC_ALL=C awk -v has_words="$has_words" '
    { gsub(/[^A-Za-z0-9\047\200-\377]+/, " ") }
    !has_words { gsub(/[\300-\377][\200-\277]*/, " & ") }
    mode == "train" { for (i = 1; i <= NF; i++) known[$i] = 1; next }
    { for (i = 1; i <= NF; i++) { all += 1; if ($i in known) found += 1 } }
    END { least = all ? int(100 * found / all) - 10 : 0; print (least > 97 ? 97 : least) }
  ' mode=train "$data/train.txt" mode=validation "$data/validation.txt"
}

check_passages() {
  local least
  least=$(least_known)
  KNOWN=$least scripts/check-passages.sh "$data/train.txt" "$out"/passages/[123].txt || passages_failed=$?
  # 1 is its verdict; another status means that it could not judge.
  if ((passages_failed > 1)); then exit "$passages_failed"; fi
}

if [ -n "$text" ]; then
  check_text "$text"
  name=$(basename -- "$text")
  name=${name%.*}
  name=${name//[^[:alnum:]._-]/_}
  # A name of dots alone would leave the data folder; these folders are taken.
  case $name in '' | .* | kjv | kjv-small | recipes) name=text-$name ;; esac
  case $text in "$PWD/data/$name/"*) fail "$text: expected a text outside of data/$name, which is written to" ;; esac
else
  name=kjv
fi
data=data/$name
if [ -z "$out" ]; then out=runs/$([ "$name" = kjv ] && echo kjv-small || echo "$name"); fi
mkdir -p "$data"
if [ -e "$out" ]; then
  old=$out.$(date +%Y%m%d-%H%M%S)
  mv -- "$out" "$old"
  say "note: the earlier run is kept as $old"
fi

SECONDS=0
passages_failed=0
if [ "$name" = kjv ]; then
  stage "Writing the text" write_bible
  text=$data/kjv.txt
  check_text "$text"
fi
stage "Splitting the text" split_text
stage "Training the tokenizer" train_tokenizer
stage "Packing the tokens" pack
stage "Training the model" train
stage "Evaluating the held-out text" evaluate
stage "Verifying the forms of retention" verify
stage "Generating" generate
stage "Checking the passages" check_passages
say "The model is $out/best.safetensors, made in $SECONDS s; go on with:"
say "  $retnet generate -m $out/best.safetensors -p $(printf '%q' "$prompt") -n 200 ${sampling[*]}"
say "  make serve MODEL=$(printf '%q' "$out/best.safetensors")   # a page to try it, and the OpenAI API: docs/SERVER.md"
if ((passages_failed)); then
  fail "the passages are not what this text should lead to (see above)" \
    "the model is there all the same; a longer text, or more MINUTES, makes a better one"
fi
