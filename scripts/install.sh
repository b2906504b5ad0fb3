#!/usr/bin/env bash
# Installs the program with its manual pages and shell completions, or removes them.
# Usage: scripts/install.sh install|uninstall PREFIX
#   PREFIX     where: /usr/local, or a folder of yours such as ~/.local
#   DESTDIR    (environment) a folder that is put before PREFIX, for packages
#   ZSH_SITE   (environment) where completions of zsh go, below PREFIX; share/zsh/site-functions
#
# The program is built once more, with Swift's libraries inside, so that it runs where no Swift is.
set -euo pipefail

usage() {
  printf 'error: %s\nusage: scripts/install.sh install|uninstall PREFIX\n' "$1" >&2
  exit 64
}

[ $# -eq 2 ] || usage "expected two arguments, found $#"
action=$1
prefix=$2
case $prefix in
  /*) ;;
  *) usage "PREFIX: expected an absolute path, found '$prefix'" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=${DESTDIR:-}${prefix%/}
programs=$root/bin
manuals=$root/share/man/man1
bash_completions=$root/share/bash-completion/completions
zsh_completions=$root/${ZSH_SITE:-share/zsh/site-functions}
fish_completions=$root/share/fish/vendor_completions.d
scratch=.build/install

build() {
  local options=(--configuration release --scratch-path "$scratch" --static-swift-stdlib --traits Server)
  local tool=(
    --configuration release --package-path "$scratch/checkouts/swift-argument-parser"
    --scratch-path "$scratch/manual-tool" --product generate-manual
  )
  swift build "${options[@]}" --product retnet
  retnet=$(swift build "${options[@]}" --show-bin-path)/retnet
  # The manual pages are made by swift-argument-parser's tool from what the program says of its commands.
  swift build "${tool[@]}"
  manuals_made=$scratch/manuals
  rm -rf "$manuals_made"
  mkdir -p "$manuals_made"
  "$(swift build "${tool[@]}" --show-bin-path)/generate-manual" "$retnet" --multi-page \
    --date "$(git log -1 --format=%cs 2>/dev/null || date +%F)" --output-directory "$manuals_made"
}

install_files() {
  install -d "$programs" "$manuals" "$bash_completions" "$zsh_completions" "$fish_completions"
  install -s -m 755 "$retnet" "$programs/retnet"
  install -m 644 "$manuals_made"/retnet.1 "$manuals_made"/retnet.*.1 "$manuals"
  "$retnet" --generate-completion-script bash >"$bash_completions/retnet"
  "$retnet" --generate-completion-script zsh >"$zsh_completions/_retnet"
  "$retnet" --generate-completion-script fish >"$fish_completions/retnet.fish"
  printf 'Installed %s, manual pages and completions below %s/share.\n' "$programs/retnet" "$root" >&2
  case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) [ -n "${DESTDIR:-}" ] || printf 'note: %s/bin is not in PATH\n' "$prefix" >&2 ;;
  esac
}

remove_files() {
  rm -f "$programs/retnet" "$manuals/retnet.1" "$manuals"/retnet.*.1 "$bash_completions/retnet" \
    "$zsh_completions/_retnet" "$fish_completions/retnet.fish"
  printf 'Removed what was installed below %s.\n' "$root" >&2
}

case $action in
  install)
    build >&2
    install_files
    ;;
  uninstall) remove_files ;;
  *) usage "expected install or uninstall, found '$action'" ;;
esac
