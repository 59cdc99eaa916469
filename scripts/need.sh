#!/usr/bin/env bash
# Sees to it that the system packages for a purpose are there: need.sh build|test|dist|bench|cluster|compose
#
# What is there already is left alone. What is missing is installed by apt-get where that is allowed (as root, or by
# sudo without a password); otherwise one sentence says what to install, and the exit status is 1. Servers are
# installed without being started, since the tests and the benchmark start their own on free ports.
set -euo pipefail

purpose=${1:?usage: need.sh build|test|dist|bench|cluster|compose}

own_turbojpeg=.tools/turbojpeg/native # see cgo.sh

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }
has_postgres() { has postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
has_library() { compgen -G "/usr/lib/*-linux-gnu/$1" >/dev/null || compgen -G "/lib/*-linux-gnu/$1" >/dev/null; }
has_turbojpeg() {
  [ -e $own_turbojpeg/include/turbojpeg.h ] && return
  echo '#include <turbojpeg.h>' | cc -E - >/dev/null 2>&1 && [ -e "$(cc -print-file-name=libturbojpeg.a)" ]
}

missing=()
want() { # want PACKAGE CHECK...: notes the Debian package whose check fails
  local package=$1
  shift
  "$@" || missing+=("$package")
}

want_for_build() {
  want gcc has cc
  want libc6-dev test -e /usr/include/stdio.h
  want git has git
  want npm has npm
  want libturbojpeg0-dev has_turbojpeg
}

want_for_test() {
  want_for_build
  want python3 has python3
  want python3-venv has_venv
  want mosquitto has mosquitto
  want mosquitto-clients has mosquitto_pub
  want rabbitmq-server has rabbitmq-server
  want postgresql has_postgres
  want pgbouncer has pgbouncer
  want prometheus has prometheus
  want openssl has openssl
  want chromium has chromium
  want strace has strace
  want webp has cwebp
  want util-linux has setpriv
  want dpkg has dpkg-deb
}

case $purpose in
build) want_for_build ;;
test) want_for_test ;;
dist)
  want_for_build
  want python3-venv has_venv
  want qemu-user has qemu-aarch64
  want dpkg has dpkg-deb
  ;;
bench) want_for_test ;;
compose)
  want_for_build
  want docker.io has dockerd
  want docker-compose has docker-compose
  want iptables has iptables
  want debootstrap has debootstrap
  want iproute2 has ip
  want util-linux has unshare
  want wget has wget
  want dpkg has dpkg
  ;;
cluster)
  want_for_build
  want mosquitto has mosquitto
  want mosquitto-clients has mosquitto_pub
  want postgresql has_postgres
  want iproute2 has ip
  want dpkg has dpkg-deb
  want apt has apt-get
  want libseccomp2 has_library libseccomp.so.2
  want libgmp10 has_library libgmp.so.10
  ;;
*)
  echo "need.sh: unknown purpose $purpose" >&2
  exit 2
  ;;
esac

[ ${#missing[@]} -eq 0 ] && exit 0

can_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

# The one library that building needs can be had without rights: unpacked into .tools.
if [ "${missing[*]}" = libturbojpeg0-dev ] && ! can_be_root &&
  "$(dirname "$0")/turbojpeg.sh" "$(dpkg --print-architecture 2>/dev/null)" $own_turbojpeg 2>/dev/null; then
  exit 0
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if ! command -v apt-get >/dev/null || ! can_be_root; then
  echo "To $purpose Plumbline, please install (Debian's names): ${missing[*]}" >&2
  exit 1
fi

echo "Installing ${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}
# The package lists may be missing or old; a source that cannot be reached need not be the one that counts.
install 2>/dev/null || { "${as_root[@]}" apt-get update -qq || true; install; }
