#!/usr/bin/env bash
# run.sh PLUMBLINE: builds the Dockerfile with a Docker of its own, holds the image against the one of `plumbline image`, and lets it
# analyse a picture as nobody, on a read-only root filesystem. Then `plumbline deploy` and `plumbline stop --local` remove from this
# Docker what they are to, and nothing else; the cluster they talk to is an API server with nothing in it (test/docker/api). The base is made of Debian's packages (.tools/base), and the
# binary is the one given: the stage that builds it from source needs registries and is not tried here.
set -euo pipefail

plumbline=$(realpath "${1:?usage: run.sh PLUMBLINE}")
root=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "make docker-test needs root: it starts a Docker daemon" >&2; exit 1; }
if [ -z "${PLUMBLINE_DOCKER_INSIDE:-}" ]; then
  PLUMBLINE_DOCKER_INSIDE=1 exec unshare --net --mount --propagation private "$0" "$plumbline"
fi

work=$(mktemp -d)
. "$root/test/docker/daemon.sh"
arch=$(dpkg --print-architecture)
step() { printf '%(%T)T %s\n' -1 "$*"; }
wrong() { echo "$*" >&2; exit 1; }

end() {
  code=$?
  [ $code -eq 0 ] || tail -n 30 "$work"/*.log >&2 || true
  [ -z "${api:-}" ] || { kill "$api" && wait "$api"; } 2>/dev/null || true
  stop_docker
  rm -rf "$work"
  exit $code
}
trap end EXIT

# BuildKit comes with buildx, or with Debian's own docker.
build() {
  local docker=docker
  docker buildx version >/dev/null 2>&1 || docker=/usr/bin/docker
  DOCKER_BUILDKIT=1 $docker build --progress plain --build-arg FILES=prebuilt "$@" "$work/context" >"$work/build.log" 2>&1
}

# files IMAGE: what lies under /usr/local, with rights, owners and content; the list of components names the base where it is known.
files() {
  local container
  container=$(docker create "$1")
  docker export "$container" | tar -C "$work" -x usr/local --one-top-level=unpacked
  docker export "$container" | tar -tv --numeric-owner | awk '/ usr\/local\/.*[^\/]$/ {print $1, $2, $6}'
  (cd "$work/unpacked" && find usr/local -type f ! -name sbom.spdx.json -print0 | sort -z | xargs -0 sha256sum)
  rm -rf "$work/unpacked"
  docker rm "$container" >/dev/null
}

config() { docker inspect -f '{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{index .Config.Labels "'org.opencontainers.image."$2"'"}}' "$1"; }

step "starting dockerd"
start_docker
tar -C "$root/.tools/base/$arch" --exclude ready -c . | docker import - plumbline-base >/dev/null
step "building the Dockerfile"
mkdir "$work/context" && cp "$root/Dockerfile" "$root/.dockerignore" "$work/context"
"$plumbline" image --platform "linux/$arch" --binary "$plumbline" --output "files:$work/context/dist/files"
build -t plumbline:docker --build-arg BASE=plumbline-base --build-arg VERSION="$("$plumbline" --version | awk '{print $NF}')" || wrong "the Dockerfile cannot be built"
step "building the same by plumbline image"
"$plumbline" image --output "$work/own.tar" --name plumbline:own --platform "linux/$arch" --binary "$plumbline" --base "$root/.tools/base/$arch"
docker load -qi "$work/own.tar"
for label in title description version licenses; do
  diff <(config plumbline:own $label) <(config plumbline:docker $label) || wrong "the images differ in user, entrypoint or the label $label"
done
for image in own docker; do files plumbline:$image >"$work/$image.files"; done
diff "$work/own.files" "$work/docker.files" || wrong "the images hold different files"
step "analysing a picture in it"
docker run --rm -i --network none --read-only --cap-drop ALL --security-opt no-new-privileges plumbline:docker analyze - <"$root/internal/demo/people/anna_upright.jpg" | tee "$work/analysed.log"
grep -q Good "$work/analysed.log" || wrong "the picture was not analysed"
if build -t plumbline:none 2>/dev/null; then wrong "it builds without a base"; fi

# state lists containers, and images by each of their names.
state() { { docker ps -a --no-trunc --format '{{.ID}}'; docker images --format '{{.Repository}}:{{.Tag}}'; } | sort; }
# remains WHAT NAME...: that all but these is there still, and these are not.
before=
remains() {
  local what=$1; shift
  diff <(printf '%s\n' "$before" | grep -vxF "$(printf '%s\n' "$@")") <(state) || wrong "$what: not what was expected is left"
}
# of VERSION CONTAINER IMAGE: a copy of the container's image that says it is of that version.
of() { docker commit --change "LABEL org.opencontainers.image.version=$1" "$2" "$3" >/dev/null && docker tag "$3" "$3-too"; }

step "removing what is of an earlier version"
same=$(docker create plumbline:docker)
of 0.0.1 "$same" plumbline:earlier
of 0.0.2 "$same" plumbline:composed
earlier=$(docker run -d --network none --tmpfs /data:mode=1777 plumbline:earlier serve --data /data --images-dir /data/images --model lite --workers 1)
composed=$(docker create --label com.docker.compose.project=home plumbline:composed)
other=$(docker create plumbline-base /usr/local/bin/other)
go build -C "$root" -o "$work/api" ./test/docker/api
"$work/api" 127.0.0.1:6443 & api=$!
cat >"$work/kubeconfig" <<'CONFIG'
{apiVersion: v1, kind: Config, current-context: empty, contexts: [{name: empty, context: {cluster: empty, user: nobody}}],
 clusters: [{name: empty, cluster: {server: "http://127.0.0.1:6443"}}], users: [{name: nobody, user: {}}]}
CONFIG
deploy() { # the cluster takes nothing, so it ends with 1
  local code=0
  "$plumbline" deploy --kubeconfig "$work/kubeconfig" --image plumbline:docker --image-pull-policy Never --ignore-preflight \
    --prometheus http://127.0.0.1:1 --mqtt-anonymous --no-watch "$@" >"$work/deploy.log" 2>&1 || code=$?
  [ $code -eq 1 ] && grep -q "nothing may be made" "$work/deploy.log" || wrong "deploy ended with $code"
}
until (exec 3<>/dev/tcp/127.0.0.1/6443) 2>/dev/null; do kill -0 $api && read -rt 0.1 <> <(:) || true; done
[ "$(docker inspect -f '{{.State.Running}}' "$earlier")" = true ] || { docker logs "$earlier" >&2; wrong "the container of the earlier version does not run"; }
before=$(state)
deploy --keep-local
remains "--keep-local" none
deploy
grep "this machine\|left alone" "$work/deploy.log"
remains "deploy" "$earlier" plumbline:earlier plumbline:earlier-too
step "removing containers of any version"
"$plumbline" stop --kubeconfig "$work/kubeconfig" --local
remains "stop --local" "$earlier" plumbline:earlier plumbline:earlier-too "$same"
for container in "$composed" "$other"; do docker inspect "$container" >/dev/null; done
step "all is well"
