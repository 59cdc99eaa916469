#!/usr/bin/env bash
# Unpacks Debian packages of any architecture into a folder, without rights and without touching the system:
# debs.sh ARCH FOLDER PACKAGE...
#
# apt-get gets package lists of its own under .tools/apt, checks Debian's signatures as ever, downloads, and dpkg-deb
# unpacks. Neither the machine's list of architectures nor its installed packages change.
set -euo pipefail

arch=${1:?usage: debs.sh ARCH FOLDER PACKAGE...}
folder=${2:?usage: debs.sh ARCH FOLDER PACKAGE...}
shift 2

state=$PWD/.tools/apt/$arch
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
: >"$state/status"
apt() {
  apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State::lists="$state/lists" \
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o APT::Sandbox::User="$(id -un)" \
    -o Debug::NoLocking=1 "$@"
}

download() { (cd "$state/debs" && apt download "$@"); }
# A source that lacks this architecture makes the update fail; what counts is whether the packages then come.
download "$@" 2>/dev/null || { apt update 2>/dev/null || true; download "$@"; }

mkdir -p "$folder"
for package in "$@"; do
  for deb in "$state/debs/${package}"_*_"$arch".deb; do
    dpkg-deb -x "$deb" "$folder"
  done
done
