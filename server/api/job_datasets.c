#include "job_datasets.h"

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/data/row_weights.h"
#include "core/nn/model.h"

#define TRIAL_ROWS 4096

static enum err_code find_dataset(struct app *app, const char *key, const char *pointer, struct store_dataset *dataset,
                                  struct table **ret_table, struct violations *violations, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_dataset_find(reader, key, dataset, err);
    if (code == ERR_NOT_FOUND) {
        violation_add(violations, pointer, "not_found",
                      "there is no dataset \"%.128s\": upload it with POST /v1/datasets?name=...", key);
        return ERR_OK;
    }
    char path[FS_PATH_MAX];
    if (code || (code = fs_join(path, app->datasets_dir, dataset->file, err)))
        return code;
    return table_open(path, ret_table, err);
}

enum err_code job_plan_find_datasets(struct app *app, struct job_plan *p, struct violations *violations, struct err *err)
{
    const char *valid = p->spec.validation.dataset;
    enum err_code code = ERR_OK;
    if (p->spec.dataset && *p->spec.dataset)
        code = find_dataset(app, p->spec.dataset, "/dataset", &p->dataset, &p->table, violations, err);
    if (!code && valid)
        code = find_dataset(app, valid, "/validation/dataset", &p->valid_dataset, &p->valid, violations, err);
    if (!code && p->table && p->valid && p->dataset.id == p->valid_dataset.id)
        violation_add(violations, "/validation/dataset", "value", "is the dataset to train on: give another, or a fraction of it");
    return code;
}

/* Some of the rows that a run would fit on, from all over the table; returns how many. */
static size_t trial_rows(const struct job_spec *s, const struct table *t, uint32_t rows[TRIAL_ROWS])
{
    uint32_t columns[TABLE_MAX_COLUMNS], targets = job_targets_columns(s, t, columns);
    int weights = row_weights_find(t, s->sample_weight);
    uint64_t all = table_rows(t), stretches = all < TRIAL_ROWS ? all : TRIAL_ROWS;
    size_t count = 0;
    for (uint64_t i = 0; i < stretches; i++) {
        uint64_t row = i * all / stretches, end = (i + 1) * all / stretches;
        while (row < end && !(job_targets_there(t, columns, targets, row) && row_weights_there(t, weights, row)))
            row++;
        if (row < end)
            rows[count++] = (uint32_t)row;
    }
    return count;
}

bool job_plan_check_valid(const struct job_plan *p, const struct job_spec *s, struct violations *point)
{
    struct encoder_options options = job_spec_encoder_options(s);
    uint32_t rows[TRIAL_ROWS];
    struct encoder *encoder = NULL;
    struct encoder_view *view = NULL;
    struct err err = {0};
    size_t before = point->count, count;
    job_weights_check_valid(s, p->valid, point);
    if (point->count > before)
        return false;
    count = trial_rows(s, p->table, rows);
    enum err_code code = p->initial ? ERR_OK : encoder_fit(p->table, &options, rows, count, &encoder, &err);
    if (!code)
        code = encoder_view_new_weighted(p->initial ? model_encoder(p->initial) : encoder, p->valid, s->sample_weight, &view, &err);
    encoder_view_free(view);
    encoder_free(encoder);
    if (!code && !job_validation_count(s, p->table, p->valid).valid)
        code = s->targets.count > 1
                   ? err_set(&err, ERR_INVALID, "no row has a value in all %zu targets", s->targets.count)
                   : err_set(&err, ERR_INVALID, "the target \"%.100s\" has no value in any row", *(char *const *)s->targets.items);
    if (code)
        violation_add(point, "/validation/dataset", "value", "does not fit the job: %s", err.message);
    return !code;
}
