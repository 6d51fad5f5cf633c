#!/bin/bash
# tests/page.sh: the page's pure functions by node's own test runner. tests/page.sh FILE: one of tests/page/browser, in a real
# Chromium; or tests/bench/page.mjs with what it is to measure. What cannot be had here (node, npm's packages, a browser) is said, and its tests count as skipped. MLPD: the daemon.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=build/page-tests

skip() { # NAME WHY
    echo "[  ABSENT  ] $1: $2"
}

run() { # FILE...
    timeout -k 5 280 node --test --test-reporter=./tests/page/reporter.mjs "$@"
}

packages() { # what tests/page/package-lock.json names, once for each state of it
    mkdir -p $work
    cmp -s tests/page/package-lock.json $work/installed.json && return
    cp tests/page/package.json tests/page/package-lock.json tests/page/.npmrc $work/ || return 1
    (cd $work && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 \
        --fetch-timeout=30000) >$work/npm.log 2>&1 || return 1
    cp tests/page/package-lock.json $work/installed.json
}

browser_is_there() { # sets why when it is not
    why=
    packages || why="npm could not get playwright-core and axe-core ($work/npm.log)"
    [ ! -e build/page/without ] || why="mlpd was built without its page"
    [ -n "${CHROMIUM:-$(command -v chromium)}" ] || why="there is no chromium"
    [ -z "$why" ]
}

# Without node the daemon gets an empty table, which says so at /.
without_node() {
    local empty result
    empty=$(mktemp -d) || return 1
    mkdir "$empty/bin"
    for tool in bash dirname mkdir touch cmp mv; do
        ln -s "$(command -v $tool)" "$empty/bin/$tool"
    done
    PATH=$empty/bin "$BASH" client/dashboard/embed.sh "$empty/page" "$empty/assets.c" 2>"$empty/said" &&
        grep -q 'without its page: there is no node' "$empty/said" && [ -e "$empty/page/without" ] &&
        grep -q 'dashboard_asset_count = 0' "$empty/assets.c" && "${CC:-cc}" -I. -c -o "$empty/o" "$empty/assets.c"
    result=$?
    rm -rf "$empty"
    return $result
}

if ! command -v node >/dev/null; then
    skip "${1:-tests/page}" "there is no node"
elif [ $# = 0 ]; then
    echo "[==========] Running 1 test(s)."
    without_node && echo "[       OK ] without node there is an empty table"
    status=$?
    run tests/page/unit/*.test.mjs && exit $status
    exit 1
elif browser_is_there; then
    export CHROMIUM=${CHROMIUM:-$(command -v chromium)} PACKAGES=$PWD/$work/package.json
    case $1 in
    *.test.mjs) run "$1" ;;
    *) node "$@" ;;
    esac
else
    skip "$1" "$why"
fi
