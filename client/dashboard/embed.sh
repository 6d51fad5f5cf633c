#!/bin/bash
# client/dashboard/embed.sh DIRECTORY ASSETS.c: bundles the page in DIRECTORY and writes the table of its files as C.
# Where node or npm's packages cannot be had, it says so and writes an empty table; mlpd then says so at /.
# DIRECTORY/without is there as long as the page is not.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" || exit 1
work=$(cd "$1" && pwd)
out=$2

without() { # WHY
    echo "  mlpd is built without its page: $1" >&2
    touch "$work/without"
    printf '%s\n' '#include "server/http/http.h"' '' 'extern const struct http_asset dashboard_assets[];' \
        'extern const size_t dashboard_asset_count;' \
        'const struct http_asset dashboard_assets[] = {{0}};' 'const size_t dashboard_asset_count = 0;' >"$out.new"
    # A table that is as it was keeps its date, so that nothing is linked again.
    if cmp -s "$out.new" "$out"; then rm "$out.new"; else mv "$out.new" "$out"; fi
    exit 0
}

packages() { # installs what package-lock.json names, once for each state of it
    cmp -s "$here/package-lock.json" "$work/installed.json" && return
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/" || return 1
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 \
        --fetch-timeout=30000) >"$work/npm.log" 2>&1 || return 1
    cp "$here/package-lock.json" "$work/installed.json"
}

command -v node >/dev/null || without "there is no node"
command -v npm >/dev/null || without "there is no npm"
packages || without "npm could not get its parts (${work#"$PWD/"}/npm.log)"
NODE_PATH="$work/node_modules" node "$here/bundle.mjs" "$work" "$out.new" || exit 1
rm -f "$work/without"
mv "$out.new" "$out"
