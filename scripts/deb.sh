#!/usr/bin/env bash
# Makes a Debian package of the program: .build/retnet_VERSION_ARCHITECTURE.deb.
# Usage: scripts/deb.sh
#   MAINTAINER  (environment) who answers for the package; "retnet maintainers <root@localhost>" without it
#
# Its dependencies are those of the linked libraries, as dpkg-shlibdeps finds them; Swift's are inside the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh dpkg-dev
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/debian/retnet
DESTDIR=$tree ZSH_SITE=share/zsh/vendor-completions scripts/install.sh install /usr

gzip -9n "$tree"/usr/share/man/man1/*.1

documents=$tree/usr/share/doc/retnet
install -d "$documents/examples"
install -m 644 README.md "$documents"
cp -r docs "$documents"
cp -r configs "$documents/examples/configs"
cat >"$documents/copyright" <<END
Swift's standard library and Foundation (Apache License 2.0 with Runtime Library Exception), swift-argument-parser
(the same licence) and Yams (MIT licence) are part of the program.
END
find "$tree" -type d -exec chmod 755 {} +
find "$documents" -type f -exec chmod 644 {} +

# dpkg-shlibdeps wants a source package around it.
install -d "$tree/DEBIAN"
printf 'Source: retnet\n\nPackage: retnet\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O debian/retnet/usr/bin/retnet | sed -n 's/^shlibs:Depends=//p')
version=$("$tree/usr/bin/retnet" --version | sed -n '1s/^retnet //p')
architecture=$(dpkg --print-architecture)
cat >"$tree/DEBIAN/control" <<END
Package: retnet
Version: $version
Architecture: $architecture
Maintainer: ${MAINTAINER:-retnet maintainers <root@localhost>}
Section: science
Priority: optional
Installed-Size: $(du -k -s --exclude=DEBIAN "$tree" | cut -f 1)
Depends: $depends
Description: train, evaluate and run Retentive Networks on CPUs
 A command-line toolkit for language models with retention instead of
 attention: SentencePiece vocabularies, training, perplexity, generation
 with a state of constant size, and conversion of checkpoints.
END
package=.build/retnet_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$tree" "$package" >&2
printf '%s\n' "$package"
