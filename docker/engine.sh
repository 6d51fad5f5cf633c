#!/bin/bash
# docker/engine.sh: makes sure that a Docker engine runs, that there is a compose, and that the image which docker/Dockerfile
# is built on is there. On a fresh Debian 12, as root, it installs and starts the engine of Debian's packages and makes the
# image with debootstrap, so that no registry of images is needed. Where all of it is there already it does nothing.
#   docker/engine.sh stop   stops the engine, if it was started here
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
image=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' "$root/docker/Dockerfile")
state=/run/mlpd-engine

running() {
    docker info >/dev/null 2>&1
}

start_engine() {
    if [ "$(id -u)" != 0 ]; then
        echo "No Docker engine answers: start it, or run this as root" >&2
        exit 1
    fi
    command -v dockerd >/dev/null || bash "$root/tests/deps.sh" docker
    mkdir -p "$state"
    # In a session of its own, so that it outlives a Ctrl-C here.
    setsid dockerd --pidfile "$state/docker.pid" >"$state/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 120); do
        running && return
        sleep 0.5
    done
    tail -n 20 "$state/dockerd.log" >&2
    echo "The Docker engine did not start" >&2
    exit 1
}

# An engine that was there before has its registry; ours has Debian's packages.
make_image() {
    if [ ! -e "$state/docker.pid" ] && docker pull --quiet "$image"; then
        return
    fi
    bash "$root/tests/deps.sh" base_image
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
    if ! debootstrap --variant=minbase bookworm "$directory/root" >"$directory/log" 2>&1; then
        tail -n 20 "$directory/log" >&2
        exit 1
    fi
    rm -rf "$directory"/root/var/cache/apt/archives/*.deb "$directory"/root/var/lib/apt/lists/*
    tar -C "$directory/root" -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
}

stop_engine() {
    [ -e "$state/docker.pid" ] || exit 0
    kill "$(cat "$state/docker.pid")"
    for _ in $(seq 120); do
        running || break
        sleep 0.5
    done
    rm -rf "$state"
}

if [ "${1:-}" = stop ]; then
    stop_engine
    exit 0
fi
running || start_engine
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || bash "$root/tests/deps.sh" compose
docker image inspect "$image" >/dev/null 2>&1 || make_image
echo "engine $(docker version --format '{{.Server.Version}}'), $image of" \
    "$(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
