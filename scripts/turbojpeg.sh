#!/usr/bin/env bash
# Puts turbojpeg.h and libturbojpeg.a of an architecture into folders of their own: turbojpeg.sh ARCH FOLDER
# gives FOLDER/include/turbojpeg.h and FOLDER/lib/libturbojpeg.a.
#
# Folders of their own because a cross compiler that is told -I/usr/include takes this machine's libc headers with it.
set -euo pipefail

arch=${1:?usage: turbojpeg.sh ARCH FOLDER}
folder=${2:?usage: turbojpeg.sh ARCH FOLDER}
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT

"$(dirname "$0")/debs.sh" "$arch" "$unpacked" libturbojpeg0-dev
mkdir -p "$folder/include" "$folder/lib"
cp "$unpacked/usr/include/turbojpeg.h" "$folder/include/"
cp "$unpacked"/usr/lib/*/libturbojpeg.a "$folder/lib/"
mkdir -p "$folder/doc"
cp "$unpacked/usr/share/doc/libturbojpeg0-dev/copyright" "$folder/doc/" 2>/dev/null || true
