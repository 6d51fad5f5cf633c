"""make bench: goals 1 to 6 and 8 of the issue, the core and the daemon against their peers. Prints one table, writes
BUILD/bench.json. Every part is told how its peers are run; nothing fails because it is slow."""
import os
import random
import statistics
import subprocess
import sys
import time

from harness import (BUILD, SMALL_ROWS, Daemon, Missing, Report, Side, Turns, column, peer, penguins, program, small_job,
                     small_table, wall_seconds, work_directory)

WORK = work_directory()
PIXEL_ROWS, WIDE_ROWS = 20000, 4096
CHECKPOINT_ROWS = 2048
FANN_ROWS = 1000  # of the large network: it takes a thousand times as long


def add_training_peers(turns, task, epochs, rows, slow_rows):
    """task: LAYERS BATCH OPTIMIZER. Peers do fewer epochs in a measurement than we do, since they take longer."""
    turns.add("C over OpenBLAS", program, "peers/plain", *task, rows, epochs, "openblas")
    turns.add("C with loops of its own", program, "peers/plain", *task, rows, max(1, epochs // 4), "loops")
    turns.add("scikit-learn", peer, "sklearn_train.py", *task, rows, max(2, epochs // 4))
    turns.add("PyTorch", peer, "torch_train.py", *task, rows, max(1, epochs // 10))
    turns.add("FANN", peer, "fann_train.py", *task, slow_rows, 1)


# ---- goal 1 -----------------------------------------------------------------------------------------------------------

def small_networks(report, daemon, optimizer):
    turns, epochs = Turns(), 100
    turns.add("mlpd, core alone", program, "train", "30-16-2", 32, optimizer, SMALL_ROWS, epochs)

    def in_daemon():
        run, = daemon.runs(daemon.train(**small_job(optimizer, epochs)))
        timings = run["timings"]
        return {"samples_per_second": timings["samples_per_second"], "whole": SMALL_ROWS * epochs / wall_seconds([run])}
    turns.add("mlpd, in the daemon", None, measure=in_daemon)
    add_training_peers(turns, ("30-16-2", 32, optimizer), 20, SMALL_ROWS, SMALL_ROWS)
    results = turns.run()
    sides = {name: column(figures, "samples_per_second") for name, figures in results.items()}
    whole = {"the same, start and end too": column(results["mlpd, in the daemon"], "whole")}
    sides = {**{"mlpd, in the daemon": sides.pop("mlpd, in the daemon")}, **whole, **sides}
    turns.notes["mlpd, in the daemon"] = f"samples_per_second of a run of {epochs} epochs"
    turns.notes["the same, start and end too"] = "from started_at to finished_at, all stored"
    report.group("1", f"30-16-2, batch 32, {optimizer}, one thread", "samples/s", sides,
                 wanted="6 million; 60 x scikit-learn, 4 x KANN-class C", notes=turns.notes, missing=turns.missing)


# ---- goals 2 and 3 ----------------------------------------------------------------------------------------------------

PIXEL_PRODUCTS = ("64x256x784", "64x10x256", "64x256x10 D W'", "784x256x64 X'D", "256x10x64 X'D")  # of one batch


def pixel_networks(report):
    task, turns = ("784-256-10", 64, "adam"), Turns()
    turns.add("mlpd, one thread", program, "train", *task, PIXEL_ROWS, 1, 1)
    turns.add("products", program, "products", *PIXEL_PRODUCTS)
    turns.add("mlpd, two threads", program, "train", *task, PIXEL_ROWS, 1, 2)
    add_training_peers(turns, task, 1, PIXEL_ROWS, FANN_ROWS)
    results = turns.run()
    products_of = results.pop("products", [])
    one, two = results["mlpd, one thread"], results["mlpd, two threads"]
    same = column(one, "weights") == column(two, "weights")
    turns.notes["mlpd, two threads"] = "bits of the weights after each epoch: " + ("the same" if same else "DIFFERENT")
    report.group("2", "784-256-10 (MNIST's shape), batch 64, adam", "samples/s",
                 {name: column(figures, "samples_per_second") for name, figures in results.items()},
                 wanted="4 x PyTorch, 1.4 x any C; two threads 1.8 x one, the same bits", notes=turns.notes,
                 missing=turns.missing)
    shares = [100 * figures["samples_per_second"] / 64 * sum(2e-9 * work_of(s) / max(speeds[s]) for s in speeds)
              for figures, speeds in zip(one, products_of)]
    report.group("2", "of its time, what its products take at the speed of the best kernel for each shape", "%",
                 {"mlpd, one thread": shares}, wanted="85")


def wide_networks(report):
    task, turns = ("784-1024-1024-10", 256, "adam", WIDE_ROWS, 1), Turns()
    turns.add("mlpd, one thread", program, "train", *task, 1)
    turns.add("products", program, "products", "2048x2048x2048")
    turns.add("mlpd, two threads", program, "train", *task, 2)
    turns.add("C over OpenBLAS", program, "peers/plain", *task, "openblas")
    results = turns.run()
    large = column(results.pop("products"), "2048x2048x2048")
    ours = results["mlpd, one thread"]
    flops = ours[0]["gflops"] / ours[0]["samples_per_second"]
    sides = {name: [flops * speed for speed in column(r, "samples_per_second")] for name, r in results.items()}
    sides["peak: 2048x2048x2048, mlpd"] = [speeds[0] for speeds in large]
    if len(large[0]) > 1:
        sides["peak: 2048x2048x2048, OpenBLAS"] = [speeds[1] for speeds in large]
    report.group("3", "784-1024-1024-10, batch 256, adam", "GFLOP/s", sides, wanted="x 0.9 of the peak", notes=turns.notes,
                 missing=turns.missing)


# ---- the roofline -----------------------------------------------------------------------------------------------------

def work_of(shape):
    m, n, k = (int(d) for d in shape.split()[0].split("x"))
    return m * n * k


def products(report):
    turns = Turns()
    side = turns.add("products", program, "products")
    if not side:
        raise Missing(turns.missing["products"])
    core = side.info["openblas"]
    head = f"products m x n x k: mlpd ({side.info['instruction_set']}), " + (
        f"OpenBLAS (kernels for {core}), mlpd / OpenBLAS" if core else "OpenBLAS is not here")
    rounds = turns.run()["products"]
    for shape in rounds[0]:
        sides = {"mlpd": [r[shape][0] for r in rounds]}
        if core:
            sides["OpenBLAS"] = [r[shape][1] for r in rounds]
        report.line("roof", shape, "GFLOP/s", sides, head)
        head = None


# ---- goal 4 -----------------------------------------------------------------------------------------------------------

def together(report, daemon):
    for layers, batch, rows, epochs in ("30-16-2", 32, SMALL_ROWS, 100), ("784-256-10", 64, PIXEL_ROWS, 2):
        turns, pair = Turns(), []
        for number in 1, 2:
            pair.append(program("train", layers, batch, "adam", rows, epochs, 1))
            turns.stack.callback(pair[-1].close)

        def both(pair=pair):
            for side in pair:
                side.ask()
            return {"seconds": max(side.answer()["seconds"] for side in pair)}
        turns.add("two processes", None, measure=both)
        turns.add("one process", None, measure=pair[0].measure)
        show_together(report, f"{layers}, batch {batch}, adam, in processes", turns.run())
    turns = Turns()
    for name, seeds in ("two runs", [1, 2]), ("one run", [1]):
        turns.add(name, None, measure=lambda seeds=seeds: {
            "seconds": wall_seconds(daemon.runs(daemon.train(**small_job("adam", 400, grid={"/seed": seeds}))))})
    show_together(report, "30-16-2, batch 32, adam, in the daemon", turns.run())


def show_together(report, what, results):
    report.group("4", f"two runs at once: {what}", "s", {name: column(r, "seconds") for name, r in results.items()},
                 wanted="x 1.05")


# ---- goals 5 and 6 ----------------------------------------------------------------------------------------------------

def storing(report, daemon):
    epochs = 100000
    random.seed(2)
    daemon.upload("tiny", ("a,b,c,d,class\n" + "".join(
        ",".join(f"{random.random():.3f}" for _ in range(4)) + f",{'ab'[i % 2]}\n" for i in range(40))).encode())
    job = small_job("momentum", epochs, dataset="tiny", batch_size="full", network={"hidden": [{"units": 4}]})
    turns = Turns()

    def stored():
        run, = daemon.runs(daemon.train(**job))
        if daemon.call("GET", f"/v1/runs/{run['id']}/epochs?points=2")["total"] != epochs:
            raise RuntimeError("not every epoch was stored")
        return {"seconds": wall_seconds([run]), "training": run["timings"]["training_seconds"]}
    turns.add("mlpd, in the daemon", None, measure=stored)
    turns.add("mlpd, core alone", program, "train", "4-4-2", 0, "momentum", 40, epochs)
    results = turns.run(3)
    sides = {name: column(r, "seconds") for name, r in results.items()}
    sides["of which it trained"] = column(results["mlpd, in the daemon"], "training")
    report.group("5", f"storing {epochs} epochs of a tiny run (40 rows, 4-4-2, full batch)", "s", sides,
                 wanted="x 1.05 of the core", notes={"mlpd, in the daemon": "from started_at to finished_at"})


def grid(report, daemon):
    daemon.upload("penguins", penguins())
    job = {"dataset": "penguins", "target": "species", "network": {"hidden": [{"units": 8}]}, "epochs": 50,
           "optimizer": {"name": "momentum"}, "grid": {"/seed": list(range(1, 51)), "/optimizer/learning_rate":
                                                       [0.001 * (i + 1) for i in range(20)]}}
    values = []
    for _ in range(3):
        made = daemon.train(**job)
        if made["runs"]["succeeded"] != 1000:
            raise RuntimeError(f"runs: {made['runs']}")
        values.append(wall_seconds([{"timings": {"started_at": made["created_at"], "finished_at": made["finished_at"]}}]))
    report.group("6", "a grid of 1000 tiny runs (penguins, 8 hidden units, 50 epochs)", "ms a run",
                 {"mlpd": values}, wanted="5", notes={"mlpd": "from created_at of the job to its finished_at"})


# ---- what checkpoints cost --------------------------------------------------------------------------------------------

def wide_table():
    """Rows of 784 numbers and a class of ten."""
    random.seed(3)
    head = ",".join(f"x{c}" for c in range(784)) + ",class\n"
    return (head + "".join(",".join(str(random.randrange(256)) for _ in range(784)) + f",c{random.randrange(10)}\n"
                           for _ in range(CHECKPOINT_ROWS))).encode()


def counters(daemon):
    """Of /metrics: checkpoints, the seconds that training waited for them, and those it spent in epochs."""
    _, _, text = daemon.raw("GET", "/metrics")
    figures = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return [float(figures[f"mlpd_{name}_total"]) for name in ("checkpoints", "checkpoint_seconds", "training_seconds")]


def checkpoints(report, daemon):
    """The same run with checkpoints as by default, every 5 s, and with none but at its end, in turns."""
    daemon.upload("wide", wide_table())
    wide = dict(small_job("adam", 80, dataset="wide"), batch_size=256,
                network={"hidden": [{"units": 1024}, {"units": 1024}]})
    for what, job in ("784-1024-1024-10, batch 256, adam", wide), \
                     ("30-16-2, batch 32, adam", small_job("adam", 6000)):
        sides, shares, written = {"every 5 s": [], "none": []}, [], []
        for _ in range(3):
            for name, every in ("every 5 s", {}), ("none", {"checkpoint": {"every_seconds": 0}}):
                before = counters(daemon)
                sides[name].append(wall_seconds(daemon.runs(daemon.train(**job, **every))))
                count, waited, trained = (now - then for now, then in zip(counters(daemon), before))
                if not every:
                    shares.append(100 * waited / (waited + trained))
                    written.append(count)
        report.group("cp", f"checkpoints: {what}", "s", sides, wanted="x 1.02",
                     notes={"every 5 s": f"{statistics.median(written):.0f} checkpoints"})
        report.group("cp", "of its time, what it waited for checkpoints", "%", {what.split(",")[0]: shares}, wanted="under 2")


# ---- goal 8 -----------------------------------------------------------------------------------------------------------

def make_csv(kind, rows):
    path = os.path.join(WORK, f"{kind}-{rows}.csv")
    with open(path, "wb") as f:
        subprocess.run([os.path.join(BUILD, "bench/ingest"), "make", kind, str(rows)], stdout=f, check=True)
    return path


def ingest(report):
    for kind, rows in ("pixels", 33000), ("decimals", 190000), ("mixed", 1200000):
        path, turns = make_csv(kind, rows), Turns()
        turns.add("mlpd's table_builder", program, "ingest", "read", path, WORK)
        turns.add("pandas.read_csv", peer, "pandas_read.py", path)
        results = turns.run()
        ours = results["mlpd's table_builder"]
        sides = {name: column(r, "mb_per_second") for name, r in results.items()}
        sides["of mlpd's processor time"] = column(ours, "mb_per_cpu_second")
        for name, key in ("bound: read", "read"), ("bound: count lines", "lines"), ("bound: SHA-256", "sha256"), \
                         ("bound: write to a file", "spool"):
            sides[name] = column(ours, key)
        report.group("8", f"ingest of {kind}, {os.path.getsize(path) / 1e6:.0f} MB", "MB/s", sides, wanted="150",
                     notes=turns.notes, missing=turns.missing)
        os.remove(path)
    sides = {}
    for rows in 325000, 1300000:
        path = make_csv("decimals", rows)
        side = Side(os.path.join(BUILD, "bench/ingest"), "once", path, WORK)
        sides[f"{os.path.getsize(path) / 1e6:.0f} MB"] = [side.measure()["peak_kb"] / 1024]
        side.close()
        os.remove(path)
    report.group("8", "ingest: peak memory of the process", "MiB", sides, wanted="does not grow with the file")


def main():
    started = time.monotonic()
    report = Report("make bench: the core and its peers, in turns: medians, spread, x: the first side / this one",
                    os.path.join(BUILD, "bench.json"))
    report.part("roof", products)
    daemon = Daemon(os.path.join(WORK, "data"))
    with daemon:
        daemon.upload("small", small_table())
        report.part("1", small_networks, daemon, "momentum")
        report.part("1", small_networks, daemon, "adam")
        report.part("2", pixel_networks)
        report.part("3", wide_networks)
        report.part("4", together, daemon)
        report.part("5", storing, daemon)
        report.part("6", grid, daemon)
        report.part("cp", checkpoints, daemon)
    report.part("8", ingest)
    report.machine["seconds"] = round(time.monotonic() - started)
    report.write()


if __name__ == "__main__":
    sys.exit(main())
