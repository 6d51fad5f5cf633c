#include "evaluation_json.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/nn/evaluation.h"
#include "server/json/write.h"
#include <math.h>

#define CURVE_CLASSES 50 /* classes that get curves: at 200 points each the text stays small */
#define RESIDUAL_ROWS 1000
#define RESIDUAL_NUMBERS 10000 /* of all targets together */

static void numbers_write(struct json_writer *w, const char *name, const double *values, size_t count)
{
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        json_put_double(w, values[i]);
    json_array_end(w);
}

static void figures_write(const struct evaluation *e, struct json_writer *w)
{
    json_field_double(w, "valid_loss", e->loss);
    for (unsigned m = 0; mlp_metric_name(e->task, m); m++)
        json_field_double(w, mlp_metric_name(e->task, m), e->metric[m]);
}

/* ---- classes -------------------------------------------------------------------------------------------------------- */

static enum err_code confusion_write(const struct evaluation *e, struct json_writer *w, struct err *err)
{
    json_name(w, "confusion_matrix");
    if (e->classes > EVALUATION_CONFUSION_CLASSES) {
        json_put_null(w);
        return ERR_OK;
    }
    cleanup(mem_freep) uint64_t *counts = mem_array((size_t)e->classes * e->classes, sizeof *counts);
    if (!counts)
        return err_no_memory(err);
    evaluation_confusion(e, counts);
    json_array(w);
    for (uint32_t actual = 0; actual < e->classes; actual++) {
        json_array(w);
        for (uint32_t predicted = 0; predicted < e->classes; predicted++)
            json_put_unsigned(w, counts[(size_t)actual * e->classes + predicted]);
        json_array_end(w);
    }
    json_array_end(w);
    return ERR_OK;
}

static enum err_code curves_write(const struct evaluation *e, uint32_t class, struct json_writer *w, struct err *err)
{
    cleanup(mem_freep) struct evaluation_curve *c = mem_zalloc(sizeof *c);
    enum err_code code = c ? evaluation_curve(e, class, c, err) : err_no_memory(err);
    if (code)
        return code;
    json_field_double(w, "roc_auc", c->roc_auc);
    json_field_double(w, "average_precision", c->average_precision);
    json_name(w, "roc");
    json_object(w);
    numbers_write(w, "threshold", c->threshold, c->count);
    numbers_write(w, "false_positive_rate", c->false_positive_rate, c->count);
    numbers_write(w, "true_positive_rate", c->recall, c->count);
    json_object_end(w);
    json_name(w, "precision_recall");
    json_object(w);
    numbers_write(w, "threshold", c->threshold, c->count);
    numbers_write(w, "precision", c->precision, c->count);
    numbers_write(w, "recall", c->recall, c->count);
    json_object_end(w);
    return ERR_OK;
}

static enum err_code class_write(const struct evaluation *e, const struct encoder_target *target, uint32_t class, bool has_curves,
                                 struct json_writer *w, struct err *err)
{
    struct evaluation_class c;
    enum err_code code = ERR_OK;
    evaluation_class(e, class, &c);
    json_object(w);
    json_field_string(w, "class", target->class[class]);
    json_field_unsigned(w, "rows", c.rows);
    json_field_double(w, "precision", c.precision);
    json_field_double(w, "recall", c.recall);
    json_field_double(w, "f1", c.f1);
    if (has_curves)
        code = curves_write(e, class, w, err);
    json_object_end(w);
    return code;
}

static enum err_code classes_write(const struct evaluation *e, const struct encoder_target *target, bool has_curves,
                                   const atomic_int *stop, struct json_writer *w, struct err *err)
{
    json_name(w, "classes");
    json_array(w);
    for (uint32_t k = 0; k < e->classes; k++)
        json_put_string(w, target->class[k]);
    json_array_end(w);
    enum err_code code = confusion_write(e, w, err);
    json_name(w, "per_class");
    json_array(w);
    for (uint32_t k = 0; !code && k < e->classes; k++)
        code = stop && atomic_load(stop) ? err_set(err, ERR_STOPPED, "the evaluation was stopped")
                                         : class_write(e, target, k, has_curves, w, err);
    json_array_end(w);
    return code;
}

/* ---- regression ----------------------------------------------------------------------------------------------------- */

/* Every row's residual (actual less predicted, in the target's units) as figures, and at most `most` of the rows, evenly
 * taken, as two columns to plot. */
static void residuals_write(const struct evaluation *e, const struct encoder_target *target, uint64_t most_rows,
                            struct json_writer *w)
{
    double mean = target->mean, deviation = target->deviation;
    double sum = 0, squares = 0, least = INFINITY, most = -INFINITY, n = (double)e->rows;
    for (uint64_t i = 0; i < e->rows; i++) {
        double residual = deviation * ((double)e->y[i] - (double)e->out[i]);
        sum += residual;
        squares += residual * residual;
        least = fmin(least, residual);
        most = fmax(most, residual);
    }
    json_name(w, "residuals");
    json_object(w);
    json_field_double(w, "mean", sum / n);
    json_field_double(w, "standard_deviation", sqrt(fmax(0, squares / n - sum / n * (sum / n))));
    json_field_double(w, "min", least);
    json_field_double(w, "max", most);
    uint64_t shown = e->rows < most_rows ? e->rows : most_rows;
    for (int column = 0; column < 2; column++) {
        const real *values = column ? e->out : e->y;
        json_name(w, column ? "predicted" : "actual");
        json_array(w);
        for (uint64_t i = 0; i < shown; i++)
            json_put_double(w, mean + deviation * (double)values[i * e->rows / shown]);
        json_array_end(w);
    }
    json_object_end(w);
}

/* ---- targets -------------------------------------------------------------------------------------------------------- */

static enum err_code target_write(const struct evaluation *e, const struct encoder *encoder, uint32_t target,
                                  const atomic_int *stop, struct json_writer *w, struct err *err)
{
    const struct encoder_target *t = encoder_target(encoder, target);
    uint32_t targets = encoder_targets(encoder);
    uint64_t residuals = RESIDUAL_NUMBERS / targets ? RESIDUAL_NUMBERS / targets : 1;
    if (e->classes)
        return classes_write(e, t, e->classes * targets <= CURVE_CLASSES, stop, w, err);
    residuals_write(e, t, residuals < RESIDUAL_ROWS ? residuals : RESIDUAL_ROWS, w);
    return ERR_OK;
}

/* Each of several as if it were alone. */
static enum err_code targets_write(const struct evaluation *e, const struct encoder *encoder, const atomic_int *stop,
                                   struct json_writer *w, struct err *err)
{
    enum err_code code = ERR_OK;
    json_name(w, "targets");
    json_array(w);
    for (uint32_t j = 0; !code && j < e->targets; j++) {
        struct evaluation own;
        code = stop && atomic_load(stop) ? err_set(err, ERR_STOPPED, "the evaluation was stopped") : ERR_OK;
        if (code)
            break;
        code = evaluation_target(e, j, &own, err);
        json_object(w);
        json_field_string(w, "target", encoder_target(encoder, j)->name);
        if (!code) {
            figures_write(&own, w);
            code = target_write(&own, encoder, j, stop, w, err);
        }
        json_object_end(w);
        evaluation_done(&own);
    }
    json_array_end(w);
    return code;
}

enum err_code evaluation_json(const struct mlp_network *network, const struct encoder *encoder,
                              const struct mlp_source *valid, const atomic_int *stop, struct buf *out, struct err *err)
{
    struct evaluation e;
    struct json_writer w;
    enum err_code code = mlp_evaluate(network, valid, stop, &e, err);
    json_start(&w, out);
    json_object(&w);
    if (!code) {
        json_field_string(&w, "task", task_name(e.task));
        json_field_unsigned(&w, "rows", e.rows);
        figures_write(&e, &w);
        code = e.targets > 1 ? targets_write(&e, encoder, stop, &w, err) : target_write(&e, encoder, 0, stop, &w, err);
    }
    json_object_end(&w);
    evaluation_done(&e);
    return !code && out->failed ? err_no_memory(err) : code;
}
