#!/usr/bin/env bash
# Installs with apt what is missing of the system libraries, and checks that Swift is new enough.
# Usage: scripts/setup.sh [further Debian packages]
set -euo pipefail

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends --quiet=2 \
    --option Dpkg::Use-Pty=0 --option DPkg::Lock::Timeout=300 "$@" >&2
}

install_missing() {
  local package missing=()
  for package in "$@"; do
    if ! is_installed "$package"; then missing+=("$package"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi

  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    fail "missing packages: ${missing[*]}; installing them takes root or sudo" \
      "as root: apt-get install ${missing[*]}"
  fi
  printf 'Installing %s\n' "${missing[*]}" >&2
  # A fresh machine or container has no package lists yet; old ones name files that are gone.
  if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    as_root apt-get update --quiet=2 >&2 || fail "apt-get update failed" "check the network and /etc/apt/sources.list"
  elif install_packages "${missing[@]}"; then
    return
  else
    as_root apt-get update --quiet=2 >&2 || fail "apt-get update failed" "check the network and /etc/apt/sources.list"
  fi
  install_packages "${missing[@]}" || fail "apt-get could not install ${missing[*]}"
}

check_swift() {
  local version major minor
  command -v swift >/dev/null || fail "swift is not installed" "Swift 6.3 or newer: https://www.swift.org/install/linux/"
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  major=${version%%.*}
  minor=${version##*.}
  if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 3 ]; }; then
    fail "expected Swift 6.3 or newer, found ${version:-an unknown version}" \
      "Swift 6.3 or newer: https://www.swift.org/install/linux/"
  fi
}

packages=(libedit-dev liblzma-dev libopenblas-dev libsentencepiece-dev libssl-dev libzstd-dev zlib1g-dev "$@")
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  install_missing "${packages[@]}"
else
  printf 'note: this is no Debian; what these packages hold must be there already, with headers:\n' >&2
  printf 'note: %s\n' "${packages[*]}" >&2
fi
check_swift
