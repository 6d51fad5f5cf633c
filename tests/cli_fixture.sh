# What tests/cli.sh is made of. Each test is a function that is run in its turn; it has failed when one of its checks has.
bad=0

fail() { # TEXT
    bad=1
    echo "    $1"
    tail -n 30 out | sed 's/^/    out: /'
    tail -n 30 err | sed 's/^/    err: /'
}

run() { # STATUS ARGUMENT...: mlp with that exit status; what it prints goes to the files out and err
    local expected=$1 status
    shift
    "$mlp" "$@" >out 2>err </dev/null
    status=$?
    [ $status = "$expected" ] || fail "mlp $*: exit status $status instead of $expected"
}

feed() { # STATUS FILE ARGUMENT...: the same with a standard input
    local expected=$1 input=$2 status
    shift 2
    "$mlp" "$@" >out 2>err <"$input"
    status=$?
    [ $status = "$expected" ] || fail "mlp $* <$input: exit status $status instead of $expected"
}

has() { # FILE PATTERN
    grep -qE -- "$2" "$1" || fail "no /$2/ in $1"
}

has_not() { # FILE PATTERN
    ! grep -qE -- "$2" "$1" || fail "/$2/ in $1"
}

lines() { # FILE COUNT
    [ "$(wc -l <"$1")" = "$2" ] || fail "$1 has $(wc -l <"$1") lines instead of $2"
}

job_id() { # of the JSON in the file out
    sed -n '1s/^{"id":\([0-9]*\).*/\1/p' out
}

# The same as run on a terminal of 80 x 24. Colours stay in the file out, what moves the cursor does not.
on_terminal() { # STATUS ENVIRONMENT ARGUMENT...
    local expected=$1 environment=$2 status
    shift 2
    env TERM=xterm $environment script -qec "stty cols 80 rows 24; exec $mlp $*" /dev/null >raw 2>err </dev/null
    status=$?
    tr -d '\r' <raw | sed 's/\x1b\[[0-9]*[AJK]//g' >out
    [ $status = "$expected" ] || fail "mlp $* on a terminal: exit status $status instead of $expected"
}

until_there() { # FILE: waits until something is in it
    for _ in $(seq 300); do
        [ -s "$1" ] && return
        sleep 0.1
    done
    fail "nothing came into $1"
}

start_daemon() { # PORT: 0 for a free one; sets daemon and address
    : >daemon.out
    "$mlpd" --listen "127.0.0.1:$1" --data-dir data >daemon.out 2>>daemon.log &
    daemon=$!
    for _ in $(seq 100); do
        grep -q listening daemon.out && break
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    address=$(sed -n 's,.*listening on ,,p' daemon.out)
}
