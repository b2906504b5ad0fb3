#!/usr/bin/env bash
# Installs the Debian package in a clean root made with debootstrap and tries it there: from a text to generated text.
# Usage: scripts/check-deb.sh [PACKAGE.deb]      (as root; without a package, scripts/deb.sh makes one)
#   SUITE  (environment) Debian's release; bookworm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail "expected root, who may make a root folder, found $(id -un)"
scripts/setup.sh debootstrap
package=${1:-$(scripts/deb.sh)}
[ -f "$package" ] || fail "$package: expected a package, found none"
suite=${SUITE:-bookworm}
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf "$root"' EXIT

# The same mirror and settings of apt as here.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE)' | head -n 1)
debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
cp "$package" "$root/retnet.deb"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

# A Swift program reads its arguments from /proc.
mount -t proc proc "$root/proc"
inside apt-get update --quiet=2 >&2
inside apt-get install --yes --no-install-recommends --quiet=2 /retnet.deb >&2
[ -z "$(inside sh -c 'command -v swift' || true)" ] || fail "the clean root has Swift, so it proves nothing"

inside retnet --version | grep '^retnet '
# shellcheck disable=SC2016
inside sh -euc '
  cd /root
  i=0
  while [ $i -lt 400 ]; do i=$((i + 1)); echo "The $i. sentence of a text that is there to be learned."; done >text
  retnet tokenize train --input text --vocab-size 300 -o tokenizer.model -q
  retnet tokenize pack -m tokenizer.model --input text -o text.tokens -q
  printf "model: {width: 32, layers: 2, heads: 2}\ndata: {train: text.tokens, validation: text.tokens, tokenizer: tokenizer.model}\ntraining: {steps: 20, warmup_steps: 2, batch_tokens: 512, sequence_length: 64}\n" >tiny.yaml
  retnet train --config tiny.yaml -o run -q
  retnet eval -m run text | grep "bits per byte"
  retnet verify run -q | grep "the same, state saved"
  retnet generate -m run -p "The" -n 20 -q | grep .
'
for file in usr/share/man/man1/retnet.1.gz usr/share/bash-completion/completions/retnet \
  usr/share/zsh/vendor-completions/_retnet usr/share/fish/vendor_completions.d/retnet.fish; do
  [ -s "$root/$file" ] || fail "/$file is not in the package"
done
inside apt-get remove --yes --quiet=2 retnet >&2
[ ! -e "$root/usr/bin/retnet" ] || fail "removing the package left /usr/bin/retnet"
echo "The package $(basename "$package") works in a clean $suite."
