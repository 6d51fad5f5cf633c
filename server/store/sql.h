/* Every text of SQL that does not depend on a request, in one table: all are prepared when a connection opens, so that a
 * wrong column is found at start. */
#pragma once

enum sql_side { SQL_READER = 1, SQL_WRITER = 2 };

enum sql {
    SQL_BEGIN_READ, SQL_END_READ, SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK, SQL_SAVEPOINT, SQL_ROLLBACK_TO, SQL_RELEASE,
    SQL_DATASET_INSERT, SQL_DATASET_BY_ID, SQL_DATASET_BY_NAME, SQL_DATASET_LIST, SQL_DATASET_NEEDED,
    SQL_DATASET_DETACH, SQL_DATASET_DELETE, SQL_DATASET_FILE_USED,
    SQL_JOB_INSERT, SQL_JOB_INITIAL, SQL_JOB_NEEDED, SQL_JOB_SPEC_INSERT, SQL_JOB_GET,
    SQL_JOB_BY_KEY, SQL_JOB_STATUS,
    SQL_JOB_CANCEL_WAITING, SQL_JOB_CANCEL_RUNNING, SQL_JOB_RUNNING, SQL_JOB_RUNS, SQL_JOB_DELETE,
    SQL_JOB_INTERRUPTED, SQL_JOB_PAUSE_QUEUED, SQL_JOB_PAUSE_RUNNING, SQL_JOB_PAUSING, SQL_JOB_PAUSED, SQL_JOB_RESUME,
    SQL_JOB_RESUME_RUNNING, SQL_JOB_CHANGE,
    SQL_RUN_INSERT, SQL_RUN_TEXTS_INSERT, SQL_RUN_GET, SQL_RUN_STATUS, SQL_RUNS_QUEUED, SQL_RUNS_COUNT_QUEUED,
    SQL_RUNS_FIGURES,
    SQL_RUN_START, SQL_RUN_DESCRIBE, SQL_RUN_TEXTS_DESCRIBE, SQL_RUN_FINISH, SQL_RUN_METRICS_OF_MODEL,
    SQL_RUN_EVALUATION_SET, SQL_RUN_EVALUATION,
    SQL_RUN_LEAVE, SQL_RUN_GOT_FURTHER, SQL_RECOVER_CANCEL, SQL_RECOVER_POISON, SQL_RECOVER_REQUEUE,
    SQL_EPOCHS_STATE, SQL_EPOCH_INSERT, SQL_EPOCHS_MOVE, SQL_EPOCHS_COUNT, SQL_EPOCHS_LOSSES,
    SQL_EPOCHS_RANGE, SQL_EPOCH_GET, SQL_EPOCH_BLOCK_INSERT, SQL_EPOCH_BLOCKS,
    SQL_EVENTS_ENDS, SQL_EVENTS_AFTER,
    SQL_TOTALS_DATASETS, SQL_TOTALS_JOBS, SQL_TOTALS_BYTES,
    SQL_COUNT
};

struct sql_text {
    unsigned sides; /* enum sql_side: who uses it */
    const char *text;
};
extern const struct sql_text sql_texts[SQL_COUNT];

/* ?2: what a job's name starts with, or NULL. */
#define SQL_NAME_PREFIX "(?2 IS NULL OR substr(name, 1, length(?2)) = ?2) "
/* The columns of enum store_metric, in its order. */
#define SQL_METRICS                                                                                                    \
    "train_loss, valid_loss, valid_accuracy, valid_log_loss, valid_f1_macro, valid_roc_auc, valid_rmse, valid_mae, valid_r2"
