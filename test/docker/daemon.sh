# To be sourced: a Docker daemon of one's own. It needs root, and network and mount namespaces that nobody else uses, since it rewrites
# the rules of the network it finds: `unshare --net --mount --propagation private`. work is a folder for all that it keeps.
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/config

start_docker() {
  ip link set lo up
  mount -t tmpfs none /run # containerd's and runc's own sockets and states
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" -H "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
  daemon=$!
  until docker info >/dev/null 2>&1; do
    kill -0 $daemon 2>/dev/null || { tail -20 "$work/dockerd.log" >&2; exit 1; }
    read -rt 0.2 <> <(:) || true
  done
}

stop_docker() {
  [ -z "${daemon:-}" ] || { kill "$daemon" && wait "$daemon"; } || true
}
