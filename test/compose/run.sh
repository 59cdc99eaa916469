#!/usr/bin/env bash
# run.sh PLUMBLINE: starts deploy/compose/docker-compose.yml with a Docker of its own, publishes a picture to Mosquitto and
# wants a row of it in PostgreSQL, two workers, and Prometheus scraping all three of ours.
#
# Images of others are made of Debian's packages, once (.tools/compose), under the names that the compose file gives; so it
# is their configuration that is tried here, and not their images. Grafana is left out: Debian has none. dockerd runs in
# network and mount namespaces of its own, since it rewrites the rules of the network it finds; all of it ends with the script.
set -euo pipefail

plumbline=$(realpath "${1:?usage: run.sh PLUMBLINE}")
root=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "make compose-test needs root: it starts a Docker daemon" >&2; exit 1; }
tree=$root/.tools/compose/tree
step() { printf '%(%T)T %s\n' -1 "$*"; }

mirror() { # of which this machine's own packages came
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "deb" || $1 == "URIs:" {print $2; exit}' || true
}

fetch_tree() {
  step "fetching Debian's Mosquitto, PostgreSQL and Prometheus"
  local log; log=$(mktemp)
  rm -rf "$tree" && mkdir -p "$tree"
  debootstrap --variant=minbase --include=mosquitto,postgresql-15,prometheus,netcat-openbsd,wget bookworm "$tree" "$(mirror)" >"$log" 2>&1 ||
    { tail -20 "$log" >&2; exit 1; }
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  rm -f "$log"
  touch "$tree/.whole"
}

# What is fetched is fetched before: the namespaces below have no network.
if [ -z "${PLUMBLINE_COMPOSE_INSIDE:-}" ]; then
  [ -e "$tree/.whole" ] || fetch_tree
  PLUMBLINE_COMPOSE_INSIDE=1 exec unshare --net --mount --propagation private "$0" "$plumbline"
fi

work=$(mktemp -d)
. "$root/test/docker/daemon.sh"
export COMPOSE_PROJECT_NAME=plumbline
export PLUMBLINE_IMAGE=plumbline:compose-test
compose="docker-compose -f $work/deploy/compose/docker-compose.yml"

end() {
  code=$?
  [ $code -eq 0 ] || { $compose ps -a || true; $compose logs --no-color --tail 20 || tail -30 "$work/dockerd.log"; } >&2
  $compose down -v --timeout 20 >/dev/null 2>&1 || true
  stop_docker
  rm -rf "$work"
  exit $code
}
trap end EXIT

# What the compose file counts on in the official images: a folder, and what PostgreSQL's entrypoint does.
equip_tree() {
  install -d -o root -m 755 "$tree/mosquitto"
  chroot "$tree" install -d -o mosquitto /mosquitto/data
  cat >"$tree/usr/local/bin/postgres-entrypoint" <<'INSIDE'
#!/bin/sh
set -eu
data=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:$PATH
chown postgres "$data"
if [ ! -e "$data/PG_VERSION" ]; then
  cp "$POSTGRES_PASSWORD_FILE" /tmp/password && chown postgres /tmp/password
  setpriv --reuid postgres --regid postgres --init-groups initdb -D "$data" -U "$POSTGRES_USER" --pwfile /tmp/password -A scram-sha-256 >/dev/null
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  setpriv --reuid postgres --regid postgres --init-groups sh -c "echo 'CREATE DATABASE \"$POSTGRES_DB\"' | postgres --single -D $data postgres >/dev/null"
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
INSIDE
  chmod 755 "$tree/usr/local/bin/postgres-entrypoint"
  ln -sf /usr/lib/postgresql/15/bin/pg_isready /usr/lib/postgresql/15/bin/psql "$tree/usr/local/bin/"
}

load_images() {
  step "making images"
  tar -C "$tree" -c . | docker import - plumbline-test-base >/dev/null
  import() { printf 'FROM plumbline-test-base\nENTRYPOINT %s\n' "$2" | docker build -q -t "$1" - >/dev/null 2>"$work/build.log"; }
  image() { grep -o "image: $1:.*" "$root/deploy/compose/docker-compose.yml" | head -1 | cut -d' ' -f2; }
  import "$(image eclipse-mosquitto)" '[]'
  import "$(image postgres)" '["postgres-entrypoint"]'
  import "$(image prom/prometheus)" '["prometheus"]'
  arch=$(dpkg --print-architecture)
  "$plumbline" image --output "$work/plumbline.tar" --name $PLUMBLINE_IMAGE --image-model full \
    --platform "linux/$arch" --binary "linux/$arch=$plumbline" --base "$root/.tools/base/$arch"
  docker load -qi "$work/plumbline.tar"
}

# await WHAT COMMAND...: until the command says yes, for two minutes.
await() {
  step "waiting for $1"
  local deadline=$((SECONDS + 120))
  until "${@:2}" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "waited two minutes in vain for $1" >&2; exit 1; }
    read -rt 0.5 <> <(:) || true
  done
}

hub() { wget -qO- --header "Authorization: Bearer $(<"$work/deploy/compose/secrets/http_token")" "http://127.0.0.1:8080$1"; }
two_workers() { [ "$(hub /api/v1/queue | grep -o '"heard_at"' | wc -l)" -eq 2 ]; }
scraped() { [ "$(wget -qO- 'http://127.0.0.1:9090/api/v1/query?query=count(plumbline_ready==1)' | grep -o '"3"')" = '"3"' ]; }
rows() { $compose exec -T postgres sh -c 'PGPASSWORD=$(cat $POSTGRES_PASSWORD_FILE) psql -h 127.0.0.1 -U plumbline -Atc "SELECT pi_id, posture_status FROM posture_log"'; }
row() { rows | grep -q '^pi1|'; }
healthy() { [ "$(docker ps -q --filter health=healthy | wc -l)" -eq 6 ]; }

equip_tree
step "starting dockerd"
start_docker
load_images
cp -r "$root/deploy" "$work/deploy"
rm -rf "$work/deploy/compose/secrets"
"$work/deploy/compose/secrets.sh" pi1
step "docker-compose up"
$compose up -d mosquitto postgres hub worker prometheus
await "six healthy containers" healthy
await "two workers" two_workers
step "publishing a picture to Mosquitto as pi1"
"$plumbline" send "$(ls "$root"/internal/demo/people/*.jpg | head -1)" --device pi1 --username pi1 --password-file "$work/deploy/compose/secrets/mqtt_camera_pi1"
await "its row in PostgreSQL" row
rows
await "Prometheus to have scraped hub and workers" scraped
if "$plumbline" send "$(ls "$root"/internal/demo/people/*.jpg | head -1)" --device pi2 --username pi2 --password-file "$work/deploy/compose/secrets/mqtt_camera_pi1" 2>/dev/null; then
  echo "a camera without an account was let in" >&2
  exit 1
fi
step "all is well"
