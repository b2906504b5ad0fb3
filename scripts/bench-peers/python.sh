# What both set-ups begin with: PYTHON, one that can make environments. Sourced by setup.sh and setup-llama.sh.
# shellcheck shell=bash
python=${PYTHON:-python3}

fail() {
  printf 'error: %s\n' "$1" >&2
  printf 'hint: %s\n' "$2" >&2
  exit 1
}

command -v "$python" >/dev/null || fail "$python is missing" "apt-get install python3 python3-venv"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "$python cannot make environments" "apt-get install python3-venv"
