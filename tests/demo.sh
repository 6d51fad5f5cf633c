#!/bin/bash
# make demo: a daemon on a directory and a port of its own, a table, a network, its figures and a prediction, by the
# commands that a user would type. Leaves nothing behind. BUILD: where the programs are.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
work=$(mktemp -d "${TMPDIR:-/tmp}/mlpd-demo.XXXXXX")
daemon=

finish() {
    local status=$?
    trap '' EXIT HUP INT PIPE TERM
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    [ $status = 0 ] || [ $status -gt 128 ] || { echo "make demo: failed" && tail -n 5 "$work/log" 2>/dev/null; } >&2
    rm -rf "$work"
    exit $status
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

fail() { # TEXT
    echo "$1" >&2
    exit 1
}

say() { # LINE...
    printf '\n'
    printf '%s\n' "$@"
}

run() { # COMMAND WORD...: shows it, then does it; lines for a log may be wider than a page
    echo "\$ $*"
    if [ -t 1 ]; then
        "$@"
    else
        "$@" | fold -s -w 80
    fi || fail "this command failed: $*"
}

mlp() {
    "$build/mlp" "$@"
}

show() { # FILE
    echo "\$ cat $1"
    cat "$1"
}

for program in mlpd mlp; do
    [ -x "$build/$program" ] || fail "there is no $build/$program: make builds it"
done

# ---- the daemon ------------------------------------------------------------------------------------------------------
: >"$work/out" # it is there before the daemon is
"$build/mlpd" --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/out" 2>"$work/log" &
daemon=$!
for _ in $(seq 100); do
    grep -q listening "$work/out" && break
    kill -0 "$daemon" 2>/dev/null || fail "mlpd did not start"
    sleep 0.1
done
MLPD_URL=$(sed -n 's,.*listening on ,,p' "$work/out")
[ -n "$MLPD_URL" ] || fail "mlpd did not begin to listen within 10 s"
export MLPD_URL
cp tests/data/penguins.csv "$work"
cd "$work"
cat >penguins.json <<'JSON'
{
  "dataset": "penguins",
  "target": "species",
  "features": ["bill_length_mm", "flipper_length_mm", "body_mass_g"],
  "validation": {"fraction": 0.2},
  "network": {"hidden": [{"units": 16, "activation": "relu"}]},
  "optimizer": {"name": "momentum", "learning_rate": 0.05, "momentum": 0.9},
  "epochs": 50,
  "seed": 7
}
JSON
cat >one.csv <<'CSV'
bill_length_mm,flipper_length_mm,body_mass_g
43.2,197,3600
CSV

# ---- what a user does ------------------------------------------------------------------------------------------------
echo "The daemon mlpd listens on $MLPD_URL while this demo runs."
say "1. Upload a table: 344 penguins of three species. Its columns get types."
run mlp data add penguins.csv
say "2. Say what is to be trained: the species, from three measures. What is left" \
    "out, such as the size of a batch, has defaults; mlp schema lists them."
show penguins.json
say "3. Train it and watch. A fifth of the rows is kept out, to validate."
run mlp train penguins.json --watch
if [ ! -t 1 ]; then # in a log nothing moved; the table's last columns are wider than its page
    echo '$ mlp epochs 1 --points 10 | cut -c 1-63'
    mlp epochs 1 --points 10 | cut -c 1-63 || fail "this command failed: mlp epochs"
fi
say "4. How well does it tell the species of the rows that it has not seen?"
run mlp evaluate 1
say "5. Predict the species of a penguin from raw values."
show one.csv
run mlp predict 1 one.csv

cat <<'TEXT'

That was all; its daemon stops now. To go on:
  build/mlpd                 starts one that stays, on 127.0.0.1:8080, and keeps
                             what it learns in mlpd-data
  build/mlp --help           lists what mlp can do
  README.md                  the same by curl, the course's exercise (a grid of
                             momentum by learning rate), and how it is made
TEXT
