#include "metrics.h"

#include "../base/mem.h"
#include "network.h"
#include "output.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const regression_names[] = {"valid_rmse", "valid_mae", "valid_r2", NULL};
static const char *const binary_names[] = {"valid_accuracy", "valid_log_loss", "valid_f1_macro", "valid_roc_auc", NULL};
static const char *const multiclass_names[] = {"valid_accuracy", "valid_log_loss", "valid_f1_macro", NULL};
static const char *const *const names[] = {
    [TASK_REGRESSION] = regression_names, [TASK_BINARY] = binary_names, [TASK_MULTICLASS] = multiclass_names,
    [TASK_MULTILABEL] = multiclass_names};

const char *mlp_metric_name(enum task task, unsigned metric)
{
    if (task == TASK_AUTO)
        return NULL;
    for (unsigned i = 0; i < metric; i++)
        if (!names[task][i])
            return NULL;
    return names[task][metric];
}

bool mlp_metric_rises(enum task task, unsigned metric)
{
    return task == TASK_REGRESSION ? metric == 2 : metric != 1;
}

enum err_code metrics_init(struct metrics *m, const struct mlp_spec *spec, uint64_t capacity, struct err *err)
{
    *m = (struct metrics){.task = spec->task, .targets = mlp_targets(spec), .deviations = spec->target_deviations,
                          .capacity = capacity};
    m->counted = m->task == TASK_MULTILABEL ? m->targets : network_classes(spec);
    bool complete = true;
    if (m->task == TASK_REGRESSION)
        complete = (m->target = mem_array(m->targets, sizeof *m->target)) != NULL;
    else
        complete = (m->class = mem_array(m->counted, sizeof *m->class)) != NULL;
    if (complete && m->task == TASK_BINARY)
        complete = (m->scored = mem_array(capacity + 1, sizeof *m->scored)) != NULL;
    if (complete)
        return ERR_OK;
    metrics_done(m);
    return err_no_memory(err);
}

void metrics_done(struct metrics *m)
{
    mem_free(m->target);
    mem_free(m->class);
    mem_free(m->scored);
    *m = (struct metrics){0};
}

void metrics_start(struct metrics *m)
{
    m->rows = 0;
    m->weight = m->right = m->loss = 0;
    if (m->target)
        memset(m->target, 0, m->targets * sizeof *m->target);
    if (m->class)
        memset(m->class, 0, m->counted * sizeof *m->class);
}

uint32_t metrics_winner(enum task task, uint32_t classes, const real *out)
{
    if (task == TASK_BINARY || task == TASK_MULTILABEL)
        return out[0] >= (real)0.5;
    uint32_t best = 0;
    for (uint32_t k = 1; k < classes; k++)
        best = out[k] > out[best] ? k : best;
    return best;
}

/* Target by target, so that its sums stay in registers. */
static void add_errors(struct metrics *m, size_t rows, size_t stride, const real *out, const real *y, const real *weights)
{
    for (uint32_t j = 0; j < m->targets; j++) {
        struct target_sums s = m->target[j];
        double deviation = m->deviations ? m->deviations[j] : 1;
        for (size_t r = 0; r < rows; r++) {
            double weight = weights ? (double)weights[r] : 1, actual = (double)y[r * m->targets + j];
            double e = (actual - (double)out[r * stride + j]) * deviation, target = actual * deviation;
            s.squares += weight * (e * e);
            s.distances += weight * fabs(e);
            s.sum += weight * target;
            s.sum_squares += weight * (target * target);
        }
        m->target[j] = s;
    }
    for (size_t r = 0; weights && r < rows; r++)
        m->weight += (double)weights[r];
    m->weight += weights ? 0 : (double)rows;
    m->rows += rows;
}

static void add_class(struct metrics *m, const real *out, real y, double weight)
{
    uint32_t actual = (uint32_t)y, predicted = metrics_winner(m->task, m->counted, out);
    m->class[actual].actual += weight;
    m->class[predicted].predicted += weight;
    m->class[actual].right += actual == predicted ? weight : 0;
    m->right += actual == predicted ? weight : 0;
    if (m->scored)
        m->scored[m->rows] = (struct scored){out[0], actual, (float)weight};
}

static void add_labels(struct metrics *m, const real *out, const real *y, double weight)
{
    bool all = true;
    for (uint32_t j = 0; j < m->targets; j++) {
        struct class_count *c = &m->class[j];
        uint32_t actual = (uint32_t)y[j], predicted = metrics_winner(m->task, 2, out + j);
        c->actual += actual ? weight : 0;
        c->predicted += predicted ? weight : 0;
        c->right += actual && predicted ? weight : 0;
        all &= actual == predicted;
    }
    m->right += all ? weight : 0;
}

void metrics_add(struct metrics *m, size_t rows, size_t stride, const real *out, const real *y, const real *loss,
                 const real *weights)
{
    m->loss += output_sum(rows, loss, weights);
    if (m->task == TASK_REGRESSION) {
        add_errors(m, rows, stride, out, y, weights);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        double weight = weights ? (double)weights[r] : 1;
        if (m->task == TASK_MULTILABEL)
            add_labels(m, out + r * stride, y + r * m->targets, weight);
        else
            add_class(m, out + r * stride, y[r], weight);
        m->weight += weight;
        m->rows++;
    }
}

static int by_score(const void *a, const void *b)
{
    real x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    if (isnan(x) || isnan(y))
        return !!isnan(x) - !!isnan(y);
    return (x < y) - (x > y);
}

void metrics_sort(struct scored *scored, size_t count)
{
    qsort(scored, count, sizeof *scored, by_score);
}

double metrics_roc_auc(const struct scored *scored, size_t count)
{
    double above = 0, positives = 0, negatives = 0; /* above: pairs with the positive one above; rows so far */
    if (count && isnan(scored[count - 1].score))
        return NAN;
    for (size_t i = 0; i < count;) {
        double p = 0, n = 0;
        real score = scored[i].score;
        for (; i < count && scored[i].score == score; i++) {
            p += scored[i].positive ? (double)scored[i].weight : 0;
            n += scored[i].positive ? 0 : (double)scored[i].weight;
        }
        above += n * (positives + p / 2);
        positives += p;
        negatives += n;
    }
    return positives > 0 && negatives > 0 ? above / (positives * negatives) : NAN;
}

/* The mean over the classes (or labels) that occur, actual or predicted, as scikit-learn's f1_score(average="macro"). */
static double f1_macro(const struct metrics *m)
{
    double sum = 0;
    uint32_t classes = 0;
    for (uint32_t k = 0; k < m->counted; k++) {
        const struct class_count *c = &m->class[k];
        classes += c->actual > 0 || c->predicted > 0;
        if (c->right > 0)
            sum += 2 * c->right / (c->actual + c->predicted);
    }
    return classes ? sum / classes : NAN;
}

static void finish_regression(const struct metrics *m, double metric[MLP_METRICS_MAX])
{
    double n = m->weight, targets = (double)m->targets, sum[3] = {0};
    for (uint32_t j = 0; j < m->targets; j++) {
        const struct target_sums *s = &m->target[j];
        double spread = s->sum_squares - s->sum * s->sum / n;
        sum[0] += sqrt(s->squares / n);
        sum[1] += s->distances / n;
        sum[2] += m->rows > 1 && spread > 1e-12 * s->sum_squares ? 1 - s->squares / spread : NAN;
    }
    for (int i = 0; i < 3; i++)
        metric[i] = sum[i] / targets;
}

void metrics_finish(struct metrics *m, double *ret_loss, double metric[MLP_METRICS_MAX])
{
    for (unsigned i = 0; i < MLP_METRICS_MAX; i++)
        metric[i] = NAN;
    *ret_loss = NAN;
    if (!m->rows)
        return;
    double n = m->weight;
    *ret_loss = m->loss / n;
    if (m->task == TASK_REGRESSION) {
        finish_regression(m, metric);
        return;
    }
    metric[0] = m->right / n;
    metric[1] = *ret_loss;
    metric[2] = f1_macro(m);
    if (m->scored) {
        metrics_sort(m->scored, m->rows);
        metric[3] = metrics_roc_auc(m->scored, m->rows);
    }
}
