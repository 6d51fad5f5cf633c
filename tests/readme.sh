#!/bin/bash
# Runs the README's ```sh blocks in their order, as they stand but for the port: the first one starts the daemon, each of
# the others has to end with status 0. Reports as cmocka does, for tests/run. MLPD and MLP: the programs.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mlpd=$(realpath "${MLPD:-$root/build/mlpd}")
mlp=$(realpath "${MLP:-$root/build/mlp}")
scratch=$(mktemp -d) || exit 1
daemon=

finish() {
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon"; }
    rm -rf "$scratch"
}
trap finish EXIT

# A place like the top of the tree, so that the commands find what they name and leave nothing in the real one.
mkdir "$scratch/build"
ln -s "$mlpd" "$scratch/build/mlpd"
ln -s "$mlp" "$scratch/build/mlp"
ln -s "$root/tests" "$scratch/tests"
cd "$scratch" || exit 1

awk '/^```sh$/ { file = sprintf("block-%02d", ++n); next } /^```/ { file = "" } file { print > file }' "$root/README.md"
blocks=(block-*)
echo "[==========] Running ${#blocks[@]} test(s)."

report() { # STATUS NAME
    [ "$1" = 0 ] && echo "[       OK ] $2" || echo "[  FAILED  ] $2"
}

# ---- the daemon ------------------------------------------------------------------------------------------------------
start=${blocks[0]}
echo "[ RUN      ] $start"
sed -i 's/127\.0\.0\.1:8080/127.0.0.1:0/; s/^/exec /' "$start"
bash "$start" >daemon.out 2>daemon.log &
daemon=$!
for _ in $(seq 100); do
    grep -q listening daemon.out && break
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
done
address=$(sed -n 's,.*listening on http://,,p' daemon.out)
if [ -z "$address" ]; then
    cat daemon.out daemon.log
    report 1 "$start"
    exit 1
fi
report 0 "$start"

# ---- everything else -------------------------------------------------------------------------------------------------
failed=0
export MLPD_URL="http://$address"
for block in "${blocks[@]:1}"; do
    echo "[ RUN      ] $block"
    sed -i "s/127\.0\.0\.1:8080/$address/g" "$block"
    bash -e -u -o pipefail "$block" >output 2>&1
    status=$?
    if [ $status != 0 ]; then
        failed=1
        cat "$block" output
        echo "exit status $status"
    fi
    report $status "$block"
done
kill "$daemon"
wait "$daemon" || { failed=1 && tail -n 20 daemon.log && echo "the daemon's exit status was not 0"; }
daemon=
exit $failed
