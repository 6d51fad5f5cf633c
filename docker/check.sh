#!/bin/bash
# make docker-check: builds the image and uses it as the README says, for real. It is started by docker/compose.yaml on a port
# and a volume of its own; the README's commands run against it; a job trains in it; it is killed, started again, and nothing
# is lost. MLP: the host's own mlp. Ends with "N passed, N failed"; the first check that fails is the last.
set -euo pipefail
cd "$(dirname "$0")/.."
mlp=$(realpath "${MLP:-build/mlp}")
LIMIT_MB=60
USER_ID=10001
scratch=$(mktemp -d)
passed=0
container=
export TMPDIR=$scratch COMPOSE_PROJECT_NAME=mlpd-check MLPD_VOLUME=mlpd-check MLPD_TOKEN='' no_proxy='*'
unset MLP_TOKEN MLPD_TOKEN_FILE CURL_HOME

# ---- docker, and what it is asked ------------------------------------------------------------------------------------

# The compose of Debian 12 is a program of its own, and does not know --wait.
docker() {
    local argument wait= arguments=()
    if [ "$1" != compose ] || command docker compose version >/dev/null 2>&1; then
        command docker "$@"
        return
    fi
    for argument in "${@:2}"; do
        if [ "$argument" = --wait ]; then wait=1; else arguments+=("$argument"); fi
    done
    docker-compose "${arguments[@]}" || return
    [ -z "$wait" ] || until_healthy
}

compose() {
    docker compose -f docker/compose.yaml "$@"
}

of_container() { # FORMAT
    command docker inspect --format "$1" "$container"
}

until_healthy() {
    container=$(compose ps --quiet mlpd)
    for _ in $(seq 300); do
        [ "$(of_container '{{.State.Health.Status}}')" != healthy ] || return 0
        sleep 0.2
    done
    return 1
}

# The volume as another container sees it, which has the tools that ours has not.
in_volume() { # COMMAND...
    command docker run --rm --network none --volume "$MLPD_VOLUME:/data:ro" debian:bookworm-slim "$@"
}

api() { # PATH: GET
    curl -sS --fail-with-body "http://127.0.0.1:$MLPD_PORT$1"
}

status_of() { # CURL ARGUMENT...: the status of a request, without the token of CURL_HOME
    CURL_HOME="$scratch" curl -sS --output /dev/null --write-out '%{http_code}' "$@"
}

# ---- how it goes -----------------------------------------------------------------------------------------------------

finish() {
    local status=$?
    trap - EXIT
    if [ $status != 0 ]; then
        [ ! -e "$scratch/log" ] || tail -n 60 "$scratch/log"
        [ -z "$container" ] || command docker logs --tail 20 "$container" || true
        echo "docker-check: it failed at: $name"
    fi
    compose down --volumes >/dev/null 2>&1 || true
    [ -z "${engine_was_down:-}" ] || bash docker/engine.sh stop
    rm -rf "$scratch"
    echo "$passed passed, $((status != 0)) failed"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

check() { # FUNCTION: the check of that name
    name=${1//_/ }
    "$1"
    passed=$((passed + 1))
    echo "docker-check: $name"
}

equal() { # WHAT EXPECTED GOT
    [ "$2" = "$3" ] || { echo "$1 is \"$3\", not \"$2\"" >&2 && exit 1; }
}

# ---- the image -------------------------------------------------------------------------------------------------------

# The context is what docker/Dockerfile.dockerignore lets through, also for builders that do not read it. A machine may trust
# certificates beside Debian's.
the_image_is_built() {
    local certificates
    certificates=$(cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || true)
    sed -n 's/^!//p' docker/Dockerfile.dockerignore | tar -cT - --exclude=node_modules docker/Dockerfile |
        docker build --network host --build-arg EXTRA_CA="$certificates" -f docker/Dockerfile -t mlpd - >"$scratch/log" 2>&1
}

it_is_small() {
    local bytes
    bytes=$(docker image inspect --format '{{.Size}}' mlpd)
    printf 'docker-check: the image takes %d.%d MB\n' $((bytes / 1000000)) $((bytes / 100000 % 10))
    [ "$bytes" -le $((LIMIT_MB * 1000000)) ] || { echo "more than $LIMIT_MB MB" >&2 && exit 1; }
}

# Docker itself adds the places where it mounts something.
nothing_else_is_in_it() {
    local id strangers
    id=$(docker create mlpd)
    docker export "$id" | tar -t >"$scratch/files"
    docker rm --volumes "$id" >/dev/null
    strangers=$(grep -v '/$' "$scratch/files" |
        grep -vE '^usr/bin/(mlpd|mlp)$|\.so(\.[0-9.]+)?$|^(\.dockerenv|dev/console|etc/(hostname|hosts|mtab|resolv\.conf))$' || true)
    equal "what is in the image besides" "" "$strangers"
    grep -qx usr/bin/mlpd "$scratch/files" && grep -qx usr/bin/mlp "$scratch/files"
}

# Outside of compose.yaml as well: its address is not loopback.
without_a_token_it_does_not_start() {
    local status=0
    docker run --rm --env MLPD_TOKEN_FILE= mlpd >"$scratch/log" 2>&1 || status=$?
    equal "the exit status" 2 $status
    grep -q -- --no-auth "$scratch/log"
}

# ---- the container ---------------------------------------------------------------------------------------------------

free_port() {
    local port
    for port in $(shuf -i 20000-30000 -n 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
    done
    return 1
}

# Its ```bash blocks, in this shell: what they export stays. The last one ends it.
the_commands_of_the_README_start_it() {
    local block
    awk -v to="$scratch/readme-" '/^```bash$/ { file = to (++n); next } /^```/ { file = "" } file { print > file }' README.md
    block=$(ls "$scratch"/readme-* | wc -l)
    equal "the number of blocks" 2 "$block"
    . "$scratch/readme-1" >"$scratch/log" 2>&1
    container=$(compose ps --quiet mlpd)
    until_healthy
    equal "the token's length" 64 ${#MLP_TOKEN}
}

it_may_do_little() {
    local pid
    equal "the read-only root" true "$(of_container '{{.HostConfig.ReadonlyRootfs}}')"
    equal "capabilities dropped" '[ALL]' "$(of_container '{{.HostConfig.CapDrop}}')"
    equal "the published address" "127.0.0.1:$MLPD_PORT" \
        "$(of_container '{{with index .HostConfig.PortBindings "8080/tcp" 0}}{{.HostIp}}:{{.HostPort}}{{end}}')"
    equal "the limit of memory" 2147483648 "$(of_container '{{.HostConfig.Memory}}')"
    equal "the grace" 30 "$(of_container '{{.Config.StopTimeout}}')"
    pid=$(of_container '{{.State.Pid}}')
    equal "the user" $USER_ID "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")"
    equal "capabilities" 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")"
}

only_the_token_gets_in() {
    local url=http://127.0.0.1:$MLPD_PORT
    equal "the status without a token" 401 "$(status_of "$url/v1/jobs")"
    equal "the status with another" 401 "$(status_of --oauth2-bearer "${MLP_TOKEN%?}" "$url/v1/jobs")"
    equal "the status with the token" 200 "$(status_of --oauth2-bearer "$MLP_TOKEN" "$url/v1/jobs")"
    equal "the status of the page" 200 "$(status_of "$url/")"
    equal "the status of health" 200 "$(status_of "$url/healthz")"
    equal "the status by the service's name" 200 "$(status_of --header "Host: mlpd:8080" "$url/healthz")"
    equal "the status by another name" 421 "$(status_of --header "Host: evil.example" "$url/healthz")"
    equal "the status from another site" 403 "$(status_of --header "Origin: http://evil.example" -X POST "$url/v1/jobs")"
}

the_page_is_in_it() {
    api / | grep -qi '<!doctype html>'
}

the_README_holds_in_it() {
    README_DAEMON=127.0.0.1:$MLPD_PORT MLP="$mlp" bash tests/run tests/readme.sh >"$scratch/log" 2>&1
}

# ---- nothing is lost -------------------------------------------------------------------------------------------------

start_job() { # prints its run
    local id
    id=$("$mlp" train "$scratch/job.json" --json | sed -n 's/^{"id":\([0-9]*\).*/\1/p')
    api "/v1/jobs/$id/runs" | sed -n 's/^{"data":\[{"id":\([0-9]*\).*/\1/p'
}

field() { # RUN NAME: a number or a word of the run
    api "/v1/runs/$1" | grep -oE "\"$2\":\"?[^,\"}]*" | head -n 1 | sed 's/.*://; s/"//'
}

until_over() { # RUN
    until api "/v1/runs/$1?wait=30" | grep -q '"terminal":true'; do :; done
    equal "the status of run $1" succeeded "$(field "$1" status)"
}

# What it has answered for, in the same words afterwards.
remember() { # FILE RUN
    { api /v1/datasets && api /v1/jobs/1 && api "/v1/runs/$2" && api "/v1/runs/$2/epochs?points=50" &&
        api "/v1/runs/$2/evaluation" && api "/v1/runs/$2/model" | sha256sum; } >"$scratch/$1"
}

a_container_that_is_killed_loses_nothing() {
    local whole killed epoch
    echo '{"dataset": "penguins", "target": "species", "batch_size": 1, "epochs": 6000, "seed": 11}' >"$scratch/job.json"
    whole=$(start_job)
    until_over "$whole"
    remember before "$whole"
    killed=$(start_job)
    for _ in $(seq 300); do
        epoch=$(field "$killed" epoch)
        [ "$epoch" -lt 1000 ] || break
        sleep 0.02
    done
    equal "the status of the run to be killed" running "$(field "$killed" status)"
    docker kill --signal KILL "$container" >/dev/null
    equal "the state of the container" exited "$(of_container '{{.State.Status}}')"
    echo "docker-check: killed in epoch $epoch or later of 6000"
    compose up --detach --wait >/dev/null 2>&1
    equal "the token" "$MLP_TOKEN" "$(compose exec -T mlpd mlp token)"
    remember after "$whole"
    cmp "$scratch/before" "$scratch/after"
    until_over "$killed"
    equal "the model of the killed run" "$(field "$whole" model_sha256)" "$(field "$killed" model_sha256)"
    equal "its epochs" 6000 "$(api "/v1/runs/$killed/epochs?points=2" | grep -oE '"total":[0-9]+' | cut -d: -f2)"
}

# ---- what it leaves --------------------------------------------------------------------------------------------------

the_volume_is_its_users() {
    equal "files of others" "" "$(in_volume find /data ! -user $USER_ID -o ! -group $USER_ID)"
    equal "the modes" "700 600" "$(in_volume stat --format %a /data /data/token | paste -sd ' ')"
    [ "$(in_volume find /data -type f | wc -l)" -ge 3 ]
}

the_log_has_no_token() {
    docker logs "$container" >"$scratch/log" 2>&1
    grep -qF 'mlp token --token-file /data/token' "$scratch/log"
    equal "lines with the token" 0 "$(grep -cF "$MLP_TOKEN" "$scratch/log" || true)"
}

it_stops_in_time() {
    local started=$SECONDS
    start_job >/dev/null
    compose stop >/dev/null 2>&1
    equal "the exit status" 0 "$(of_container '{{.State.ExitCode}}')"
    [ $((SECONDS - started)) -lt 30 ]
}

the_README_ends_it_and_keeps_the_volume() {
    . "$scratch/readme-2" >"$scratch/log" 2>&1
    equal "containers" "" "$(docker ps --all --quiet --filter "id=$container")"
    docker volume inspect "$MLPD_VOLUME" >/dev/null
    container=
}

name="the engine"
command docker info >/dev/null 2>&1 || engine_was_down=1
bash docker/engine.sh
MLPD_PORT=$(free_port)
export MLPD_PORT MLPD_URL=http://127.0.0.1:$MLPD_PORT
compose down --volumes >/dev/null 2>&1
for each in the_image_is_built it_is_small nothing_else_is_in_it without_a_token_it_does_not_start \
    the_commands_of_the_README_start_it it_may_do_little only_the_token_gets_in the_page_is_in_it the_README_holds_in_it \
    a_container_that_is_killed_loses_nothing the_volume_is_its_users the_log_has_no_token it_stops_in_time \
    the_README_ends_it_and_keeps_the_volume; do
    check "$each"
done
