#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, each once: secrets.sh [CAMERA...]
#
# A CAMERA named here gets an account at the broker, with its password in secrets/mqtt_camera_CAMERA; restart mosquitto then.
# The folder is yours alone; the files in it can be read by all, since containers read them under other users.
set -euo pipefail
cd "$(dirname "$0")"

mkdir -p secrets
chmod 700 secrets
umask 022
random() { head -c 24 /dev/urandom | base64 | tr -d '/+=\n'; }
once() { [ -s "secrets/$1" ] || printf '%s\n' "${2:-$(random)}" >"secrets/$1"; }
account() { grep -qs "^$1:" secrets/mqtt_accounts || printf '%s:%s\n' "$1" "$(<"$2")" >>secrets/mqtt_accounts; }

once postgres_password
once pgpass "postgres:5432:plumbline:plumbline:$(<secrets/postgres_password)"
once http_token
once grafana_password
once mqtt_password
account plumbline secrets/mqtt_password
for camera in "$@"; do
  [[ $camera =~ ^[A-Za-z0-9_.-]+$ ]] || { echo "a camera's name is letters, digits, dots, dashes: not $camera" >&2; exit 2; }
  once "mqtt_camera_$camera"
  account "$camera" "secrets/mqtt_camera_$camera"
done
