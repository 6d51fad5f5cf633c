#!/bin/bash
# Proves what the compilers cannot: who includes what, the length of files and functions, and what clang-tidy and cppcheck
# find. Prints every offender of a kind and fails on the first kind that has any. LINT_FLAGS: the compiler's flags.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
bad=0

sources() { # DIRECTORY...
    find "$@" -name '*.[ch]' | sort
}

offend() { # TEXT
    echo "$1"
    bad=1
}

# ---- one room for each library ---------------------------------------------------------------------------------------
# header | the only directories that may include it (tests may include anything)
rooms='microhttpd.h|server/http
sqlite3.h|server/store
cjson/cJSON.h|server/json client
curl/curl.h|client
nettle/|core/base'

while IFS='|' read -r header allowed; do
    while IFS=: read -r file line _; do
        ok=
        for directory in $allowed; do
            [[ $file == "$directory"/* ]] && ok=1
        done
        [ -n "$ok" ] || offend "$file:$line: includes $header, which belongs to: $allowed"
    done < <(grep -nE "#[[:space:]]*include[[:space:]]*[<\"][^>\"]*${header}" $(sources core server client) /dev/null)
done <<<"$rooms"

# ---- dependencies point one way --------------------------------------------------------------------------------------
# room | the only files it may include, as a regular expression over paths from the top
directions='core/base|core/base/
core/data|core/(base|data)/
core/nn|core/(base|data|nn)/
server/json|core/base/|server/json/
server/http|core/base/|server/(json|http)/|server/log\.h
server/store|core/base/|server/store/|server/log\.h
server/train|core/|server/(json|store|train)/|server/log\.h
server/api|core/|server/
server|core/|server/
client/lib|core/base/|client/lib/
client/cli|core/base/|client/'

for file in $(sources core server client); do
    room=$(dirname "$file")
    allowed=$(sed -n "s,^$room|,,p" <<<"$directions")
    if [ -z "$allowed" ]; then
        offend "$file: $room is no room of the house: give it a row in tests/lint.sh"
        continue
    fi
    while IFS=: read -r line include; do
        target=$(realpath -m --relative-to=. "$room/$include")
        [ -e "$target" ] || target=$include
        grep -qE "^($allowed)" <<<"$target" || offend "$file:$line: $room may not include $target"
    done < <(sed -nE '/^#[[:space:]]*include[[:space:]]*"/{=;s/^[^"]*"([^"]*)".*/\1/p}' "$file" | paste -d: - -)
done

# ---- lengths ---------------------------------------------------------------------------------------------------------
# A function begins with a { in the first column and ends with a } there.
while read -r offender; do
    offend "$offender"
done < <(sources core server client tests | xargs awk '
    FNR == 1 { if (name && lines > 500) print name ": " lines " lines, more than 500"; name = FILENAME; start = 0 }
    { lines = FNR }
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start - 1 > 60) print FILENAME ":" start ": a function of " FNR - start - 1 " lines, more than 60"
            start = 0 }
    END { if (lines > 500) print name ": " lines " lines, more than 500" }')
# Of the page: functions and methods end with a } as deep as they began.
while read -r offender; do
    offend "$offender"
done < <(git ls-files '*.js' '*.mjs' '*.css' | xargs awk '
    FNR == 1 { if (name && lines > 500) print name ": " lines " lines, more than 500"; name = FILENAME; start = 0 }
    { lines = FNR }
    length > 120 && FILENAME !~ /locales/ { print FILENAME ":" FNR ": longer than 120 columns" }
    /^(export |default |async )*function.*\{$/ || /^    (async |static )?[a-zA-Z]+\(.*\) \{$/ {
        start = FNR; match($0, /^ */); depth = RLENGTH }
    /^ *\}$/ { match($0, /^ */)
              if (start && RLENGTH == depth) {
                  if (FNR - start - 1 > 60) print FILENAME ":" start ": a function of " FNR - start - 1 " lines, more than 60"
                  start = 0 } }
    END { if (lines > 500) print name ": " lines " lines, more than 500" }')
# ---- the top level ---------------------------------------------------------------------------------------------------
while read -r stray; do
    offend "$stray: the top level holds the agreed folders, Makefile, README.md, LICENSE and dot-files"
done < <(git ls-files | cut -d/ -f1 | sort -u | grep -vxE 'server|core|client|migrations|tests|docker|Makefile|README\.md|LICENSE|\..*')
[ $bad = 0 ] || exit 1
echo "layers and lengths: fine"

# ---- clang-tidy and cppcheck -----------------------------------------------------------------------------------------
code=$(sources core server client | grep '\.c$')
# One file for each process: with several, clang-tidy 14 takes every va_list for uninitialized. Its chatter ("12 warnings
# generated") is about what it has suppressed.
printf '%s\n' $code | xargs -P "$(nproc)" -n 1 bash -c '
    eval "flags=($LINT_FLAGS)"
    clang-tidy --quiet "$@" -- "${flags[@]}"' clang-tidy 2> >(grep -vE '^[0-9]+ warnings?' >&2) ||
    { echo "clang-tidy: failed" && exit 1; }
echo "clang-tidy: fine"

cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -I. -D_GNU_SOURCE -DMLPD_VERSION='""' $code || { echo "cppcheck: failed" && exit 1; }
echo "cppcheck: fine"
