/* The metrics from their definitions, over all rows at once. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>

double oracle_roc_auc(const double *score, const double *y, size_t count)
{
    double won = 0, pairs = 0;
    for (size_t p = 0; p < count; p++) {
        for (size_t n = 0; n < count; n++) {
            if (y[p] != 1 || y[n] != 0)
                continue;
            pairs++;
            won += score[p] > score[n] ? 1 : score[p] == score[n] ? 0.5 : 0;
        }
    }
    return pairs > 0 ? won / pairs : NAN;
}

double oracle_f1_macro(const double *y, const unsigned *predicted, size_t count, unsigned classes)
{
    double sum = 0, seen = 0;
    for (unsigned k = 0; k < classes; k++) {
        double hits = 0, missed = 0, false_alarms = 0;
        for (size_t r = 0; r < count; r++) {
            bool is = (unsigned)y[r] == k, said = predicted[r] == k;
            hits += is && said;
            missed += is && !said;
            false_alarms += !is && said;
        }
        if (hits + missed + false_alarms == 0)
            continue;
        double precision = hits > 0 ? hits / (hits + false_alarms) : 0, recall = hits > 0 ? hits / (hits + missed) : 0;
        sum += hits > 0 ? 2 * precision * recall / (precision + recall) : 0;
        seen++;
    }
    return seen > 0 ? sum / seen : NAN;
}

/* Adds what target j gives to the means over the targets. */
static void regression_metrics(struct oracle *o, const struct oracle_rows *rows, unsigned j, double metric[MLP_METRICS_MAX])
{
    double n = (double)rows->count, mean = 0, spread = 0, squares = 0, distances = 0, targets = o->spec.outputs;
    double sd = o->spec.target_deviations ? o->spec.target_deviations[j] : 1;
    for (size_t r = 0; r < rows->count; r++)
        mean += rows->y[r * o->spec.outputs + j] / n;
    for (size_t r = 0; r < rows->count; r++) {
        double y = rows->y[r * o->spec.outputs + j];
        oracle_forward(o, rows->x + r * o->spec.inputs);
        double e = y - o->layer[o->layers - 1].z[j];
        squares += e * e;
        distances += fabs(e);
        spread += (y - mean) * (y - mean);
    }
    metric[0] += sd * sqrt(squares / n) / targets;
    metric[1] += sd * distances / n / targets;
    metric[2] += (1 - squares / spread) / targets;
}

/* By precision and recall of each label, over all rows. */
static double label_f1(struct oracle *o, const struct oracle_rows *rows, unsigned j)
{
    double hits = 0, missed = 0, false_alarms = 0;
    for (size_t r = 0; r < rows->count; r++) {
        oracle_forward(o, rows->x + r * o->spec.inputs);
        bool is = rows->y[r * o->spec.outputs + j] == 1, said = o->layer[o->layers - 1].z[j] >= 0;
        hits += is && said;
        missed += is && !said;
        false_alarms += !is && said;
    }
    if (hits + missed + false_alarms == 0)
        return NAN;
    double precision = hits / fmax(1, hits + false_alarms), recall = hits / fmax(1, hits + missed);
    return hits > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static double rows_all_right(struct oracle *o, const struct oracle_rows *rows)
{
    double right = 0;
    for (size_t r = 0; r < rows->count; r++) {
        unsigned wrong = 0;
        oracle_forward(o, rows->x + r * o->spec.inputs);
        for (unsigned j = 0; j < o->spec.outputs; j++)
            wrong += (o->layer[o->layers - 1].z[j] >= 0) != (rows->y[r * o->spec.outputs + j] == 1);
        right += wrong == 0;
    }
    return right;
}

/* The mean over the rows as they are: no penalty, no class weights. */
static double log_loss(struct oracle *o, const struct oracle_rows *rows)
{
    struct mlp_spec kept = o->spec;
    o->spec.l1 = o->spec.l2 = 0;
    o->spec.class_weights = NULL;
    double loss = oracle_loss(o, rows);
    o->spec = kept;
    return loss;
}

static void label_metrics(struct oracle *o, const struct oracle_rows *rows, double metric[MLP_METRICS_MAX])
{
    double sum = 0, seen = 0;
    for (unsigned j = 0; j < o->spec.outputs; j++) {
        double f1 = label_f1(o, rows, j);
        sum += isnan(f1) ? 0 : f1;
        seen += !isnan(f1);
    }
    metric[0] = rows_all_right(o, rows) / (double)rows->count;
    metric[1] = log_loss(o, rows);
    metric[2] = seen > 0 ? sum / seen : NAN;
}

static unsigned decide(const struct oracle *o)
{
    const struct oracle_layer *l = &o->layer[o->layers - 1];
    unsigned best = 0;
    if (o->spec.task == TASK_BINARY)
        return l->z[0] >= 0;
    for (unsigned k = 1; k < l->units; k++)
        best = l->z[k] > l->z[best] ? k : best;
    return best;
}

void oracle_metrics(struct oracle *o, const struct oracle_rows *rows, double metric[MLP_METRICS_MAX])
{
    for (unsigned i = 0; i < MLP_METRICS_MAX; i++)
        metric[i] = NAN;
    if (!rows || !rows->count)
        return;
    if (o->spec.task == TASK_REGRESSION) {
        metric[0] = metric[1] = metric[2] = 0;
        for (unsigned j = 0; j < o->spec.outputs; j++)
            regression_metrics(o, rows, j, metric);
        return;
    }
    if (o->spec.task == TASK_MULTILABEL) {
        label_metrics(o, rows, metric);
        return;
    }
    double *score = calloc(rows->count, sizeof *score), right = 0;
    unsigned *predicted = calloc(rows->count, sizeof *predicted);
    if (!score || !predicted)
        abort();
    for (size_t r = 0; r < rows->count; r++) {
        oracle_forward(o, rows->x + r * o->spec.inputs);
        score[r] = o->layer[o->layers - 1].a[0];
        predicted[r] = decide(o);
        right += predicted[r] == (unsigned)rows->y[r];
    }
    metric[0] = right / (double)rows->count;
    metric[1] = log_loss(o, rows);
    metric[2] = oracle_f1_macro(rows->y, predicted, rows->count, o->spec.task == TASK_BINARY ? 2 : o->spec.outputs);
    if (o->spec.task == TASK_BINARY)
        metric[3] = oracle_roc_auc(score, rows->y, rows->count);
    free(score);
    free(predicted);
}
