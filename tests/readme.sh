#!/bin/bash
# Keeps the README's promises: runs its ```sh blocks in their order, as they stand but for the port (the first one starts
# the daemon, each of the others has to end with status 0), compares what they print with the block that follows, and
# holds its tables against the programs. Reports as cmocka does, for tests/run. MLPD and MLP: the programs.
# README_DAEMON=ADDRESS:PORT runs the blocks against a fresh daemon that is there already, and leaves the tables out.
# README_PRINT=1 shows what the blocks print, to be put into the README.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
readme=$root/README.md
mlpd=$(realpath "${MLPD:-$root/build/mlpd}")
mlp=$(realpath "${MLP:-$root/build/mlp}")
scratch=$(mktemp -d) || exit 1
daemon=
[ -n "${README_DAEMON:-}" ] || unset MLPD_TOKEN MLPD_TOKEN_FILE MLP_TOKEN MLPD_HOST
export LC_ALL=C.UTF-8 no_proxy='*'

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

# block-07, and expected-07 when nothing but an empty line is between it and a block without a language
awk '/^```sh$/ { file = sprintf("block-%02d", ++n); next }
     /^```$/ && !file && behind { file = sprintf("expected-%02d", n); next }
     /^```/ { behind = file ~ /^block/; file = ""; next }
     file { print > file; next }
     NF { behind = 0 }' "$readme"
blocks=(block-*)

# ---- what the tests are made of --------------------------------------------------------------------------------------
bad=0

fail() { # TEXT
    bad=1
    echo "    $1"
}

rows() { # HEADING: the cells of the rows of the table that begins with this line, as lines of "a|b|c"
    awk -v heading="$1" 'index($0, heading) == 1 { inside = 1; getline; next }
                         inside && !/^\|/ { inside = 0 }
                         inside { gsub(/^\| *| *\|$/, ""); gsub(/ *\| */, "|"); print }' "$readme"
}

words() { # TEXT: what is between backquotes, one on a line
    grep -oE '`[^`]+`' <<<"$1" | tr -d '`'
}

# Words have to be equal. Numbers may be a tenth or two apart: another instruction set rounds otherwise, so that a loss is
# reached an epoch sooner or later, and a run that explodes ends or lives on.
alike() { # EXPECTED OUTPUT
    awk 'function number(s) { return s ~ /^[-+]?[0-9.]+(e[-+]?[0-9]+)?$/ }
         function near(a, b, c) { c = a < b ? b - a : a - b; return c <= 0.005 || c <= 2 && a == int(a) || c <= 0.1 * a }
         function same(a, b) {
             if (number(a) && number(b)) return near(a + 0, b + 0)
             return a == b || a b == "-diverged" || a b == "diverged-"
         }
         { gsub(/[][{}:,\\"]/, " & "); $0 = $0 }
         NR == FNR { line[FNR] = $0; lines = FNR; next }
         { count = split(line[FNR], word, " ")
           if (FNR > lines || count != NF) { print "line " FNR ": " $0; exit bad = 1 }
           for (i = 1; i <= NF; i++) if (!same(word[i], $i)) { print "line " FNR ": " $i " instead of " word[i]; exit bad = 1 } }
         END { if (!bad && FNR != lines) { print "too few lines"; bad = 1 } exit bad }' "$1" "$2"
}

block() { # NAME: the block of that name, and what it prints
    local expected=expected-${1#block-} status
    sed -i "s/127\.0\.0\.1:8080/$address/g" "$1"
    bash -e -u -o pipefail "$1" >output 2>&1
    status=$?
    sed -i "s/$address/127.0.0.1:8080/g" output
    [ -z "${README_PRINT:-}" ] || { cat "$1" && sed 's/^/    /' output && echo; }
    if [ $status != 0 ]; then
        cat "$1" output
        fail "exit status $status"
    elif [ -e "$expected" ]; then
        alike "$expected" output || { cat "$1" output && fail "this is not what the README shows"; }
    fi
}

# ---- the tables ------------------------------------------------------------------------------------------------------

# Every flag, its variable and its default, in both directions.
flags_of_mlpd() {
    local flag variable default rest count=0 end
    "$mlpd" --help >help
    while IFS='|' read -r flag variable default rest; do
        count=$((count + 1))
        end=
        [ -z "$default" ] || end="; default $(words "$default")"
        [ -z "$flag" ] || [ -z "$variable" ] || end=" [$(words "$variable")$end]"
        grep -E -- "^  $(words "${flag:-$variable}") " help | grep -qF -- "$end" ||
            fail "not in mlpd --help: $flag $variable $default"
    done < <(rows '| flag |')
    [ "$count" = "$(grep -E '^  (--|MLPD_)' help | grep -cvE '^  --(help|version) ')" ] || fail "mlpd --help has other flags"
}

field_of() { # PATH: the field's description in the schema, from its first brace
    local rest=$schema name path=${1//.NAME./.additionalProperties.}
    for name in ${path//./ }; do
        rest=${rest#*\""${name%[]}"\":\{}
    done
    echo "$rest"
}

default_by() { # OPTIMIZER FIELD: what a job gets that does not name the field
    echo "{\"dataset\":\"penguins\",\"target\":\"species\",\"optimizer\":{\"name\":\"$1\"}}" |
        "$mlp" train - --dry-run --json | sed 's/.*"optimizer":{\([^}]*\)}.*/\1/' | tr , '\n' | sed -n "s/^\"$2\"://p"
}

# "0.01 (sgd, momentum), 0.001 (adam)" against jobs with each optimizer.
check_defaults() { # FIELD DEFAULTS
    local group value name got
    while read -r group; do
        value=${group%% (*}
        for name in $(sed 's/.*(//; s/[,)]/ /g' <<<"$group"); do
            got=$(default_by "$name" "$1")
            awk -v a="$got" -v b="$value" 'BEGIN { exit !(a == b || a != "" && a + 0 == b + 0 && b + 0 != 0) }' ||
                fail "$1 of $name is $got, not $value"
        done
    done < <(sed 's/), */)\n/g' <<<"$2")
}

# Every field with its default, against the schema and against a job that has none of them.
fields_of_a_job() {
    local names default rest name described count=0
    while IFS='|' read -r names default rest; do
        for name in $(words "$names"); do
            count=$((count + 1))
            described=$(field_of "$name")
            [ "$described" != "$schema" ] || fail "the schema has no $name"
            case $default in
            required) grep -qE "\"required\":\[[^]]*\"${name##*.}\"" <<<"$schema" || fail "$name is not required" ;;
            \`*\{*) grep -qF "\"default\":$(words "$default")," <<<"${described:0:400}" || fail "$name is not $default" ;;
            \`*) grep -qF "\"default\":$(words "$default")," <<<"${described%%\}*}," || fail "$name is not $default" ;;
            *) check_defaults "${name##*.}" "$default" ;;
            esac
        done
    done < <(rows '| field | default |')
    # a description for every field but the objects that hold others
    [ "$count" = "$(($(grep -oE '"description":' <<<"$schema" | wc -l) - 8))" ] || fail "the schema has other fields"
}

# Each name that a field may have is named in its row.
choices_of_fields() {
    local name word
    for name in task network.hidden[].activation optimizer.name columns.NAME.role encoding.scaling loss schedule.name; do
        for word in $(field_of "$name" | sed 's/[^[]*"enum":\[\([^]]*\)\].*/\1/' | tr -d '"' | tr , ' '); do
            rows '| field | default |' | grep -F "\`$name\`|" | grep -qF "\`$word\`" || fail "$name may be $word"
        done
    done
}

# What the tables of symbols and of the diagnosis call by a name is called so.
names_in_the_answers() {
    local symbol names rest word answers
    answers="$schema$("$mlp" show --run 1 --json)$("$mlp" layers 1 --points 1 --json)"
    while IFS='|' read -r symbol names rest; do
        for word in $(words "$names" | tr -d '"' | sed 's/.*\.//'); do
            grep -qF "\"$word\"" <<<"$answers" || fail "nothing is called $word ($symbol)"
        done
    done < <(rows '| symbol |' && rows '| figure |' | sed 's/^/figure|/')
}

# Files, verbs and targets that the text names are there.
names_in_the_text() {
    local word
    for word in $(words "$(cat "$readme")" | grep -E '^(core|server|client|tests|migrations|docker|\.ci)/[a-z0-9_./]*$'); do
        [ -e "$root/$word" ] || fail "there is no $word"
    done
    for word in $(words "$(cat "$readme")" | grep -E '^[a-z_]+\.[ch]$'); do
        [ -n "$(find "$root/core" "$root/server" "$root/client" -name "$word")" ] || fail "there is no $word"
    done
    for word in $(words "$(cat "$readme")" | sed -n 's/^mlp \([a-z]*\).*/\1/p'); do
        "$mlp" --help | grep -qE "^  $word( |$)" || fail "there is no mlp $word"
    done
    for word in $(words "$(cat "$readme")" | sed -n 's/^make \([a-z]*\)$/\1/p'); do
        make -C "$root" --no-print-directory help | grep -qE "^  make $word " || fail "there is no make $word"
    done
}

# make demo, but for the building.
demo() {
    BUILD="$scratch/build" TMPDIR="$scratch" bash "$root/tests/demo.sh" >output 2>&1 || { cat output && fail "exit status not 0"; }
    awk 'length > 80 { print; bad = 1 } END { exit bad }' output || fail "lines of more than 80 columns"
    grep -qE '^Adelie,0\.[0-9]+,' output || fail "no prediction"
    [ -z "$(find "$scratch" -maxdepth 1 -name 'mlpd-demo.*')" ] || fail "it left its directory"
}

# ---- the daemon, and all of it ---------------------------------------------------------------------------------------
start_daemon() {
    local start=${blocks[0]}
    sed -i 's/127\.0\.0\.1:8080/127.0.0.1:0/; s/^/exec /' "$start"
    bash "$start" >daemon.out 2>daemon.log &
    daemon=$!
    for _ in $(seq 100); do
        grep -q listening daemon.out && break
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    address=$(sed -n 's,^mlpd 0\.1\.0 listening on http://,,p' daemon.out)
    [ -n "$address" ] || { cat daemon.out daemon.log && exit 1; }
}

tests=("${blocks[@]:1}")
[ -n "${README_DAEMON:-}" ] ||
    tests+=(flags_of_mlpd fields_of_a_job choices_of_fields names_in_the_answers names_in_the_text demo)
echo "[==========] Running ${#tests[@]} test(s)."
address=${README_DAEMON:-}
[ -n "$address" ] || start_daemon
export MLPD_URL="http://$address"
schema=$("$mlp" schema)

failed=0
for name in "${tests[@]}"; do
    echo "[ RUN      ] $name"
    bad=0
    case $name in
    block-*) block "$name" ;;
    *) "$name" ;;
    esac
    [ $bad = 0 ] && echo "[       OK ] $name" || { echo "[  FAILED  ] $name" && failed=1; }
done
[ -n "$daemon" ] || exit $failed
kill "$daemon"
wait "$daemon" || { failed=1 && tail -n 20 daemon.log && echo "the daemon's exit status was not 0"; }
daemon=
exit $failed
