"""What core.py and service.py share: sides that take turns, a daemon, medians, the table, and the JSON beside it.

A side is a process that speaks bench.h's protocol: a line in, one measurement out. Sides of one row are started first and
then asked in turns, so that whatever else the machine does falls on all of them. Nothing here judges a figure."""
import atexit
import calendar
import contextlib
import ctypes
import http.client
import json
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
ROUNDS = int(os.environ.get("ROUNDS", "5"))



def cpu():
    """/proc/cpuinfo of the last core."""
    with open("/proc/cpuinfo") as f:
        return {key.strip(): value.strip() for key, value in (line.split(":", 1) for line in f if ":" in line)}


FEATURES = (cpu().get("flags") or cpu().get("Features", "")).split()


def peers_environment():
    """One thread for every peer, and the best kernels that OpenBLAS has: it takes its oldest where it does not know a
    processor, and is told then."""
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    environment.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    ask = "import ctypes; f = ctypes.CDLL('libopenblas.so.0').openblas_get_corename; f.restype = ctypes.c_char_p; print(f().decode())"
    core = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True).stdout.strip()
    better = "SkylakeX" if "avx512f" in FEATURES else "Haswell" if "avx2" in FEATURES else None
    if core in ("Prescott", "Core2", "Generic") and better:
        environment["OPENBLAS_CORETYPE"] = better
    return environment


ENVIRONMENT = peers_environment()


class Missing(Exception):
    """This side or part cannot run here; the text says why, in one line."""


def die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def work_directory():
    """A directory that goes away with the process, however it ends but by SIGKILL."""
    path = tempfile.mkdtemp(prefix="mlpd-bench.")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    for sign in signal.SIGTERM, signal.SIGHUP:
        signal.signal(sign, lambda *_: sys.exit(1))
    return path


# ---- sides ------------------------------------------------------------------------------------------------------------

class Side:
    """A process that measures when it is asked. `name` and `note` are what it says about itself."""

    def __init__(self, *command):
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.errors, text=True, env=ENVIRONMENT, cwd=TOP, preexec_fn=die_with_us)
        except OSError as e:
            raise Missing(str(e))
        self.info = self._line()
        self.name, self.note = self.info["name"], self.info.get("note")

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise Missing((self.errors.read().strip().splitlines() or ["it ended without a word"])[-1][:120])
        return json.loads(line)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self):
        return self._line()

    def measure(self):
        self.ask()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()


def program(name, *arguments):
    return Side(os.path.join(BUILD, "bench", name), *arguments)


def peer(script, *arguments):
    return Side(PYTHON, os.path.join(HERE, "peers", script), *arguments)


class Turns:
    """Measures sides in turns: measure(name, function) for each, then run(). A side that fails is dropped with its reason."""

    def __init__(self):
        self.sides, self.notes, self.missing = {}, {}, {}
        self.stack = contextlib.ExitStack()

    def add(self, name, start, *arguments, measure=None):
        """start(*arguments) gives something with measure(), or `measure` does it. Returns it, or None when it is missing."""
        try:
            side = start(*arguments) if start else None
        except Missing as e:
            self.missing[name] = str(e)
            return None
        if side:
            self.stack.callback(side.close)
            name = side.name if side.name.startswith(name) else name  # with its version
            if side.note:
                self.notes[name] = side.note
        self.sides[name] = measure or side.measure
        return side

    def run(self, rounds=ROUNDS, warm=True):
        """{side: [measurement, ...]}; the first of each, which warms caches and files, does not count."""
        results = {name: [] for name in self.sides}
        with self.stack:
            for turn in range(-1 if warm else 0, rounds):
                for name in list(results):
                    try:
                        figures = self.sides[name]()
                    except (Missing, OSError, subprocess.SubprocessError) as e:
                        self.missing[name] = str(e)[:120]
                        del results[name]
                        continue
                    if turn >= 0:
                        results[name].append(figures)
        return results


def column(measurements, key):
    return [m[key] for m in measurements]


# ---- the table --------------------------------------------------------------------------------------------------------

def digits(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Report:
    """Prints rows as they come, and keeps them for the JSON file."""

    def __init__(self, title, path):
        self.path, self.machine, self.groups = path, machine(), []
        print(title)
        for key, value in self.machine.items():
            print(f"  {key:<16} {value}")

    def group(self, goal, what, unit, sides, wanted=None, notes=None, missing=None):
        """sides: {name: [value, ...]}, ours first; the ratio is the first side's median over this one's."""
        ours = statistics.median(next(iter(sides.values())))
        group = {"goal": goal, "what": what, "unit": unit, "wanted": wanted, "sides": []}
        print(f"\n{goal:<4} {what} [{unit}]" + (f"; wanted: {wanted}" if wanted else ""))
        for index, (name, values) in enumerate(sides.items()):
            median = statistics.median(values)
            ratio = ours / median if index and median else None
            note = (notes or {}).get(name)
            group["sides"].append({"side": name, "median": median, "least": min(values), "most": max(values),
                                   "ratio": ratio, "rounds": len(values), "note": note})
            spread = f"{digits(min(values))} .. {digits(max(values))}" if len(values) > 1 else ""
            times = "x " + digits(ratio) if ratio else ""
            print(f"     {name:<30} {digits(median):>10}  {spread:<24} {times:<8} {note or ''}".rstrip())
        for name, why in (missing or {}).items():
            group["sides"].append({"side": name, "missing": why})
            print(f"     {name:<30} {'-':>10}  not here: {why}")
        sys.stdout.flush()
        self.groups.append(group)

    def line(self, goal, what, unit, sides, head=None, show=True):
        """The same in one line, for many groups of one kind; head: a line above the first of them. Or in the JSON only."""
        if head:
            print(f"\n{goal:<4} {head} [{unit}]")
        medians = [statistics.median(values) for values in sides.values()]
        ratios = [medians[0] / m for m in medians[1:]]
        self.groups.append({"goal": goal, "what": what, "unit": unit, "sides": [
            {"side": name, "median": m, "least": min(v), "most": max(v), "ratio": r, "rounds": len(v)}
            for (name, v), m, r in zip(sides.items(), medians, [None] + ratios)]})
        if not show:
            return
        spreads = [f"{digits(min(v))} .. {digits(max(v))}" for v in sides.values()]
        columns = [f"{digits(m):>8}  {spread:<18}" for m, spread in zip(medians, spreads)]
        print(f"     {what:<44} {' '.join(columns)} {' '.join('x ' + digits(r) for r in ratios)}".rstrip(), flush=True)

    def part(self, name, function, *arguments):
        """Runs one part; when it cannot, says so in one line and goes on."""
        started = time.monotonic()
        try:
            function(self, *arguments)
        except (Missing, OSError, KeyError, RuntimeError, ValueError, subprocess.SubprocessError) as e:
            why = " ".join(f"{type(e).__name__}: {e}".split())[:200]
            self.groups.append({"goal": name, "missing": why})
            print(f"\n{name:<4} could not run: {why}", flush=True)
        if self.groups:
            self.groups[-1]["seconds_spent"] = round(time.monotonic() - started, 1)

    def write(self):
        with open(self.path, "w") as f:
            json.dump({"machine": self.machine, "groups": self.groups}, f, indent=1)
            f.write("\n")
        print(f"\nThe same as JSON: {os.path.relpath(self.path)}")


def machine():
    core, features = cpu(), [f for f in ("avx2", "fma", "avx512f", "asimd") if f in FEATURES]
    load = os.getloadavg()[0]
    return {"cpu": f"{core.get('model name', platform.machine())} (family {core.get('cpu family', '?')}, model "
                   f"{core.get('model', '?')})",
            "cores": os.cpu_count(), "has": ", ".join(features),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 20} MiB",
            "kernel": platform.release(), "mlpd": first_line("git", "describe", "--always", "--dirty"),
            "compiler": first_line(os.environ.get("CC", "gcc"), "--version"),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "load at start": f"{load:.2f}" + (" (busy: figures are worth little)" if load > 0.5 else "")}


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=TOP, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "?"


# ---- data -----------------------------------------------------------------------------------------------------------

SMALL_ROWS = 20000


def small_table():
    """A table like bench.h's task 30-16-2: 30 numbers, and as its class which of the first two is larger."""
    random.seed(1)
    head = ",".join(f"x{c}" for c in range(30)) + ",class\n"
    lines = []
    for _ in range(SMALL_ROWS):
        row = [f"{random.random():.4f}" for _ in range(30)]
        lines.append(",".join(row) + f",{'ab'[row[1] > row[0]]}\n")
    return (head + "".join(lines)).encode()


def small_job(optimizer, epochs, **more):
    """30-16-2 with batches of 32 as a job: every row trains, one thread."""
    return dict({"dataset": "small", "target": "class", "task": "multiclass", "validation": {"fraction": 0},
                 "network": {"hidden": [{"units": 16}]}, "batch_size": 32, "epochs": epochs, "threads": 1,
                 "optimizer": {"name": optimizer, "learning_rate": 0.001 if optimizer == "adam" else 0.01}}, **more)


def penguins():
    with open(os.path.join(TOP, "tests/data/penguins.csv"), "rb") as f:
        return f.read()


# ---- a daemon ---------------------------------------------------------------------------------------------------------

class Daemon:
    """A real mlpd on a directory and a port of its own. `prefix`: words before its command, such as prlimit's."""

    def __init__(self, directory, *arguments, prefix=()):
        self.directory = directory
        self.log = open(os.path.join(os.path.dirname(directory), "log"), "a")
        started = time.perf_counter()
        self.process = subprocess.Popen([*prefix, os.path.join(BUILD, "mlpd"), "--listen", "127.0.0.1:0", "--data-dir", directory,
                                         "--log-level", "warning", *arguments], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, preexec_fn=die_with_us)
        line = self.process.stdout.readline()
        self.start_ms = 1000 * (time.perf_counter() - started)
        if "listening on" not in line:
            raise Missing("mlpd did not start: see its log")
        self.port = int(line.rsplit(":", 1)[1])
        self.used = time.monotonic()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def raw(self, method, path, body=None, kind="application/json"):
        """Status, headers and body of a request on the one connection that is kept, while it is used."""
        if time.monotonic() - self.used > 5:
            self.connection.close()
        self.used = time.monotonic()
        try:
            self.connection.request(method, path, body, {"Content-Type": kind} if body else {})
            reply = self.connection.getresponse()
            return reply.status, reply.headers, reply.read()
        except (http.client.HTTPException, OSError) as e:
            self.connection.close()
            raise RuntimeError(f"{method} {path}: {type(e).__name__} {e}")

    def call(self, method, path, body=None, kind="application/json"):
        status, _, text = self.raw(method, path, json.dumps(body).encode() if isinstance(body, dict) else body, kind)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {text.decode()[:160]}")
        return json.loads(text) if text else None

    def upload(self, name, rows):
        return self.call("POST", f"/v1/datasets?name={name}", rows, "text/csv")

    def upload_from(self, name, *command):
        """Streams what a command prints, by curl, so that it is never whole anywhere but in the daemon's directory."""
        maker = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_us)
        reply = subprocess.run(["curl", "-sS", "-T", "-", "-X", "POST", "-H", "Content-Type: text/csv", "-H", "Expect:",
                                f"http://127.0.0.1:{self.port}/v1/datasets?name={name}"], stdin=maker.stdout, capture_output=True)
        maker.stdout.close()
        if maker.wait() or reply.returncode or b'"id"' not in reply.stdout:
            raise RuntimeError(f"upload of {name}: {(reply.stderr or reply.stdout).decode()[:160]}")
        return json.loads(reply.stdout)

    def train(self, **job):
        """The job when it is over."""
        made = self.call("POST", "/v1/jobs", job)
        pause = 0.01
        while not made["terminal"]:  # seldom, so that asking takes no time from training
            time.sleep(pause)
            pause = min(2 * pause, 0.2)
            made = self.call("GET", f"/v1/jobs/{made['id']}")
        return made

    def runs(self, job):
        runs = self.call("GET", f"/v1/jobs/{job['id']}/runs?limit=200")["data"]
        for run in runs:
            if run["status"] != "succeeded":
                raise RuntimeError(f"run {run['id']} {run['status']}: {run['failure']}")
        return runs

    def memory(self):
        """{"VmRSS": kB, "VmHWM": kB, "RssAnon": kB, ...}"""
        with open(f"/proc/{self.process.pid}/status") as f:
            lines = [line.split() for line in f if line.startswith(("VmRSS", "VmHWM", "VmData", "RssAnon", "RssFile"))]
        return {words[0].rstrip(":"): int(words[1]) for words in lines}


def milliseconds(text):
    """Of a time as the API writes it, since 1970."""
    seconds, rest = text.rstrip("Z").split(".")
    return 1000 * calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) + int(rest)


def wall_seconds(runs):
    """From the first start to the last end."""
    return (max(milliseconds(r["timings"]["finished_at"]) for r in runs) -
            min(milliseconds(r["timings"]["started_at"]) for r in runs)) / 1000
