"""make bench-service: goals 7, 9 and 10 of the issue, and what of them is the service's. Prints one table, writes
BUILD/bench-service.json. Everything listens on the loopback interface; wrk's load is bounded by time."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

from fill_store import fill
from harness import (BUILD, ENVIRONMENT, HERE, ROUNDS, SMALL_ROWS, Daemon, Missing, Report, Turns, column, die_with_us, penguins,
                     small_job, small_table, wall_seconds, work_directory)

WORK = work_directory()
WRK_SECONDS = 2  # of each round
MEMORY_MIB = 512
TALL_ROWS = int(os.environ.get("TALL_ROWS", "4000000"))  # 31 columns: 480 MB as a network takes them
ROW = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750, "island": "Torgersen",
       "sex": "male"}


def penguins_job(**more):
    return dict({"dataset": "penguins", "target": "species", "network": {"hidden": [{"units": 8}]},
                 "optimizer": {"name": "momentum", "learning_rate": 0.05}, "epochs": 50}, **more)


# ---- goal 7 -----------------------------------------------------------------------------------------------------------

class Bare:
    """bare_http, which answers every request with so many bytes."""

    def __init__(self, reply_bytes):
        self.process = subprocess.Popen([os.path.join(BUILD, "bench/bare_http"), str(reply_bytes)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_us)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def wrk(port, path, body, connections):
    """One thread, keep-alive: {"per_second", "p50", "p99", "most": ms, "errors"}."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{WRK_SECONDS}s", "-s", os.path.join(HERE, "predict.lua"),
               f"http://127.0.0.1:{port}{path}"]
    if not shutil.which("wrk"):
        raise Missing("there is no wrk")
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60,
                         env=dict(ENVIRONMENT, BODY=body)).stdout
    figures = json.loads(out[out.index("{"):])
    if figures["errors"]:
        raise Missing(f"wrk counted {figures['errors']} errors")
    return figures


def show_wrk(report, what, results, missing, wanted, wanted_p99=None):
    report.group("7", f"predict one row: {what}", "requests/s", {n: column(r, "per_second") for n, r in results.items()},
                 wanted=wanted, missing=missing)
    head = f"predict one row: {what}" + (f"; wanted: p99 {wanted_p99}" if wanted_p99 else "")
    for quantile in "p50", "p99":
        report.line("7", f"{quantile} of {', '.join(results)}", "ms", {n: column(r, quantile) for n, r in results.items()}, head)
        head = None


def predict_one(report, daemon, run):
    path, body = f"/v1/runs/{run['id']}/predict", json.dumps({"instances": [ROW]})
    status, headers, reply = daemon.raw("POST", path, body.encode())
    if status != 200:
        raise RuntimeError(reply.decode()[:160])
    bare = Bare(len(reply))
    try:
        for connections in 8, 1:
            turns = Turns()
            turns.add("mlpd", None, measure=lambda: wrk(daemon.port, path, body, connections))
            turns.add("bare libmicrohttpd", None, measure=lambda: wrk(bare.port, path, body, connections))
            show_wrk(report, f"{connections} connections, {len(body)} bytes in, {len(reply)} out", turns.run(), turns.missing,
                     "x 0.8")
    finally:
        bare.close()
    daemon.upload("small", small_table())
    predict_busy(report, daemon, path, body, f"both workers train on {SMALL_ROWS} rows", (8, 1), small_job("adam", 1000000))
    predict_busy(report, daemon, path, body, "both workers train on 344 rows, and every epoch is stored", (8,),
                 penguins_job(epochs=1000000))


def predict_busy(report, daemon, path, body, what, connections, job):
    job = daemon.call("POST", "/v1/jobs", dict(job, grid={"/seed": [1, 2]}))
    try:
        for number in connections:
            turns = Turns()
            turns.add("mlpd", None, measure=lambda: wrk(daemon.port, path, body, number))
            show_wrk(report, f"{number} connections, while {what}", turns.run(), turns.missing, None, "5 ms")
        running = daemon.call("GET", f"/v1/jobs/{job['id']}")["runs"]["running"]
        if running != 2:
            raise RuntimeError(f"{running} runs were training instead of two")
    finally:
        daemon.call("POST", f"/v1/jobs/{job['id']}/cancel")
        while not daemon.call("GET", f"/v1/jobs/{job['id']}?wait=5")["terminal"]:
            pass


def predict_table(report, daemon, run):
    head, *lines = penguins().decode().splitlines()
    rows = "\n".join([head] + (lines * 30)[:10000]).encode()

    def once():
        started = time.perf_counter()
        status, _, reply = daemon.raw("POST", f"/v1/runs/{run['id']}/predict", rows, "text/csv")
        seconds = time.perf_counter() - started
        if status != 200 or reply.count(b"\n") != 10001:
            raise RuntimeError(f"{status} {reply[:160].decode()}")
        return {"rows": 10000 / seconds}
    turns = Turns()
    turns.add("mlpd", None, measure=once)
    report.group("7", f"predict 10 000 rows of CSV, {len(rows) // 1000} kB", "rows/s",
                 {"mlpd": column(turns.run(4 * ROUNDS)["mlpd"], "rows")}, wanted="1 million")


def predictions(report, daemon):
    daemon.upload("penguins", penguins())
    run, = daemon.runs(daemon.train(**penguins_job()))
    report.part("7", predict_one, daemon, run)
    report.part("7", predict_table, daemon, run)
    time.sleep(1)
    report.group("10", "memory of the daemon, idle after all of this", "MiB", {"VmRSS": [daemon.memory()["VmRSS"] / 1024]})


# ---- goal 9 -----------------------------------------------------------------------------------------------------------

def watch(daemon, job):
    """Trains; the run, and the largest RssAnon that was seen."""
    made, most = daemon.call("POST", "/v1/jobs", job), 0
    while not made["terminal"]:
        most = max(most, daemon.memory()["RssAnon"])
        time.sleep(0.1)
        made = daemon.call("GET", f"/v1/jobs/{made['id']}")
    return daemon.call("GET", f"/v1/jobs/{made['id']}/runs")["data"][0], most


def out_of_core(report):
    """A table of TALL_ROWS rows of 30 numbers, with all memory and with little of it."""
    directory, rows = os.path.join(WORK, "large/data"), TALL_ROWS
    if shutil.disk_usage(WORK).free < 1000 * rows:
        raise Missing(f"less than {1000 * rows / 1e9:.0f} GB of disk are free")
    os.mkdir(os.path.dirname(directory))
    job = {"dataset": "tall", "target": "class", "network": {"hidden": [{"units": 16}]}, "epochs": 3, "threads": 1,
           "batch_size": 64, "validation": {"fraction": 0.01}}
    speed, whole, memory, notes = {}, {}, {}, {}
    limits = {"mlpd, all memory": (), f"mlpd, {MEMORY_MIB} MiB of data": ("prlimit", f"--data={MEMORY_MIB << 20}")}
    for name, prefix in limits.items():
        with Daemon(directory, prefix=prefix) as daemon:
            if not speed:
                seconds = -time.perf_counter()
                size = daemon.upload_from("tall", os.path.join(BUILD, "bench/ingest"), "make", "tall", str(rows))["bytes"]
                seconds += time.perf_counter()
            run, anonymous = watch(daemon, job)
            fine, timings = run["status"] == "succeeded", run["timings"]
            speed[name] = [timings["samples_per_second"] or 0]
            whole[name] = [wall_seconds([run])]
            notes[name] = f"{run['status']}" + ("" if fine else f": {run['failure']['detail'][:60]}")
            memory[f"{name}, RssAnon"] = [anonymous / 1024]
            memory[f"{name}, VmHWM"] = [daemon.memory()["VmHWM"] / 1024]
    table = sum(e.stat().st_size for e in os.scandir(os.path.join(directory, "datasets")))
    shutil.rmtree(os.path.dirname(directory))
    what = f"a table of {table / 1e6:.0f} MB ({rows} rows of 30 numbers), 30-16-1, batch 64"
    report.group("9", what, "samples/s", speed, wanted="x 2 at most", notes=notes)
    report.group("9", "3 epochs of it, from start to end", "s", whole)
    report.group("9", "its memory", "MiB", memory, wanted=f"under {MEMORY_MIB}",
                 notes={next(iter(memory)): "VmHWM counts pages of the mapped table; they can be dropped"})
    report.group("8", f"upload of its CSV over HTTP, {size / 1e6:.0f} MB", "MB/s", {"mlpd": [size / seconds / 1e6]}, wanted="150",
                 notes={"mlpd": "the generator and curl share the cores"})


# ---- goal 10 ----------------------------------------------------------------------------------------------------------

def start(directory):
    with Daemon(directory) as daemon:
        time.sleep(0.2)
        memory = daemon.memory()
        return {"ms": daemon.start_ms, "rss": memory["VmRSS"] / 1024, "anonymous": memory["RssAnon"] / 1024}


def starts(report, directory, used):
    with Daemon(directory) as daemon:
        daemon.upload("penguins", penguins())
        daemon.runs(daemon.train(**penguins_job()))
    fresh, turns = iter(range(100)), Turns()
    turns.add("a store of one run", None, measure=lambda: start(directory))
    turns.add(f"a store of {os.path.getsize(os.path.join(used, 'mlpd.db')) / 1e6:.0f} MB", None, measure=lambda: start(used))
    turns.add("a new directory", None, measure=lambda: start(os.path.join(WORK, f"new{next(fresh)}")))
    results = turns.run(10)
    report.group("10", "from exec to the line that it listens", "ms", {n: column(r, "ms") for n, r in results.items()}, wanted="50")
    report.group("10", "memory of the idle daemon", "MiB", {
        "VmRSS": column(results["a store of one run"], "rss"), "RssAnon": column(results["a store of one run"], "anonymous")},
        wanted="VmRSS under 10")


def timed(daemon, path):
    """Milliseconds of some calls of this, fewer when it is slow; and the body."""
    values, spent, body = [], 0, None
    while len(values) < 4 or (len(values) < 15 and spent < 400):
        started = time.perf_counter()
        body = daemon.call("GET", path)
        values.append(1000 * (time.perf_counter() - started))
        spent += values[-1]
    return values[1:], body


def deep(daemon, path, pages):
    """The same path with the cursor that is so many pages of 200 down the list."""
    glue, cursor, after = "&" if "?" in path else "?", "", None
    for _ in range(pages):
        after = daemon.call("GET", f"{path}{glue}limit=200{cursor}")["next"]
        if not after:
            break
        cursor = "&cursor=" + after.replace("~", "%7E")
    return path + glue + cursor.lstrip("&") if cursor else path


SHOWN = 12  # calls, the slowest; the JSON has all


def calls(report, daemon, job, run):
    runs, orders = f"/v1/jobs/{job}/runs", ["number", "id", "status", "epoch", "metrics.best_epoch", "timings.training_seconds",
                                            "metrics.train_loss", "metrics.valid_loss", "metrics.valid_accuracy", "metrics.valid_rmse"]
    paths = ["/v1/jobs", "/v1/jobs?limit=200", deep(daemon, "/v1/jobs", 150), "/v1/jobs?status=succeeded", "/v1/jobs?status=failed",
             "/v1/jobs?status=running", deep(daemon, "/v1/jobs?status=failed", 3), "/v1/jobs?name=study%20123", "/v1/jobs?name=none",
             f"/v1/jobs/{job}", "/v1/datasets", deep(daemon, "/v1/datasets", 4), runs, runs + "?limit=200", runs + "?status=failed"]
    paths += [f"/v1/jobs?order_by={order}{desc}{filters}" for order in ("created_at", "name", "status", "best.loss")
              for desc in ("", "&desc=true") for filters in ("", "&status=failed", "&name=study%2012", "&name=none")]
    paths += [deep(daemon, f"/v1/jobs?order_by={order}", 150) for order in ("name", "status", "best.loss")]
    paths += [f"{runs}?order_by={order}{desc}" for order in orders for desc in ("", "&desc=true")]
    paths += [deep(daemon, f"{runs}?order_by={order}", 25) for order in ("number", "metrics.valid_loss", "metrics.valid_rmse")]
    paths += [f"/v1/runs/{run}", f"/v1/runs/{run}/epochs?points=1000", f"/v1/runs/{run}/epochs?points=100",
              f"/v1/runs/{run}/epochs?from=500000&to=501000", f"/v1/runs/{run}/layers?points=1000", f"/v1/runs/{run - 1}/epochs",
              f"/v1/runs/{run}/evaluation", "/readyz", "/metrics"]
    times = {}
    for path in paths:
        try:
            times[path] = timed(daemon, path)[0] if path != "/metrics" else timed_text(daemon, path)
        except RuntimeError as e:
            print(f"     {path}: {e}")
    slow = [p for p in times if statistics.median(times[p]) > 20]
    first = f"calls of a store of 100 000 runs and 10 000 000 epochs; wanted: 20; over it: {len(slow)} of {len(times)}"
    slowest = sorted(times, key=lambda p: -statistics.median(times[p]))
    for index, path in enumerate(slowest):
        shown = path.split("cursor=")[0] + ("cursor=..." if "cursor=" in path else "")
        report.line("10", shown, "ms", {"mlpd": times[path]}, first, show=index < SHOWN)
        first = None
    print(f"     the other {len(slowest) - SHOWN}: under {statistics.median(times[slowest[SHOWN]]):.3g}")


def timed_text(daemon, path):
    values = []
    for _ in range(6):
        started = time.perf_counter()
        daemon.raw("GET", path)
        values.append(1000 * (time.perf_counter() - started))
    return values[1:]


def large_store(report, directory):
    if shutil.disk_usage(WORK).free < 6 << 30:
        raise Missing("less than 6 GiB of disk are free")
    seconds = -time.perf_counter()
    job, run = fill(os.path.join(directory, "mlpd.db"), 100000, 10000000, 1000000)
    seconds += time.perf_counter()
    size = os.path.getsize(os.path.join(directory, "mlpd.db")) / 1e6
    values = [start(directory) for _ in range(4)]
    report.group("10", f"a start with that store ({size:.0f} MB, filled in {seconds:.0f} s)", "ms", {"mlpd": column(values[1:], "ms")},
                 wanted="50")
    with Daemon(directory) as daemon:
        calls(report, daemon, job, run)
        report.group("10", "memory of the daemon after these calls", "MiB", {"VmRSS": [daemon.memory()["VmRSS"] / 1024]})


def main():
    started = time.monotonic()
    report = Report("make bench-service: the daemon as a service: medians, spread, x: the first side / this one",
                    os.path.join(BUILD, "bench-service.json"))
    directory, used = os.path.join(WORK, "data"), os.path.join(WORK, "used")
    with Daemon(used) as daemon:
        report.part("7", predictions, daemon)
    report.part("10", starts, directory, used)
    report.part("10", large_store, directory)
    report.part("9", out_of_core)
    report.machine["seconds"] = round(time.monotonic() - started)
    report.write()


if __name__ == "__main__":
    sys.exit(main())
