#!/bin/bash
# mlp as a user has it: every verb against a real daemon on a port of its own, its errors and its exit statuses. Reports
# as cmocka does, for tests/run. MLPD and MLP: the programs.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mlpd=$(realpath "${MLPD:-$root/build/mlpd}")
mlp=$(realpath "${MLP:-$root/build/mlp}")
scratch=$(mktemp -d) || exit 1
daemon=
cd "$scratch" || exit 1
unset MLPD_URL MLP_TOKEN MLPD_TOKEN MLPD_TOKEN_FILE NO_COLOR
export LC_ALL=C TERM=dumb

finish() {
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon"; }
    rm -rf "$scratch"
}
trap finish EXIT

. "$root/tests/cli_fixture.sh"

# ---- inputs ----------------------------------------------------------------------------------------------------------

# Three kinds of flowers that are easily told apart.
awk 'BEGIN {
    print "length,width,colour,kind"
    for (i = 0; i < 120; i++)
        printf "%.2f,%.2f,%s,%s\n", i % 3 * 2 + i % 7 / 10, i % 5 / 10 - i % 3, i % 3 == 1 ? "red" : "blue", "kind" i % 3
}' >flowers.csv
cut -d, -f1-3 flowers.csv | head -n 6 >unknown.csv
awk 'BEGIN {
    print "x;y"
    for (i = 0; i < 60; i++)
        printf "%d,%d;%d,5\n", i / 10, i % 10, 3 * i
}' >line.csv

cat >job.json <<'JSON'
{"name": "first", "dataset": "flowers", "target": "kind", "network": {"hidden": [{"units": 6}]},
 "optimizer": {"name": "momentum", "learning_rate": 0.05}, "epochs": 40, "seed": 3}
JSON
sed 's/"first"/"grid"/; s/}$/, "grid": {"\/optimizer\/learning_rate": [0.0001, 0.1, 0.01]}}/' job.json >grid.json
sed 's/"first"/"cross"/; s/}$/, "grid": {"\/optimizer\/momentum": [0, 0.9], "\/optimizer\/learning_rate": [0.0001, 0.1]}}/' \
    job.json >cross.json
sed 's/"first"/"bad"/; s/"learning_rate": 0.05/"learning_rate": 1e6/' job.json >diverging.json
sed 's/"first"/"endless"/; s/"epochs": 40/"epochs": 1000000, "batch_size": 1/' job.json >endless.json
echo '{"dataset": "flowers", "target": "kin", "epocks": 3, "network": {"hidden": [{"units": 0}]}}' >wrong.json

# ---- the tests -------------------------------------------------------------------------------------------------------

help_of_everything() {
    run 0 --help
    has out '^  data add FILE.csv  '
    has out '^exit status'
    for verb in "data add" "data list" "data show" "data rm" train jobs show runs folds watch cancel pause resume rm compare \
        epochs layers evaluate importance predict export schema health token; do
        run 0 $verb --help
        has out "^usage: mlp $verb"
        has out '^  --json '
    done
    run 0 help
    has out '^usage: mlp VERB'
    run 0 help data add
    has out '^usage: mlp data add FILE.csv'
    run 0 --version
    has out '^mlp [0-9]'
}

wrong_command_lines() {
    run 2
    run 2 tran job.json
    has err 'no verb "tran": did you mean "train"\?'
    run 2 data lst
    has err 'did you mean "data list"\?'
    run 2 data
    has err 'add, list, show, rm'
    run 2 jobs --jsn
    has err 'no flag "--jsn": did you mean "--json"\?'
    run 2 jobs --watch
    has err 'jobs takes no --watch'
    run 2 jobs --limit
    has err '--limit needs a value'
    run 2 jobs --json=yes
    has err '--json takes no value'
    run 2 show
    has err 'usage: mlp show JOB'
    run 2 show 1 --run 1
    run 2 train one.json two.json
    run 2 compare 1
    has err 'needs --loss'
    run 2 compare 1 --loss little
    has err 'must be a number'
    run 2 compare 1 --loss 1 --metric loss
    has err 'train_loss or valid_loss'
    run 2 data add -
    has err '--name'
    lines out 0
}

no_server() {
    run 1 jobs --server http://127.0.0.1:1
    has err '127\.0\.0\.1:1: '
    has err 'is mlpd running there'
    MLPD_URL=http://127.0.0.1:1 run 1 watch 1
    has err '127\.0\.0\.1:1: '
    http_proxy=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1 run 0 jobs
}

data_verbs() {
    run 0 data add flowers.csv
    has out '^rows +120$'
    has out '^kind +categorical +0 .*kind0 40, kind1 40, kind2 40'
    has out '^length +numeric '
    feed 0 line.csv data add - --name line --delimiter ';' --decimal ,
    has out '^x +numeric '
    run 0 data add flowers.csv --json
    has out '^\{"id":.*"name":"flowers".*"rows":120,'
    run 1 data add line.csv --name flowers
    has err '^mlp: 409 .*flowers'
    run 1 data add absent.csv
    has err 'absent.csv: No such file'
    printf 'a,b\n1,2,3\n' >broken.csv
    run 1 data add broken.csv
    has err '^mlp: 422 .*line 2'
    run 0 data list
    lines out 3
    has out ' flowers +120 +4 '
    run 0 data list --limit 1
    has out '^more: mlp data list --cursor '
    run 0 data list --json
    has out '^\{"data":\['
    run 0 data show line
    has out '^y +numeric '
    run 1 data show nothing
    has err '^mlp: 404 '
    run 0 data add flowers.csv --name gone
    run 0 data rm gone
    run 1 data rm gone
    has err '^mlp: 404 '
}

# A dataset's name is made from that of the file, whatever it is called.
names_of_files() {
    run 0 data add flowers.csv
    has out '^the same table was there already:$'
    local file
    for file in 2024.csv 'mis datos.csv' ñandú.csv _.csv; do
        cp flowers.csv "$file"
        run 0 data add "$file"
        grep '^name ' out >>names
    done
    cp names out
    has out '^name +table-2024$'
    has out '^name +mis-datos$'
    has out '^name +and-$'
    has out '^name +table-$'
    run 0 data rm table-2024
}

train_checks() {
    run 0 train job.json --dry-run
    has out '^nothing is stored: 1 run, [0-9]+ parameters'
    has out '^optimizer.momentum +0.9$'
    sed 's/"hidden": *\[[^]]*\]/"hidden": [{"units": 3, "dropout": 0.25, "batch_normalization": true}]/' job.json >layers.json
    run 0 train layers.json --dry-run
    has out '^network.hidden +3 relu normalized dropout 0.25$'
    run 0 train job.json --dry-run --json
    has out '"parameters":[0-9]'
    echo '{"dataset": "flowers", "target": "kind", "search": {"parameters": {"/batch_size": {"uniform": [7, 9]}}, "runs": 102}}' \
        >search.json
    run 0 train search.json --dry-run
    has out '^ *100 +[789]$'
    has out '^and 2 more$'
    run 1 train wrong.json
    has err '^mlp: 422 '
    has err '^  /epocks: .*epochs'
    has err '^  /network/hidden/0/units: '
    run 1 train wrong.json --json
    has out '^\{"type":"/problems/'
    run 1 train absent.json
    has err 'absent.json: No such file'
    echo '{"dataset":' >cut.json
    run 1 train cut.json
    has err '^mlp: 400 '
    run 0 jobs
    lines out 1
}

train_and_watch() {
    feed 0 job.json train - --watch
    has out '^job 1: 1 run$'
    has out '^run 1: succeeded, epoch 40/40, train_loss [0-9.e-]+ '
    has_not out "$(printf '\033')"
    run 0 train grid.json --watch
    has out '^job 2: 3 runs$'
    has out '^job 2: succeeded 100 %, 3 of 3 runs done: 3 succeeded, best run [0-9]+: valid_loss [^,]*, learning_rate 0\.[01]+$'
    has out '^RUN +STATUS +EPOCH +LOSS +LOSS +rate$'
    run 0 watch 2
    lines out 7 # the job, an empty line, two of headings and one for each run, the best one first
    tail -n 3 out | sort -s -g -k 5,5 | cmp -s - <(tail -n 3 out) || fail "the runs are not in the order of valid_loss"
    run 0 watch --run 3 --json
    has out '^\{"id":3,"job":2,'
    run 1 watch 99
    has err '^mlp: 404 '
}

failed_run() {
    run 1 train diverging.json --watch
    has out '^run [0-9]+: failed, epoch [01]/40, .*diverged in epoch [12]'
    run 0 jobs --status failed
    has out ' failed +- +1 +flowers '
}

show_verbs() {
    run 0 jobs
    has out '^ *2 +succeeded +100 % +3 +flowers +20..-..-.. ..:..:.. +grid$'
    run 0 jobs --name first --json
    has out '"name":"first"'
    has_not out '"name":"grid"'
    run 0 jobs --status paused
    lines out 1
    run 0 jobs --order-by name --desc --limit 1
    has out ' grid$'
    has out '^more: mlp jobs --order-by name --desc --cursor name~d~t67726964~2$'
    run 0 jobs --order-by name --desc --limit 1 --cursor name~d~t67726964~2
    has out ' first$'
    run 1 jobs --order-by loss
    has err '^mlp: 400 .*best.loss'
    run 1 jobs --status done
    has err '^mlp: 400 .*status'
    run 0 show 2
    has out '^status +succeeded$'
    has out '^ *4 +succeeded +40/40 .* 0\.01$'
    run 0 show 2 --json
    has out '^\{"id":2,"name":"grid"'
    run 0 show --run 1
    has out '^status +succeeded$'
    has out '^metrics.train_loss '
    run 0 runs 2 --order-by metrics.train_loss --desc --limit 1
    has out '^ *2 +succeeded .* 0\.0001$'
    run 1 show ../jobs
    has err '^mlp: 404 '
}

compare_runs() {
    run 0 compare 2 --loss 0.5
    has out '^ *TO 0\.5 +OF '
    lines out 5
    sed -n 3p out >first && mv first out
    has out '^ *[0-9]+ +40 .* succeeded +0\.1$'
    run 0 compare 2 --loss=0.5 --metric valid_loss --json
    has out '^\[\{"epochs_needed":[0-9]+,"loss":0.5,"metric":"valid_loss","id":3,'
    has out '"epochs_needed":null,.*"id":2,'
    run 0 train cross.json --json
    local id
    id=$(job_id)
    run 0 watch "$id"
    run 0 compare "$id" --loss 0.5
    has out '^epochs until train_loss is 0\.5 or less'
    has out '^momentum . learning_rate +0\.0001 +0\.1$'
    has out '^0 +- +[0-9]+$'
    has out '^0\.9 +- +[0-9]+$'
    sed 's/"grid"/"halving": {"metric": "train_loss", "min_epochs": 4}, "grid"/' cross.json >halving.json
    run 0 train halving.json --json
    id=$(job_id)
    run 0 watch "$id"
    has out 'succeeded: halving'
    run 0 compare "$id" --loss 0.5
    has out '^[123] of 4 runs were stopped before their last epoch: [0-9]+ of 160 epochs were trained$'
    run 0 runs "$id"
    has out ' succeeded: halving +(4|12)/40 '
}

run_verbs() {
    run 0 epochs 1
    lines out 42
    has out '^ +train +valid '
    has out '^epoch +loss +loss '
    run 0 epochs 1 --from 39 --json
    has out '^\{"epoch":\[39,40\]'
    run 0 layers 1 --from 40
    lines out 3
    has out '^ *40 +2 '
    run 0 evaluate 1
    has out '^ +kind0 +kind1 +kind2$'
    has out '^kind1 +[0-9]+ +[0-9]+ +[0-9]+$'
    has out '^CLASS +ROWS +PRECISION +RECALL +F1 '
    run 0 evaluate 1 --json
    has out '^\{'
    run 0 importance 1
    has out '^valid_accuracy [0-9.]+ and loss [0-9.]+ on 12 validation rows'
    has out '^(length|width|colour) +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+  #{30}$'
    run 0 importance 1 --repeats 2 --seed 3 --json
    has out '"repeats":2,"seed":3,'
    run 1 importance 1 --repeats 0
    has err '^mlp: 400 '
    run 1 importance 99
    run 1 epochs 99
    has err '^mlp: 404 '
}

folds_of_a_job() {
    sed 's/"first"/"folded"/; s/"epochs": 40/"epochs": 5, "validation": {"folds": 3}/' job.json >folds.json
    run 0 train folds.json --watch
    job=$(sed -n 's/.*job \([0-9]*\).*/\1/p' out | head -n 1)
    run 0 show "$job"
    has out "^folds +3; over all of them: mlp folds $job\$"
    run 0 folds "$job"
    has out '^3 of 3 folds succeeded$'
    has out '^valid_loss +[0-9.]+ +[0-9.e-]+$'
    has out '^best_epoch +[0-9.]+ +[0-9.e-]+$'
    run 0 folds "$job" --json
    has out '^\{"folds":3,"total":1,"data":\['
    run 1 folds 1
    has err '^mlp: 409 '
    sed -i 's/"epochs": 5/"grid": {"\/optimizer\/learning_rate": [0.001, 0.01]}, "epochs": 5/' folds.json
    run 0 train folds.json --watch
    run 0 folds $((job + 1)) --order-by number
    has out '^ *1 +3/3 +[0-9.]+ +[0-9.e-]+ .* 0.001$'
    has out '^ *2 +3/3 +[0-9.]+ +[0-9.e-]+ .* 0.01$'
    run 0 folds $((job + 1)) --limit 1
    has out '^1 more: mlp folds '
    run 0 rm "$job"
    run 0 rm $((job + 1))
}

predict_and_export() {
    run 0 predict 1 unknown.csv
    lines out 6
    has out '^class,'
    has out '^kind0,'
    feed 0 unknown.csv predict 1 -
    lines out 6
    echo '{"instances": [{"length": 4.2, "width": -1.8, "colour": "blue"}, {}]}' >one.json
    run 0 predict 1 one.json
    has out '"predictions":\[\{"class":"kind2",'
    run 0 predict 1 unknown.csv --json
    has out '^\{"predictions":\[\{"class":"kind0","probabilities":\{"kind0":(0\.9|1)[0-9]*,"kind1":[0-9.e-]+,"kind2":[0-9.e-]+\}\},'
    on_terminal 0 '' predict 1 one.json
    has out '^ROW +CLASS +kind0 +kind1 +kind2$'
    has out '^ +1 +kind2 +[01]\.[0-9]{4} '
    has out '^3 values were missing and imputed$'
    on_terminal 0 '' predict 1 unknown.csv
    has out '^ +5 +kind1 '
    echo '{"instances": [{"weight": 1}]}' >one.json
    run 1 predict 1 one.json
    has err '^  /instances/0/weight: '
    # more rows than the daemon takes in one request
    awk 'NR == 1 || NR == 2 { print } END { for (i = 0; i < 20001; i++) print "4.20,-1.80,blue" }' unknown.csv >many.csv
    run 0 predict 1 many.csv
    lines out 20003
    [ "$(grep -c '^class,' out)" = 1 ] || fail "the header is there more than once"
    [ "$(grep -c '^kind2,' out)" = 20001 ] || fail "not every row is predicted"
    run 0 predict 1 many.csv --json
    [ "$(grep -o '"class"' out | wc -l)" = 20002 ] || fail "not every row is in the JSON"
    sed '15000s/4.20/tall/' many.csv >broken.csv
    run 1 predict 1 broken.csv
    has err '^mlp: 422 .*line 5000, column 1: .*tall'
    has err '^  in rows 10001 to 20000; line 1 is the header$'
    run 0 export 1
    has out '^run-1.model$'
    run 0 export 1 --json
    has out '^\{"file":"run-1.model"\}$'
    run 0 export 1 -o copy.model
    cmp -s run-1.model copy.model || fail "the two exports differ"
    "$mlp" export 1 --output - >piped.model 2>err || fail "export to the standard output"
    cmp -s run-1.model piped.model || fail "the export to the standard output differs"
    [ -s run-1.model ] || fail "the model file is empty"
    run 1 export 99 -o none.model
    has err '^mlp: 404 '
    [ -z "$(ls none.model* 2>/dev/null)" ] || fail "a failed export left a file"
    run 1 export 1 -o absent/none.model
}

several_targets() {
    local -A jobs runs
    local kind file
    awk 'BEGIN {
        print "length,width,weight,wings,sings"
        for (i = 0; i < 120; i++)
            printf "%d,%d,%d,%s,%s\n", i % 12, i % 7, 3 * (i % 12) + i % 7, (i % 12 > 5) ? "yes" : "no", (i % 7 > 3) ? "on" : "off"
    }' >birds.csv
    run 0 data add birds.csv
    echo '{"dataset": "birds", "target": ["weight", "width"], "features": ["length", "wings", "sings"], "epochs": 60}' >numbers.json
    echo '{"dataset": "birds", "target": ["wings", "sings"], "features": ["length", "width"], "epochs": 60}' >labels.json
    for kind in numbers labels; do
        run 0 train $kind.json --watch
        jobs[$kind]=$(sed -n 's/^job \([0-9]*\): .*/\1/p' out)
        runs[$kind]=$(sed -n 's/^run \([0-9]*\): succeeded, .*/\1/p' out)
    done
    run 0 show "${jobs[numbers]}"
    has out '^target +weight, width$'
    run 0 evaluate "${runs[numbers]}"
    has out '^task +regression$'
    has out '^TARGET +RMSE +MAE +R2 +MEAN +\+-$'
    has out '^weight +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.-]+ +[0-9.]+$'
    run 0 evaluate "${runs[labels]}"
    has out '^task +multilabel$'
    has out '^TARGET +CLASS +ROWS +PRECISION +RECALL +F1 +AUC +ACCURACY$'
    has out '^sings +on +[0-9]+ +[0-9.]+ '
    printf 'length,width,wings,sings\n11,6,,\n1,1,no,off\n' >two.csv
    printf '{"instances": [{"length": 11, "width": 6}, {"length": 1, "width": 1}]}' >two.json
    run 0 predict "${runs[labels]}" two.csv
    has out '^wings,sings,P\(wings=yes\),P\(sings=on\)$'
    has out '^yes,on,[0-9.e-]+,[0-9.e-]+$'
    run 0 predict "${runs[labels]}" two.csv --json
    has out '^\{"predictions":\[\{"classes":\{"wings":"yes","sings":"on"\},"probabilities":\{"wings":[0-9.e-]+,"sings":[0-9.e-]+\}\},'
    for file in two.csv two.json; do
        on_terminal 0 '' predict "${runs[labels]}" $file
        has out '^ROW +wings +sings +P\(wings\) +P\(sings\)$'
        has out '^ +2 +no +off +0\.[0-9]{4} +0\.[0-9]{4}$'
    done
    cut -d, -f1,3,4 two.csv >three.csv
    run 0 predict "${runs[numbers]}" three.csv
    has out '^weight,width$'
    run 0 predict "${runs[numbers]}" three.csv --json
    has out '^\{"predictions":\[\{"weight":[0-9.-]+,"width":[0-9.-]+\},\{'
    on_terminal 0 '' predict "${runs[numbers]}" three.csv
    has out '^ROW +weight +width$'
    run 0 importance "${runs[labels]}"
    echo '{"dataset": "birds", "target": ["wings", "weight"]}' >mixed.json
    run 1 train mixed.json
    has err '^  /target/1: '
    run 0 rm "${jobs[numbers]}"
    run 0 rm "${jobs[labels]}"
    run 0 data rm birds
}

interrupt_and_cancel() {
    run 0 train endless.json --json
    local id watcher status
    id=$(job_id)
    "$mlp" watch "$id" >watched 2>err &
    watcher=$!
    until_there watched
    kill -INT $watcher
    wait $watcher
    status=$?
    mv watched out
    [ $status = 130 ] || fail "Ctrl-C: exit status $status instead of 130"
    has err 'stopped watching; run [0-9]+ goes on\. Watch it again with: mlp watch --run [0-9]+'
    run 1 rm "$id"
    has err '^mlp: 409 '
    run 0 cancel "$id"
    run 1 watch "$id"
    has out 'cancelled, epoch'
    run 1 cancel "$id"
    has err '^mlp: 409 .*cancelled'
    run 0 rm "$id"
    lines out 0
    run 1 show "$id"
    has err '^mlp: 404 '
}

await_job() { # ID STATUS
    until [ "$(curl -s "$address/v1/jobs/$1?wait=1" | sed -n 's/.*"status":"\([a-z]*\)","terminal".*/\1/p')" = "$2" ]; do :; done
}

pause_and_resume() {
    run 0 train endless.json --json
    local id verb
    id=$(job_id)
    for verb in pause resume; do
        run 1 $verb 99
        has err '^mlp: 404 .*no job 99'
    done
    run 1 resume "$id"
    has err '^mlp: 409 .*not paused'
    await_job "$id" running
    run 0 pause "$id"
    has out '^status +(running|paused)'
    await_job "$id" paused
    run 1 pause "$id"
    has err '^mlp: 409 .*paused already'
    run 0 resume "$id"
    has out '^status +(queued|running)'
    run 0 cancel "$id"
    await_job "$id" cancelled
    run 1 pause "$id"
    has err '^mlp: 409 .*cancelled'
}

streams_served() {
    curl -s "$address/metrics" | sed -n 's/^mlpd_http_requests_total{route="\/v1\/stream",method="GET",status="200"} //p'
}

# Every stream is taken: watching polls instead. Then there is room again, and it streams.
watching_with_and_without_streams() {
    run 0 train endless.json --json
    local id watcher before holder port=${address##*:}
    id=$(job_id)
    (
        ulimit -n 2048 || exit 1
        for ((i = 0; i < 1000; i++)); do
            exec {stream}<>"/dev/tcp/127.0.0.1/$port" || exit 1
            printf 'GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' >&"$stream"
        done
        exec sleep 60
    ) &
    holder=$!
    until [ "$(curl -s "$address/metrics" | sed -n 's/^mlpd_streams //p')" = 1000 ]; do
        kill -0 $holder || { fail "the streams could not be opened" && return; }
    done
    "$mlp" watch "$id" >watched 2>err &
    watcher=$!
    until_there watched
    run 0 cancel "$id"
    wait $watcher
    mv watched out
    has out 'cancelled, epoch'
    lines err 0
    kill $holder
    wait $holder 2>/dev/null
    until [ "$(curl -s "$address/metrics" | sed -n 's/^mlpd_streams //p')" = 0 ]; do :; done
    run 0 train endless.json --json
    id=$(job_id)
    before=$(streams_served)
    "$mlp" watch "$id" >watched 2>err &
    watcher=$!
    until [ "$(curl -s "$address/metrics" | sed -n 's/^mlpd_streams //p')" = 1 ]; do :; done
    run 0 cancel "$id"
    wait $watcher
    mv watched out
    has out 'cancelled, epoch'
    until [ "$(streams_served)" -gt "$before" ]; do :; done
}

# The daemon is killed and started again while somebody watches: the run goes on, and watching goes on.
daemon_started_again() {
    run 0 train endless.json --json
    local id watcher
    id=$(job_id)
    "$mlp" watch "$id" >watched 2>lost &
    watcher=$!
    until_there watched
    kill -KILL "$daemon"
    wait "$daemon" 2>/dev/null
    until_there lost
    start_daemon "${address##*:}"
    run 0 cancel "$id"
    wait $watcher
    [ $? = 1 ] || fail "the watcher's exit status is not 1 after the run was cancelled"
    mv watched out
    mv lost err
    has out 'cancelled, epoch'
    has err 'mlpd does not answer; asking again'
    lines err 1
}

schema_of_a_job() {
    run 0 schema
    has out '^\{.*"\$schema":"https://json-schema.org/draft/2020-12/schema"'
    has_not out '"\$schema".*"\$schema"'
    has out '"learning_rate"'
}

# A picture in its place, colours and all, and none of them under NO_COLOR.
picture_on_a_terminal() {
    local escape
    escape=$(printf '\033')
    on_terminal 0 LC_ALL=C.UTF-8 train job.json --watch
    has out "^run [0-9]+ of job [0-9]+: $escape\[32msucceeded$escape\[0m, epoch 40 of 40"
    has out '^first: kind of flowers by 6 relu; momentum 0\.9, learning_rate 0\.05, batch_size$'
    has out '^(█)+ 100 %  in '
    has out "^$escape\[36mtrain_loss$escape\[0m [0-9.e-]+  $escape\[33mvalid_loss$escape\[0m "
    has out '⠉|⠒|⣀'
    has out '^ +1 .* by epoch, log scale +40'
    on_terminal 0 NO_COLOR=1 watch 1
    has out '^run 1 of job 1: succeeded'
    has out '^#+ 100 %'
    has out 't train_loss  v valid_loss'
    has_not out "$escape\[[0-9;]*m"
    on_terminal 0 NO_COLOR=1 watch 2
    has out '^job 2: succeeded$'
    has out '^3 of 3 runs done: 3 succeeded$'
    has out '^best run 3: valid_loss [0-9.e-]+, learning_rate 0\.1$'
    has out '^ *4 +succeeded +40/40 '
    on_terminal 1 NO_COLOR=1 train diverging.json --watch
    has out '^run [0-9]+ of job [0-9]+: failed, epoch [01] of 40'
    has out '^diverged in epoch [12]'
    awk 'length > 80 { exit 1 }' out || fail "a line is wider than the terminal"
}

# A daemon of its own, which wants a token.
tokens() {
    local pid guarded token
    "$mlpd" --listen 127.0.0.1:0 --data-dir guarded --token-file guarded.token >guarded.out 2>guarded.log &
    pid=$!
    until_there guarded.out
    guarded=$(sed -n 's,.*listening on ,,p' guarded.out)
    run 0 token --token-file guarded.token
    token=$(cat out)
    [ "$token" = "$(cat guarded.token)" ] && [ ${#token} = 64 ] || fail "this is not the token"
    run 0 health --server "$guarded"
    run 1 jobs --server "$guarded"
    has err '^mlp: 401 .*token'
    has err '--token-file FILE or MLP_TOKEN gives'
    run 0 jobs --server "$guarded" --token-file guarded.token
    MLP_TOKEN=$token run 0 jobs --server "$guarded"
    MLPD_TOKEN=$token run 0 data add flowers.csv --server "$guarded"
    MLPD_TOKEN_FILE=guarded.token run 0 data list --server "$guarded"
    has out ' flowers '
    MLP_TOKEN=$token MLPD_TOKEN=wrong run 0 jobs --server "$guarded"
    MLP_TOKEN=wrong run 0 jobs --server "$guarded" --token-file guarded.token
    MLP_TOKEN="$token"x run 1 jobs --server "$guarded"
    has err '^mlp: 401 '
    has err 'is not this server'
    has_not err "$token"
    MLP_TOKEN="$token"x run 0 health --server "$guarded"
    kill "$pid"
    wait "$pid" || fail "the daemon's exit status was not 0"
    has_not guarded.log "$token"
    run 1 jobs --token-file absent
    has err '^mlp: absent: No such file'
    run 1 jobs --token-file flowers.csv
    has err '^mlp: flowers.csv holds no token'
    MLP_TOKEN='two words' run 1 jobs
    has err '^mlp: MLP_TOKEN holds no token'
    has_not err 'two words'
    run 1 token
    has err 'there is none'
    MLPD_TOKEN_FILE=absent run 0 jobs # it may not be there yet, or never
}

health_of_the_daemon() {
    run 0 health
    has out '^ready$'
    run 0 health --json
    has out '^\{"status":"ready"\}$'
    run 1 health --server http://127.0.0.1:1
    run 2 health 1
}

tests=(help_of_everything wrong_command_lines no_server data_verbs names_of_files train_checks train_and_watch show_verbs
    compare_runs failed_run run_verbs predict_and_export several_targets interrupt_and_cancel
    watching_with_and_without_streams pause_and_resume schema_of_a_job folds_of_a_job
    picture_on_a_terminal health_of_the_daemon tokens daemon_started_again)

# ---- the daemon ------------------------------------------------------------------------------------------------------

start_daemon 0
echo "[==========] Running ${#tests[@]} test(s)."
if [ -z "$address" ]; then
    cat daemon.out daemon.log
    exit 1
fi

failed=0
export MLPD_URL="$address/"
for name in "${tests[@]}"; do
    echo "[ RUN      ] $name"
    bad=0
    "$name"
    if [ $bad = 0 ]; then
        echo "[       OK ] $name"
    else
        echo "[  FAILED  ] $name"
        failed=1
    fi
done
kill "$daemon"
wait "$daemon" || { failed=1 && tail -n 20 daemon.log && echo "the daemon's exit status was not 0"; }
daemon=
exit $failed
