#include "internal.h"

/* Statuses are numbers here, as in migrations/0001_initial.sql: 0 queued, 1 running, 2 paused, 3 succeeded, 4 failed,
 * 5 cancelled. */

#define DATASET                                                                                                        \
    "SELECT id, name, sha256, file, bytes, row_count, column_count, schema, options, created_at FROM datasets "
#define JOB                                                                                                            \
    "SELECT id, name, dataset, dataset_name, validation_dataset, folds, spec, priority, status, runs, queued, running, " \
    "paused, succeeded, failed, cancelled, epochs_saved, progress, created_at, started_at, finished_at, version, idempotency_key, "  \
    "request_sha256, best_run, best_epoch, best_loss FROM jobs JOIN job_specs ON job = id "                            \
    "LEFT JOIN (SELECT id AS best_run, best_epoch, best_loss FROM runs) ON best_run = (SELECT id FROM runs "           \
    "WHERE runs.job = jobs.id AND best_loss IS NOT NULL ORDER BY best_loss, id LIMIT 1) "
#define EPOCH "SELECT epoch, weight_updates, learning_rate, seconds, elapsed_seconds, " SQL_METRICS ", layers FROM epochs "

#define FIGURE(column) "epoch_figure(data, (model_epoch - 1) % 64, " column "), "
/* Of packed epochs: ids, blocks of 64, and the columns of SQL_METRICS and elapsed_seconds. */
_Static_assert(EPOCH_BLOCK == 64 && EPOCH_BLOCKS_MAX == 67108864 && EPOCH_METRICS == 3 && METRIC_COUNT == 9 && EPOCH_ELAPSED == 12,
               "as the texts have it");

const struct sql_text sql_texts[SQL_COUNT] = {
    [SQL_BEGIN_READ] = {SQL_READER, "BEGIN"},
    [SQL_END_READ] = {SQL_READER, "COMMIT"},
    [SQL_BEGIN] = {SQL_WRITER, "BEGIN IMMEDIATE"},
    [SQL_COMMIT] = {SQL_WRITER, "COMMIT"},
    [SQL_ROLLBACK] = {SQL_WRITER, "ROLLBACK"},
    [SQL_SAVEPOINT] = {SQL_WRITER, "SAVEPOINT op"},
    [SQL_ROLLBACK_TO] = {SQL_WRITER, "ROLLBACK TO op"},
    [SQL_RELEASE] = {SQL_WRITER, "RELEASE op"},

    [SQL_DATASET_INSERT] = {SQL_WRITER, "INSERT INTO datasets (name, sha256, file, bytes, row_count, column_count, schema, "
                                        "options, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
    [SQL_DATASET_BY_ID] = {SQL_READER | SQL_WRITER, DATASET "WHERE id = ?"},
    [SQL_DATASET_BY_NAME] = {SQL_READER | SQL_WRITER, DATASET "WHERE name = ?"},
    [SQL_DATASET_LIST] = {SQL_READER, DATASET "WHERE id < ? ORDER BY id DESC LIMIT ?"},
    [SQL_DATASET_NEEDED] = {SQL_WRITER, "SELECT id FROM jobs WHERE (dataset = ?1 OR validation_dataset = ?1) AND "
                                        "queued + running + paused > 0 LIMIT 1"},
    [SQL_DATASET_DETACH] = {SQL_WRITER, "UPDATE jobs SET dataset = nullif(dataset, ?1), validation_dataset = nullif(validation_dataset, ?1), "
                                        "version = version + 1 WHERE dataset = ?1 OR validation_dataset = ?1"},
    [SQL_DATASET_DELETE] = {SQL_WRITER, "DELETE FROM datasets WHERE id = ?"},
    [SQL_DATASET_FILE_USED] = {SQL_READER | SQL_WRITER, "SELECT EXISTS (SELECT 1 FROM datasets WHERE file = ?)"},

    [SQL_JOB_INSERT] = {SQL_WRITER, "INSERT INTO jobs (name, dataset, dataset_name, validation_dataset, folds, initial, priority, "
                                    "created_at, idempotency_key, request_sha256) "
                                    "VALUES (?, nullif(?, 0), ?, nullif(?, 0), ?, nullif(?, 0), ?, ?, ?, ?)"},
    [SQL_JOB_INITIAL] = {SQL_WRITER, "SELECT 1 FROM runs WHERE id = ? AND model_sha256 IS NOT NULL"},
    [SQL_JOB_NEEDED] = {SQL_WRITER, "SELECT jobs.id, runs.id FROM runs JOIN jobs ON jobs.initial = runs.id WHERE runs.job = ? "
                                    "AND jobs.status < 3 LIMIT 1"},
    [SQL_JOB_SPEC_INSERT] = {SQL_WRITER, "INSERT INTO job_specs (job, spec) VALUES (?, ?)"},
    [SQL_JOB_GET] = {SQL_READER, JOB "WHERE id = ?"},
    [SQL_JOB_BY_KEY] = {SQL_WRITER, JOB "WHERE idempotency_key = ?"},
    [SQL_JOB_STATUS] = {SQL_WRITER, "SELECT status, priority FROM jobs WHERE id = ?"},
    [SQL_JOB_CHANGE] = {SQL_WRITER, "UPDATE jobs SET name = iif(?2, ?3, name), priority = iif(?4, ?5, priority), "
                                    "version = version + 1 WHERE id = ?1"},
    [SQL_JOB_CANCEL_WAITING] = {SQL_WRITER, "UPDATE runs SET status = 5, finished_at = ?, version = version + 1 "
                                            "WHERE job = ? AND status IN (0, 2)"},
    [SQL_JOB_CANCEL_RUNNING] = {SQL_WRITER, "UPDATE runs SET cancel_requested = 1, version = version + 1 "
                                            "WHERE job = ? AND status = 1 AND NOT cancel_requested"},
    [SQL_JOB_INTERRUPTED] = {SQL_WRITER, "SELECT id FROM runs WHERE job = ? AND status IN (0, 2) AND attempts > 0"},
    [SQL_JOB_PAUSE_QUEUED] = {SQL_WRITER, "UPDATE runs SET status = 2, version = version + 1 WHERE job = ? AND status = 0"},
    [SQL_JOB_PAUSE_RUNNING] = {SQL_WRITER, "UPDATE runs SET pause_requested = 1, version = version + 1 WHERE job = ? "
                                           "AND status = 1 AND NOT cancel_requested AND NOT pause_requested"},
    [SQL_JOB_PAUSING] = {SQL_WRITER, "SELECT id FROM runs WHERE job = ? AND status = 1 AND pause_requested ORDER BY number"},
    [SQL_JOB_PAUSED] = {SQL_WRITER, "SELECT id FROM runs WHERE job = ? AND status = 2 ORDER BY number"},
    [SQL_JOB_RESUME] = {SQL_WRITER, "UPDATE runs SET status = 0, version = version + 1 WHERE job = ? AND status = 2"},
    [SQL_JOB_RESUME_RUNNING] = {SQL_WRITER, "UPDATE runs SET pause_requested = 0, version = version + 1 WHERE job = ? "
                                            "AND status = 1 AND pause_requested"},
    [SQL_JOB_RUNNING] = {SQL_WRITER, "SELECT id FROM runs WHERE job = ? AND status = 1 ORDER BY number"},
    [SQL_JOB_RUNS] = {SQL_WRITER, "SELECT id FROM runs WHERE job = ? ORDER BY number"},
    [SQL_JOB_DELETE] = {SQL_WRITER, "DELETE FROM jobs WHERE id = ?"},

    [SQL_RUN_INSERT] = {SQL_WRITER, "INSERT INTO runs (job, number, epochs, parameters, queued_at) VALUES (?, ?, ?, ?, ?)"},
    [SQL_RUN_TEXTS_INSERT] = {SQL_WRITER, "INSERT INTO run_texts (run, spec, hyperparameters) VALUES (?, ?, ?)"},
    [SQL_RUN_GET] = {SQL_READER,
                     "SELECT id, job, number, status, cancel_requested, spec, hyperparameters, epoch, epochs, weight_updates, "
                     "parameters, layers, environment, resolved, " SQL_METRICS ", best_epoch, queued_at, started_at, finished_at, "
                     "training_seconds, samples_per_second, failure_code, failure_detail, failure_epoch, stopped_by, "
                     "model_epoch, model_sha256, model_bytes, attempts, crashes, version FROM runs JOIN run_texts ON run = id WHERE id = ?"},
    [SQL_RUN_STATUS] = {SQL_WRITER, "SELECT status FROM runs WHERE id = ?"},
    [SQL_RUNS_QUEUED] = {SQL_READER, "SELECT runs.id, job, priority FROM runs JOIN jobs ON jobs.id = runs.job WHERE runs.status = 0 "
                                     "ORDER BY jobs.priority DESC, runs.id"},
    [SQL_RUNS_FIGURES] = {SQL_READER, "SELECT id, number, status, " SQL_METRICS ", best_epoch, best_loss FROM runs WHERE job = ? "
                                      "ORDER BY number"},
    [SQL_RUNS_COUNT_QUEUED] = {SQL_WRITER, "SELECT count(*) FROM runs WHERE status = 0"},
    [SQL_RUN_START] = {SQL_WRITER, "UPDATE runs SET status = 1, started_at = iif(started_at, started_at, ?1), "
                                   "attempts = attempts + 1, version = version + 1 WHERE id = ?2 AND status = 0 "
                                   "RETURNING epoch, attempts, crashes"},
    [SQL_RUN_DESCRIBE] = {SQL_WRITER, "UPDATE runs SET parameters = ?, version = version + 1 WHERE id = ? AND status = 1"},
    [SQL_RUN_TEXTS_DESCRIBE] = {SQL_WRITER, "UPDATE run_texts SET layers = ?, environment = ?, resolved = ? WHERE run = ?"},
    [SQL_RUN_FINISH] = {SQL_WRITER, "UPDATE runs SET status = ?, finished_at = ?, training_seconds = ?, "
                                    "samples_per_second = ?, failure_code = ?, failure_detail = ?, failure_epoch = ?, "
                                    "stopped_by = ?, model_epoch = ?, model_sha256 = ?, model_bytes = ?, version = version + 1 WHERE id = ? AND status < 3"},
    [SQL_RUN_METRICS_OF_MODEL] = {SQL_WRITER, "UPDATE runs SET (" SQL_METRICS ") = (SELECT " SQL_METRICS " FROM epochs "
                                              "WHERE run = id AND epochs.epoch = model_epoch UNION ALL SELECT "
                                              FIGURE("3") FIGURE("4") FIGURE("5") FIGURE("6") FIGURE("7") FIGURE("8")
                                              FIGURE("9") FIGURE("10") "epoch_figure(data, (model_epoch - 1) % 64, 11) FROM "
                                              "packed_epochs AS p WHERE p.id = (runs.id << 26) + (model_epoch - 1) / 64) "
                                              "WHERE id = ? AND model_epoch > 0 AND model_epoch < epoch"},
    [SQL_RUN_EVALUATION_SET] = {SQL_WRITER, "UPDATE run_texts SET evaluation = ? WHERE run = ?"},
    [SQL_RUN_EVALUATION] = {SQL_READER, "SELECT evaluation FROM run_texts WHERE run = ? AND evaluation IS NOT NULL"},
    [SQL_RUN_LEAVE] = {SQL_WRITER,
                       "UPDATE runs SET status = CASE WHEN cancel_requested THEN 5 WHEN pause_requested THEN 2 ELSE 0 END, "
                       "pause_requested = 0, finished_at = iif(cancel_requested, ?1, 0), "
                       "training_seconds = coalesce(?2, training_seconds), "
                       "samples_per_second = coalesce(?3, samples_per_second), version = version + 1 "
                       "WHERE id = ?4 AND status = 1 RETURNING status"},
    [SQL_RUN_GOT_FURTHER] = {SQL_WRITER, "UPDATE runs SET crashes = 0 WHERE id = ?"},
    [SQL_RECOVER_CANCEL] = {SQL_WRITER, "UPDATE runs SET status = 5, finished_at = ?, version = version + 1 "
                                        "WHERE status = 1 AND cancel_requested"},
    [SQL_RECOVER_POISON] = {SQL_WRITER,
                            "UPDATE runs SET status = 4, crashes = crashes + 1, finished_at = ?, failure_code = 'poison', "
                            "failure_detail = 'mlpd ended ' || (crashes + 1) || ' times while this run was in epoch ' || (epoch + 1) || "
                            "' and got no further: it is not tried again', "
                            "failure_epoch = epoch + 1, version = version + 1 WHERE status = 1 AND crashes + 1 >= ?"},
    [SQL_RECOVER_REQUEUE] = {SQL_WRITER, "UPDATE runs SET status = iif(pause_requested, 2, 0), pause_requested = 0, "
                                         "crashes = crashes + 1, version = version + 1 WHERE status = 1"},

    [SQL_EPOCHS_STATE] = {SQL_WRITER, "SELECT status, epoch, epochs, best_epoch, best_loss, coalesce((SELECT elapsed_seconds "
                                      "FROM epochs WHERE run = id AND epochs.epoch = runs.epoch), (SELECT epoch_figure(data, 63, 12) "
                                      "FROM packed_epochs AS p WHERE p.id = (runs.id << 26) + runs.epoch / 64 - 1), 0) FROM runs WHERE id = ?"},
    [SQL_EPOCH_INSERT] = {SQL_WRITER, "INSERT INTO epochs (run, epoch, weight_updates, learning_rate, seconds, "
                                      "elapsed_seconds, " SQL_METRICS
                                      ", layers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
    [SQL_EPOCHS_MOVE] = {SQL_WRITER, "UPDATE runs SET epoch = ?, weight_updates = ?, "
                                     "(" SQL_METRICS ") = (?, ?, ?, ?, ?, ?, ?, ?, ?), "
                                     "best_epoch = ?, best_loss = ?, crashes = 0, version = version + 1 WHERE id = ?"},
    [SQL_EPOCHS_COUNT] = {SQL_READER, /* they have no gaps */
        "SELECT max(0, min(epoch, ?3) - ?2 + 1) FROM runs WHERE id = ?1"},
    [SQL_EPOCH_BLOCK_INSERT] = {SQL_WRITER, "INSERT INTO epoch_blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
    [SQL_EPOCH_BLOCKS] = {SQL_READER | SQL_WRITER, "SELECT least_train_epoch, least_train, most_train_epoch, most_train, least_valid_epoch, "
                                      "least_valid, most_valid_epoch, most_valid, block FROM epoch_blocks "
                                      "WHERE run = ? AND block BETWEEN ? AND ? ORDER BY block"},
    [SQL_EPOCHS_DELETE] = {SQL_WRITER, "DELETE FROM epochs WHERE run = ? AND epoch BETWEEN ? AND ?"},
    [SQL_EPOCHS_RANGE] = {SQL_READER | SQL_WRITER, EPOCH "WHERE run = ? AND epoch BETWEEN ? AND ? ORDER BY epoch"},
    [SQL_EPOCH_GET] = {SQL_READER, EPOCH "WHERE run = ? AND epoch = ?"},

    [SQL_PACKED_INSERT] = {SQL_WRITER, "INSERT INTO packed_epochs (id, data, layers) VALUES (?, ?, ?)"},
    [SQL_PACKED_RANGE] = {SQL_READER, "SELECT id & 67108863, data FROM packed_epochs WHERE id BETWEEN ? AND ? ORDER BY id"},
    [SQL_PACKED_LAYERS] = {SQL_READER, "SELECT id & 67108863, data, layers FROM packed_epochs WHERE id BETWEEN ? AND ? ORDER BY id"},
    [SQL_EPOCH_BLOCKS_DELETE] = {SQL_WRITER, "DELETE FROM epoch_blocks WHERE run = ? AND block BETWEEN ? AND ?"},
    [SQL_PACKED_BLOCKS] = {SQL_READER, "SELECT id & 1048575, data FROM packed_blocks WHERE id BETWEEN ? AND ? ORDER BY id"},
    [SQL_PACKED_BLOCKS_INSERT] = {SQL_WRITER, "INSERT INTO packed_blocks (id, data) VALUES (?, ?)"},

    [SQL_EVENTS_ENDS] = {SQL_READER, "SELECT (SELECT id - count + 1 FROM events ORDER BY id LIMIT 1), max(id) FROM events"},
    [SQL_EVENTS_AFTER] = {SQL_READER, "SELECT id, count, kind, job, run, epoch, status, progress FROM events "
                                      "WHERE id > ? ORDER BY id LIMIT ?"},

    [SQL_TOTALS_DATASETS] = {SQL_READER, "SELECT count(*) FROM datasets"},
    [SQL_TOTALS_JOBS] = {SQL_READER, "SELECT count(*), sum(queued), sum(running), sum(paused), sum(succeeded), sum(failed), "
                                     "sum(cancelled) FROM jobs"},
    [SQL_TOTALS_BYTES] = {SQL_READER, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"},
};
