-- Statuses are 0 queued, 1 running, 2 paused, 3 succeeded, 4 failed, 5 cancelled. Times are milliseconds since 1970 UTC,
-- 0 for "not yet". AUTOINCREMENT: an id that was deleted never names something else.

CREATE TABLE datasets (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    sha256       TEXT    NOT NULL,
    file         TEXT    NOT NULL,
    bytes        INTEGER NOT NULL,
    row_count    INTEGER NOT NULL,
    column_count INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    options      TEXT    NOT NULL,
    schema       TEXT    NOT NULL
) STRICT;
CREATE INDEX datasets_file ON datasets (file);

-- The counts, status, progress, started_at, finished_at and version belong to the triggers below.
CREATE TABLE jobs (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    name               TEXT,
    dataset            INTEGER REFERENCES datasets (id) ON DELETE SET NULL,
    dataset_name       TEXT    NOT NULL,
    validation_dataset INTEGER REFERENCES datasets (id) ON DELETE SET NULL,
    folds              INTEGER NOT NULL DEFAULT 0, -- runs of each point, one after the other; 0: one
    initial            INTEGER, -- the run that its runs start from; it may be deleted once they are over
    priority           INTEGER NOT NULL,
    status             INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 5),
    runs               INTEGER NOT NULL DEFAULT 0,
    queued             INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
    running            INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    paused             INTEGER NOT NULL DEFAULT 0 CHECK (paused >= 0),
    succeeded          INTEGER NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
    failed             INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    cancelled          INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    epochs_saved       INTEGER NOT NULL DEFAULT 0, -- that its runs had left which were stopped before their last one
    progress           INTEGER NOT NULL DEFAULT 0, -- sum of its runs' progress: whole numbers, so that no error adds up
    created_at         INTEGER NOT NULL,
    started_at         INTEGER NOT NULL DEFAULT 0,
    finished_at        INTEGER NOT NULL DEFAULT 0,
    version            INTEGER NOT NULL DEFAULT 1,
    idempotency_key    TEXT UNIQUE,
    request_sha256     TEXT
) STRICT;
CREATE INDEX jobs_status ON jobs (status);
CREATE INDEX jobs_dataset ON jobs (dataset);
CREATE INDEX jobs_validation_dataset ON jobs (validation_dataset);
CREATE INDEX jobs_initial ON jobs (initial) WHERE initial IS NOT NULL;

-- Apart from jobs and runs, whose rows are rewritten with every epoch.
CREATE TABLE job_specs (
    job  INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    spec TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    job                INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number             INTEGER NOT NULL,
    status             INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 5),
    cancel_requested   INTEGER NOT NULL DEFAULT 0,
    pause_requested    INTEGER NOT NULL DEFAULT 0,
    crashes            INTEGER NOT NULL DEFAULT 0, -- ends of the daemon while it ran, since it last got further
    epoch              INTEGER NOT NULL DEFAULT 0,
    epochs             INTEGER NOT NULL CHECK (epochs >= 1),
    progress           INTEGER NOT NULL AS                               -- billionths; a terminal run counts whole
                       (CASE WHEN status >= 3 THEN 1000000000 ELSE epoch * 1000000000 / epochs END) VIRTUAL,
    weight_updates     INTEGER NOT NULL DEFAULT 0,
    parameters         INTEGER NOT NULL,
    train_loss         REAL,
    valid_loss         REAL,
    valid_accuracy     REAL,
    valid_log_loss     REAL,
    valid_f1_macro     REAL,
    valid_roc_auc      REAL,
    valid_rmse         REAL,
    valid_mae          REAL,
    valid_r2           REAL,
    best_epoch         INTEGER NOT NULL DEFAULT 0,
    best_loss          REAL,
    queued_at          INTEGER NOT NULL,
    started_at         INTEGER NOT NULL DEFAULT 0,
    finished_at        INTEGER NOT NULL DEFAULT 0,
    training_seconds   REAL,
    samples_per_second REAL,
    failure_code       TEXT,
    failure_detail     TEXT,
    failure_epoch      INTEGER NOT NULL DEFAULT 0,
    stopped_by         TEXT, -- of a run that succeeded before its last epoch
    model_epoch        INTEGER NOT NULL DEFAULT 0, -- whose weights the model has, and whose figures stand above
    model_sha256       TEXT,
    model_bytes        INTEGER NOT NULL DEFAULT 0,
    attempts           INTEGER NOT NULL DEFAULT 0,
    version            INTEGER NOT NULL DEFAULT 1,
    UNIQUE (job, number)
) STRICT;
CREATE INDEX runs_status ON runs (status);
CREATE INDEX runs_best ON runs (job, best_loss);

CREATE TABLE run_texts (
    run             INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    spec            TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    layers          TEXT,
    environment     TEXT,
    evaluation      TEXT
) STRICT;

CREATE TABLE epochs (
    run             INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    epoch           INTEGER NOT NULL CHECK (epoch >= 1),
    weight_updates  INTEGER NOT NULL,
    learning_rate   REAL,
    seconds         REAL,
    elapsed_seconds REAL, -- with all epochs before it, so that a thinned run can be drawn by time
    train_loss      REAL,
    valid_loss      REAL,
    valid_accuracy  REAL,
    valid_log_loss  REAL,
    valid_f1_macro  REAL,
    valid_roc_auc   REAL,
    valid_rmse      REAL,
    valid_mae       REAL,
    valid_r2        REAL,
    layers          BLOB, -- float32, little-endian: layers x (gradient_norm, update_ratio, dead, saturated)
    PRIMARY KEY (run, epoch)
) STRICT, WITHOUT ROWID;

-- Of each 64 epochs that are there whole (block 0: 1..64), the epochs with the extremes of both losses (0: none) and their
-- values, so that a long run is thinned without being read.
CREATE TABLE epoch_blocks (
    run               INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    block             INTEGER NOT NULL,
    least_train_epoch INTEGER NOT NULL,
    least_train       REAL,
    most_train_epoch  INTEGER NOT NULL,
    most_train        REAL,
    least_valid_epoch INTEGER NOT NULL,
    least_valid       REAL,
    most_valid_epoch  INTEGER NOT NULL,
    most_valid        REAL,
    PRIMARY KEY (run, block)
) STRICT, WITHOUT ROWID;

-- What the streams tell: every change of a job or a run, and every epoch, has one number of one sequence that never starts over.
-- A row of kind 2 stands for `count` epochs of a run from `epoch` on; their figures are in epochs. Written by the triggers
-- below, so that a fact and its event commit together. The last 16384 numbers are kept (STORE_EVENTS_KEPT).
CREATE TABLE events (
    id       INTEGER PRIMARY KEY, -- the last number that it stands for
    count    INTEGER NOT NULL DEFAULT 1,
    kind     INTEGER NOT NULL,    -- 0 job, 1 run, 2 epochs, 3 job deleted
    job      INTEGER NOT NULL,
    run      INTEGER NOT NULL DEFAULT 0,
    epoch    INTEGER NOT NULL DEFAULT 0,
    status   INTEGER NOT NULL,
    progress INTEGER NOT NULL     -- billionths
) STRICT;
CREATE TRIGGER events_kept AFTER INSERT ON events BEGIN
    DELETE FROM events WHERE id <= new.id - 16384;
END;

CREATE TRIGGER runs_inserted AFTER INSERT ON runs BEGIN
    UPDATE jobs SET
        runs      = runs + 1,
        queued    = queued + (new.status = 0),
        running   = running + (new.status = 1),
        paused    = paused + (new.status = 2),
        succeeded = succeeded + (new.status = 3),
        failed    = failed + (new.status = 4),
        cancelled = cancelled + (new.status = 5),
        progress  = progress + new.progress,
        version   = version + 1
    WHERE id = new.job;
END;

CREATE TRIGGER runs_updated AFTER UPDATE ON runs BEGIN
    INSERT INTO events (id, count, kind, job, run, epoch, status, progress)
    SELECT (SELECT coalesce(max(id), 0) FROM events) + new.epoch - old.epoch, new.epoch - old.epoch, 2,
           new.job, new.id, old.epoch + 1, new.status, new.progress
    WHERE new.epoch > old.epoch;
    INSERT INTO events (id, kind, job, run, epoch, status, progress)
    SELECT (SELECT coalesce(max(id), 0) FROM events) + 1, 1, new.job, new.id, new.epoch, new.status, new.progress
    WHERE new.status <> old.status;
    UPDATE jobs SET
        queued     = queued + (new.status = 0) - (old.status = 0),
        running    = running + (new.status = 1) - (old.status = 1),
        paused     = paused + (new.status = 2) - (old.status = 2),
        succeeded  = succeeded + (new.status = 3) - (old.status = 3),
        failed     = failed + (new.status = 4) - (old.status = 4),
        cancelled  = cancelled + (new.status = 5) - (old.status = 5),
        epochs_saved = epochs_saved + iif(new.stopped_by IS NULL, 0, new.epochs - new.epoch)
                                    - iif(old.stopped_by IS NULL, 0, old.epochs - old.epoch),
        progress   = progress + new.progress - old.progress,
        started_at = CASE WHEN started_at = 0 THEN new.started_at ELSE started_at END,
        version    = version + 1
    WHERE id = new.job;
    -- The job's progress; a change of its status has been told by jobs_updated.
    INSERT INTO events (id, kind, job, status, progress)
    SELECT (SELECT coalesce(max(id), 0) FROM events) + 1, 0, id, status, progress / max(runs, 1)
    FROM jobs WHERE id = new.job AND status < 3 AND (new.epoch > old.epoch OR (old.status = 1 AND new.status >= 3));
END;

CREATE TRIGGER jobs_counted AFTER UPDATE OF queued, running, paused, succeeded, failed, cancelled ON jobs
WHEN old.queued <> new.queued OR old.running <> new.running OR old.paused <> new.paused
     OR old.succeeded <> new.succeeded OR old.failed <> new.failed OR old.cancelled <> new.cancelled
BEGIN
    UPDATE jobs SET status = CASE
        WHEN running > 0 THEN 1
        WHEN queued > 0 AND succeeded + failed + cancelled > 0 THEN 1
        WHEN queued > 0 THEN 0
        WHEN paused > 0 THEN 2
        WHEN cancelled > 0 THEN 5
        WHEN succeeded = 0 THEN 4
        ELSE 3 END
    WHERE id = new.id;
    UPDATE jobs SET finished_at = (SELECT max(finished_at) FROM runs WHERE job = new.id)
    WHERE id = new.id AND status >= 3;
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs BEGIN
    INSERT INTO events (id, kind, job, status, progress)
    VALUES ((SELECT coalesce(max(id), 0) FROM events) + 1, 0, new.id, new.status, 0);
END;

CREATE TRIGGER jobs_updated AFTER UPDATE OF status, name, priority ON jobs
WHEN old.status <> new.status OR old.name IS NOT new.name OR old.priority <> new.priority
BEGIN
    INSERT INTO events (id, kind, job, status, progress)
    VALUES ((SELECT coalesce(max(id), 0) FROM events) + 1, 0, new.id, new.status, new.progress / max(new.runs, 1));
END;

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs BEGIN
    INSERT INTO events (id, kind, job, status, progress)
    VALUES ((SELECT coalesce(max(id), 0) FROM events) + 1, 3, old.id, old.status, old.progress / max(old.runs, 1));
END;
