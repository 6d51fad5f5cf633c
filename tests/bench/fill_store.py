"""A store of many runs, made in seconds: rows go into a database that a daemon has made and closed, by the schema of
migrations/*.sql. The triggers are taken out meanwhile and put back; what they would have counted is counted
here. Texts and blobs are those of one run that the daemon trained."""
import array
import random
import sqlite3
import struct

GRIDS, GRID_RUNS = 6, 10000  # the rest are jobs of one run each
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {1}) "
CHANCE = "(abs(random()) / 9223372036854775807.0)"


def fill(path, runs, epochs, long_run):
    """Adds `runs` runs: the last has `long_run` epochs, and all others share the rest of `epochs`, one each at least.
    Returns the ids of one job of a large grid, and of the long run."""
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in "journal_mode = MEMORY", "synchronous = OFF", "cache_size = -400000", "foreign_keys = OFF":
        db.execute("PRAGMA " + pragma)
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    db.execute("BEGIN")
    for name, _ in triggers:
        db.execute("DROP TRIGGER " + name)
    first, first_run = (db.execute(f"SELECT max(id) + 1 FROM {table}").fetchone()[0] for table in ("jobs", "runs"))
    jobs = GRIDS + runs - GRIDS * GRID_RUNS
    each = (epochs - long_run) // (runs - 1)
    fill_datasets(db, 1000)
    fill_jobs(db, first, jobs)
    fill_runs(db, first, first_run, runs, each, long_run)
    db.execute(f"UPDATE jobs SET least_loss = (SELECT min(best_loss) FROM runs WHERE job = jobs.id) WHERE id >= {first}")
    fill_epochs(db, first_run, runs, each, long_run)
    for _, sql in triggers:
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    return first, first_run + runs - 1


def fill_datasets(db, count):
    db.execute(NUMBERS.format(2, count) +
               "INSERT INTO datasets (name, sha256, file, bytes, row_count, column_count, created_at, options, schema) "
               "SELECT 'table ' || i, sha256, file, bytes, row_count, column_count, created_at, options, schema "
               "FROM n, datasets WHERE id = 1")


def fill_jobs(db, first, count):
    """Jobs with the counts that their runs will have: one of fifty failed, one was cancelled."""
    runs = f"iif(i < {first + GRIDS}, {GRID_RUNS}, 1)"
    status = f"CASE WHEN i < {first + GRIDS} OR i % 50 > 1 THEN 3 WHEN i % 50 = 0 THEN 4 ELSE 5 END"
    db.execute(NUMBERS.format(first, first + count - 1) +
               "INSERT INTO jobs (id, name, dataset, dataset_name, priority, status, runs, succeeded, failed, cancelled, "
               "progress, created_at, started_at, finished_at, version) "
               f"SELECT i, 'study ' || i, 1, dataset_name, 0, s, r, r * (s = 3), r * (s = 4), r * (s = 5), "
               "r * 1000000000, t.created_at + i, t.started_at + i, t.finished_at + i, 100 "
               f"FROM (SELECT i, {runs} AS r, {status} AS s FROM n) JOIN jobs AS t ON t.id = 1")
    db.execute(f"INSERT INTO job_specs SELECT jobs.id, t.spec FROM jobs JOIN job_specs AS t ON t.job = 1 WHERE id >= {first}")


def fill_runs(db, first, first_run, count, each, long_run):
    """The runs of grids first, then one for each other job."""
    last, grid_runs = first_run + count - 1, GRIDS * GRID_RUNS
    place = (f"SELECT i, iif(i - {first_run} < {grid_runs}, {first} + (i - {first_run}) / {GRID_RUNS}, "
             f"{first + GRIDS} + i - {first_run + grid_runs}) AS j, "
             f"iif(i - {first_run} < {grid_runs}, (i - {first_run}) % {GRID_RUNS} + 1, 1) AS number, "
             f"iif(i = {last}, {long_run}, {each}) AS e FROM n")
    metrics = "train_loss, valid_loss, valid_accuracy, valid_log_loss, valid_f1_macro, best_epoch, best_loss, training_seconds, "
    db.execute(NUMBERS.format(first_run, last) +
               "INSERT INTO runs (id, job, number, status, epoch, epochs, weight_updates, parameters, " + metrics +
               "queued_at, started_at, finished_at, samples_per_second, failure_code, failure_detail, model_sha256, "
               "model_bytes, attempts, version) "
               f"SELECT i, j, p.number, jobs.status, e, e, e * 9, t.parameters, {CHANCE}, {CHANCE}, {CHANCE}, {CHANCE}, "
               f"{CHANCE}, 1 + abs(random()) % e, {CHANCE}, {CHANCE}, t.queued_at + i, t.started_at + i, t.finished_at + i, "
               "t.samples_per_second, iif(jobs.status = 4, 'diverged', NULL), iif(jobs.status = 4, 'made up', NULL), "
               f"t.model_sha256, t.model_bytes, 1, 100 FROM ({place}) AS p JOIN jobs ON jobs.id = j JOIN runs AS t ON t.id = 1")
    db.execute("INSERT INTO run_texts SELECT runs.id, spec, hyperparameters, t.layers, t.environment, t.evaluation, t.resolved "
               f"FROM runs JOIN run_texts AS t ON t.run = 1 WHERE runs.id >= {first_run}")


BLOCK, POOL = 64, 500  # epochs in a packed row; different first blocks, which the short runs share


def packed(block, rate, seconds):
    """The data of a packed row, as server/store/packed_epochs.c has it, and its two losses."""
    metrics = [array.array("d", [random.random() for _ in range(BLOCK)]) for _ in range(5)]
    each = array.array("d", [seconds * (0.5 + random.random()) for _ in range(BLOCK)])
    first = block * BLOCK + 1
    head = struct.pack("<B12s3xd2Qd", 1, bytes([3, 1, 2] + [2] * 5 + [0] * 4), seconds * first, 9 * first, 9, rate)
    return head + b"".join(column.tobytes() for column in (each, *metrics)), metrics[0], metrics[1]


def fill_epochs(db, first_run, runs, each, long_run):
    last = first_run + runs - 1
    rate, seconds, layers = db.execute("SELECT learning_rate, seconds, layers FROM epochs WHERE run = 1 AND epoch = 1").fetchone()
    layers = (layers or b"") * BLOCK
    pool = [[packed(block, rate, seconds)[0] for _ in range(POOL)] for block in range(each // BLOCK)]
    db.executemany("INSERT INTO packed_epochs VALUES (?, ?, ?)", (
        ((run << 26) + block, random.choice(blobs), layers) for run in range(first_run, last) for block, blobs in enumerate(pool)))
    row = (f"INSERT INTO epochs SELECT {{0}}, {{1}}, {{1}} * 9, t.learning_rate, t.seconds, {{1}} * t.seconds, "
           f"{CHANCE}, {CHANCE}, {CHANCE}, {CHANCE}, {CHANCE}, NULL, NULL, NULL, NULL, t.layers FROM ")
    db.execute("CREATE TEMP TABLE some (i)")
    db.executemany("INSERT INTO temp.some VALUES (?)", ((i,) for i in range(each // BLOCK * BLOCK + 1, each + 1)))
    db.execute(NUMBERS.format(first_run, last - 1) + row.format("n.i", "some.i") +
               "n CROSS JOIN temp.some CROSS JOIN epochs AS t ON t.run = 1 AND t.epoch = 1")
    for i in range(long_run // BLOCK * BLOCK + 1, long_run + 1):
        db.execute(row.format(last, i) + "epochs AS t WHERE t.run = 1 AND t.epoch = 1")
    noted = []  # the extremes of blocks, 64 of which lie in one row as well: server/store/epoch_blocks.c
    for block in range(long_run // BLOCK):
        data, train, valid = packed(block, rate, seconds)
        extremes = [(value, block * BLOCK + 1 + loss.index(value)) for loss in (train, valid) for value in (min(loss), max(loss))]
        noted.append(extremes)
        db.execute("INSERT INTO packed_epochs VALUES (?, ?, ?)", ((last << 26) + block, data, layers))
    whole = len(noted) // 64 * 64
    for span in range(whole // 64):
        data = b"".join(struct.pack("<4d4I", *(v for v, _ in e), *(n for _, n in e)) for e in noted[64 * span:64 * (span + 1)])
        db.execute("INSERT INTO packed_blocks VALUES (?, ?)", ((last << 20) + span, data))
    for block in range(whole, len(noted)):
        db.execute("INSERT INTO epoch_blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   (last, block, *(figure for value, number in noted[block] for figure in (number, value))))
