#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, each once: secrets.sh [CAMERA...]
#
# A CAMERA named here gets an account at the broker, with its password in secrets/mqtt_camera_CAMERA; restart mosquitto then.
# The folder is yours alone; the files in it can be read by all, since containers read them under other users.
set -euo pipefail
export LC_ALL=C # A to Z are 26 letters
cd "$(dirname "$0")"

refuse() { echo "$1; nothing is changed" >&2; exit 2; }
for camera in "$@"; do
  [[ $camera =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
    refuse "a camera's name is at most 128 letters, digits, dots, dashes and underscores, no dot or dash first: not '$camera'"
  [ "$camera" != plumbline ] || refuse "the account plumbline is the hub's, which reads all pictures: give the camera another name"
done

mkdir -p secrets
chmod 700 secrets
umask 022
random() { head -c 24 /dev/urandom | base64 | tr -d '/+=\n'; }
once() { [ -s "secrets/$1" ] || printf '%s\n' "${2:-$(random)}" >"secrets/$1"; }
account() { cut -d: -f1 secrets/mqtt_accounts 2>/dev/null | grep -xF -e "$1" >/dev/null || printf '%s:%s\n' "$1" "$(<"$2")" >>secrets/mqtt_accounts; }

once postgres_password
once pgpass "postgres:5432:plumbline:plumbline:$(<secrets/postgres_password)"
once http_token
once grafana_password
once mqtt_password
account plumbline secrets/mqtt_password
for camera in "$@"; do
  once "mqtt_camera_$camera"
  account "$camera" "secrets/mqtt_camera_$camera"
done
