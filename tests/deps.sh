#!/bin/bash
# tests/deps.sh GROUP...: makes sure that the Debian packages of the groups are there. Installs the missing ones as root
# or by sudo; otherwise prints the command that would, and fails. Says nothing and takes no time when all are there.
set -euo pipefail

# One row for each need: alternatives are separated by |, and the first one is what gets installed.
packages_build='gcc libc6-dev binutils curl libcmocka-dev libcjson-dev libsqlite3-dev libmicrohttpd-dev nettle-dev
    libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev'
# The page: node bundles it, npm gets what it is made of. A node from elsewhere brings its own npm.
packages_page='nodejs npm'
# Its tests: a real browser, and letters for it.
packages_browser='chromium fonts-dejavu-core'
packages_lint='clang clang-tidy cppcheck'
packages_docker='docker.io|docker-ce iptables'
packages_base_image='debootstrap'
packages_compose='docker-compose|docker-compose-plugin'
packages_bench='python3 python3-sklearn python3-torch python3-pandas libfann2 wrk
    libopenblas0-pthread|libopenblas0-openmp|libopenblas0-serial'

installed() { # PACKAGE
    case $1 in
    nodejs) command -v node >/dev/null && return ;;
    npm) command -v npm >/dev/null && return ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for group in "$@"; do
    list="packages_$group"
    for need in ${!list}; do
        found=
        if command -v dpkg-query >/dev/null; then
            for package in ${need//|/ }; do
                if installed "$package"; then found=1 && break; fi
            done
        fi
        [ -n "$found" ] || missing+=("${need%%|*}")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
if ! command -v apt-get >/dev/null; then
    echo "This is no Debian: install what these packages hold, then use 'make' and 'make test': ${missing[*]}" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=(sudo)
else
    echo "Packages are missing. As root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "Installing ${missing[*]} ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { # COMMAND...: as root; its chatter is worth showing only when it fails
    "${as_root[@]}" "$@" >>"$log" 2>&1
}
known() { # every missing package has a candidate in the lists that apt already has
    local package
    for package in "${missing[@]}"; do
        apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
    done
}
# Lists that are there may be old and name files that are gone: then one update and a second try.
if known && run "${install[@]}"; then
    exit 0
fi
run apt-get update && run "${install[@]}" || {
    cat "$log" >&2
    exit 1
}
