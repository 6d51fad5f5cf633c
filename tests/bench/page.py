"""make bench-page: how long the page takes in a real Chromium, with 10 000 jobs and a run of 1 000 000 epochs in the store,
and how many bytes it loads. Prints one table, writes BUILD/bench-page.json. What is measured: tests/bench/page.mjs."""
import json
import os
import subprocess
import sys

from fill_store import GRID_RUNS, GRIDS, fill
from harness import BUILD, TOP, Daemon, Missing, Report, penguins, work_directory

JOBS, EPOCHS = 10000, 1000000
ROUNDS = os.environ.get("ROUNDS", "9")


def measured(*arguments):
    """What page.mjs prints: {name: [value of each round]}."""
    out = subprocess.run(["bash", "tests/page.sh", "tests/bench/page.mjs", *map(str, arguments)], cwd=TOP, text=True, check=True,
                         stdout=subprocess.PIPE, env=dict(os.environ, ROUNDS=ROUNDS)).stdout
    if "{" not in out:
        raise Missing(out.strip())
    return json.loads(out[out.index("{"):])


def page(report, directory):
    runs = JOBS - GRIDS + GRIDS * GRID_RUNS
    with Daemon(directory) as daemon:
        daemon.upload("penguins", penguins())
        daemon.runs(daemon.train(dataset="penguins", target="species", network={"hidden": [{"units": 8}]}, epochs=50))
    _, run = fill(os.path.join(directory, "mlpd.db"), runs, EPOCHS + runs, EPOCHS)
    with Daemon(directory) as daemon:
        figures = measured(f"http://127.0.0.1:{daemon.port}", run)
    of = {"first": f"the list of {JOBS} jobs, nothing cached, from the click to the frame", "again": "the same, files cached",
          "zoom": f"a run of {EPOCHS} epochs: from letting go of the mouse to the frame with the part's own points",
          "bytes": "a first load of /, with all headers"}
    units = {"bytes": ("kB", 1000, "100 000 bytes")}
    for kind, what in of.items():
        unit, scale, wanted = units.get(kind, ("ms", 1, "100" if kind == "zoom" else "200"))
        sides = {name: [value / scale for value in values] for name, values in figures[kind].items()}
        report.group("page", what, unit, sides, wanted=wanted)


def main():
    report = Report("make bench-page: the page in Chromium on the loopback interface: medians and spread",
                    os.path.join(BUILD, "bench-page.json"))
    report.part("page", page, os.path.join(work_directory(), "data"))
    report.write()


if __name__ == "__main__":
    sys.exit(main())
