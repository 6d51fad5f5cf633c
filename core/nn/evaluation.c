#include "evaluation.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "feed.h"
#include "metrics.h"
#include "network.h"
#include "output.h"
#include <math.h>
#include <string.h>

/* What one pass over a source needs beside the evaluation itself. */
struct work {
    real *x, *loss, *scratch;
    struct metrics metrics;
    struct feed feed;
};

static void work_done(struct work *p)
{
    mem_free(p->x);
    mem_free(p->loss);
    mem_free(p->scratch);
    metrics_done(&p->metrics);
    feed_done(&p->feed);
}

static enum err_code allocate(const struct mlp_network *n, bool weighted, struct evaluation *e, struct work *p, struct err *err)
{
    size_t rows = (size_t)e->rows;
    p->x = mem_array((size_t)NETWORK_ROWS * n->spec.inputs + KERNEL_PAD, sizeof(real));
    p->loss = mem_array(NETWORK_ROWS, sizeof(real));
    p->scratch = mem_array(mlp_predict_scratch(n, NETWORK_ROWS), sizeof(real));
    e->out = mem_array(rows * e->outputs + 1, sizeof(real));
    e->y = mem_array(rows * e->targets + 1, sizeof(real));
    e->weights = weighted ? mem_array(rows + 1, sizeof(real)) : NULL;
    e->predicted = e->classes ? mem_array(rows + 1, sizeof *e->predicted) : NULL;
    e->target_loss = e->targets > 1 ? mem_array(e->targets, sizeof *e->target_loss) : NULL;
    if (!p->x || !p->loss || (weighted && !e->weights) || !p->scratch || !e->out || !e->y || (e->classes && !e->predicted) ||
        (e->targets > 1 && !e->target_loss))
        return err_no_memory(err);
    return metrics_init(&p->metrics, &n->spec, e->rows, err);
}

static void evaluate_rows(const struct mlp_network *n, const struct mlp_source *source, const uint32_t *rows, size_t count,
                          uint64_t at, struct evaluation *e, struct work *p)
{
    const struct layer *last = &n->layer[n->layers - 1];
    real *y = e->y + at * e->targets, *weights = e->weights ? e->weights + at : NULL;
    source->gather(source->context, rows, count, p->x, n->spec.inputs, y, weights);
    real *z = network_forward(n, p->x, count, n->spec.inputs, p->scratch);
    if (e->target_loss)
        output_target_losses(&n->spec, count, last->units, last->stride, z, y, weights, e->target_loss);
    output_loss(&n->spec, count, last->units, last->stride, z, y, p->loss);
    metrics_add(&p->metrics, count, last->stride, z, y, p->loss, weights);
    for (size_t i = 0; i < count; i++) {
        const real *out = z + i * last->stride;
        memcpy(e->out + (at + i) * e->outputs, out, e->outputs * sizeof *out);
        if (e->predicted)
            e->predicted[at + i] = metrics_winner(e->task, e->classes, out);
    }
}

enum err_code mlp_evaluate(const struct mlp_network *n, const struct mlp_source *source, const atomic_int *stop,
                           struct evaluation *ret_evaluation, struct err *err)
{
    struct evaluation *e = ret_evaluation;
    struct work p = {0};
    uint32_t outputs = n->spec.outputs;
    *e = (struct evaluation){.task = n->spec.task, .rows = source->rows, .outputs = outputs,
                             .targets = mlp_targets(&n->spec), .classes = network_classes(&n->spec),
                             .target_deviations = n->spec.target_deviations};
    enum err_code code = allocate(n, source->weighted, e, &p, err);
    if (!code)
        code = feed_init(&p.feed, source, false, NETWORK_ROWS, err);
    if (!code) {
        metrics_start(&p.metrics);
        feed_start(&p.feed, 0, 0);
    }
    size_t count = 0;
    for (uint64_t at = 0; !code && at < e->rows; at += count) {
        const uint32_t *rows;
        if (stop && atomic_load(stop))
            code = err_set(err, ERR_STOPPED, "the evaluation was stopped");
        else if (!(code = feed_next(&p.feed, NETWORK_ROWS, stop, &rows, &count, err)))
            evaluate_rows(n, source, rows, count, at, e, &p);
    }
    if (!code)
        metrics_finish(&p.metrics, &e->loss, e->metric);
    for (uint32_t j = 0; e->target_loss && j < e->targets; j++)
        e->target_loss[j] /= p.metrics.weight;
    work_done(&p);
    return code;
}

void evaluation_done(struct evaluation *e)
{
    mem_free(e->out);
    mem_free(e->y);
    mem_free(e->predicted);
    mem_free(e->weights);
    mem_free(e->target_loss);
    *e = (struct evaluation){0};
}

/* ---- one of several targets ------------------------------------------------------------------------------------------- */

static enum err_code take_column(const struct evaluation *e, uint32_t target, struct evaluation *ret, struct err *err)
{
    size_t rows = (size_t)e->rows;
    ret->out = mem_array(rows + 1, sizeof *ret->out);
    ret->y = mem_array(rows + 1, sizeof *ret->y);
    ret->predicted = ret->classes ? mem_array(rows + 1, sizeof *ret->predicted) : NULL;
    if (!ret->out || !ret->y || (ret->classes && !ret->predicted))
        return err_no_memory(err);
    for (size_t i = 0; i < rows; i++) {
        ret->out[i] = e->out[i * e->outputs + target];
        ret->y[i] = e->y[i * e->targets + target];
        if (ret->predicted)
            ret->predicted[i] = metrics_winner(ret->task, ret->classes, ret->out + i);
    }
    return ERR_OK;
}

enum err_code evaluation_target(const struct evaluation *e, uint32_t target, struct evaluation *ret, struct err *err)
{
    struct metrics m;
    const struct mlp_spec alone = {.task = e->task == TASK_REGRESSION ? TASK_REGRESSION : TASK_BINARY, .outputs = 1,
                                   .target_deviations = e->target_deviations ? e->target_deviations + target : NULL};
    *ret = (struct evaluation){.task = alone.task, .rows = e->rows, .outputs = 1, .targets = 1,
                               .classes = network_classes(&alone), .target_deviations = alone.target_deviations};
    enum err_code code = take_column(e, target, ret, err);
    cleanup(mem_freep) real *losses = mem_array((size_t)e->rows + 1, sizeof *losses);
    if (!code && !losses)
        code = err_no_memory(err);
    if (code || (code = metrics_init(&m, &alone, e->rows, err)))
        return code;
    metrics_start(&m);
    metrics_add(&m, (size_t)e->rows, 1, ret->out, ret->y, losses, e->weights);
    metrics_finish(&m, &ret->loss, ret->metric);
    ret->loss = e->target_loss ? e->target_loss[target] : e->loss; /* from the logits, which are gone */
    if (ret->task == TASK_BINARY)
        ret->metric[1] = ret->loss;
    metrics_done(&m);
    return ERR_OK;
}

/* ---- classes -------------------------------------------------------------------------------------------------------- */

void evaluation_class(const struct evaluation *e, uint32_t class, struct evaluation_class *ret)
{
    struct evaluation_class c = {0};
    for (uint64_t i = 0; i < e->rows; i++) {
        bool actual = (uint32_t)e->y[i] == class, predicted = e->predicted[i] == class;
        c.rows += actual;
        c.predicted += predicted;
        c.right += actual && predicted;
    }
    c.precision = c.predicted ? (double)c.right / (double)c.predicted : NAN;
    c.recall = c.rows ? (double)c.right / (double)c.rows : NAN;
    c.f1 = c.rows + c.predicted ? 2.0 * (double)c.right / (double)(c.rows + c.predicted) : NAN;
    *ret = c;
}

void evaluation_confusion(const struct evaluation *e, uint64_t *counts)
{
    memset(counts, 0, (size_t)e->classes * e->classes * sizeof *counts);
    for (uint64_t i = 0; i < e->rows; i++)
        counts[(size_t)e->y[i] * e->classes + e->predicted[i]]++;
}

/* ---- curves --------------------------------------------------------------------------------------------------------- */

/* What rows are sorted by. Class 0 of binary: not 1 - P(class 1), which would make small probabilities equal. */
static real score(const struct evaluation *e, uint64_t row, uint32_t class)
{
    if (e->task == TASK_BINARY)
        return class ? e->out[row] : -e->out[row];
    return e->out[row * e->outputs + class];
}

/* The probability of the class that a score stands for. */
static double threshold_of(const struct evaluation *e, uint32_t class, real score)
{
    return (e->task == TASK_BINARY && !class) + (double)score;
}

/* Whether a multiple of 1/EVALUATION_THRESHOLDS is at or below this level and above the next one. */
static bool is_last_above(double level, double next)
{
    double k = fmin(EVALUATION_THRESHOLDS, ceil(level * EVALUATION_THRESHOLDS));
    if (k / EVALUATION_THRESHOLDS > level) /* the same division as a reader's, so that 0.07 is the same 0.07 */
        k--;
    return k >= 0 && k / EVALUATION_THRESHOLDS > next;
}

static void add_point(struct evaluation_curve *c, double threshold, double recall, double false_rate, double precision)
{
    c->threshold[c->count] = threshold;
    c->recall[c->count] = recall;
    c->false_positive_rate[c->count] = false_rate;
    c->precision[c->count++] = precision;
}

static void trace(const struct evaluation *e, uint32_t class, const struct scored *scored, uint64_t positives,
                  struct evaluation_curve *c)
{
    uint64_t rows = e->rows, right = 0, wrong = 0;
    double before = 0;
    add_point(c, NAN, 0, 0, 1);
    for (size_t i = 0; i < rows;) {
        real level = scored[i].score;
        for (; i < rows && scored[i].score == level; i++) {
            right += scored[i].positive;
            wrong += !scored[i].positive;
        }
        double recall = (double)right / (double)positives, false_rate = (double)wrong / (double)(rows - positives);
        double precision = (double)right / (double)(right + wrong);
        c->average_precision += (recall - before) * precision;
        before = recall;
        double way = recall - c->recall[c->count - 1] + false_rate - c->false_positive_rate[c->count - 1];
        double threshold = threshold_of(e, class, level);
        if (i == rows || way >= 1.0 / EVALUATION_CURVE_POINTS ||
            is_last_above(threshold, threshold_of(e, class, scored[i].score)))
            add_point(c, threshold, recall, false_rate, precision);
    }
}

enum err_code evaluation_curve(const struct evaluation *e, uint32_t class, struct evaluation_curve *ret, struct err *err)
{
    cleanup(mem_freep) struct scored *scored = mem_array((size_t)e->rows + 1, sizeof *scored);
    uint64_t positives = 0;
    if (!scored)
        return err_no_memory(err);
    for (uint64_t i = 0; i < e->rows; i++) {
        scored[i] = (struct scored){score(e, i, class), (uint32_t)e->y[i] == class, 1};
        positives += scored[i].positive;
    }
    ret->count = 0;
    ret->average_precision = 0;
    metrics_sort(scored, (size_t)e->rows);
    ret->roc_auc = metrics_roc_auc(scored, (size_t)e->rows);
    if (isnan(ret->roc_auc))
        ret->average_precision = NAN;
    else
        trace(e, class, scored, positives, ret);
    return ERR_OK;
}
