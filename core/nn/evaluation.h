/* The evaluation of a network on the rows of a source: what a confusion matrix, ROC and precision-recall curves, and plots
 * of residuals are made from. Belongs to one thread. */
#pragma once

#include "mlp.h"
#include <stdatomic.h>

#define EVALUATION_CONFUSION_CLASSES 200 /* more: no confusion matrix, but still per-class figures */
#define EVALUATION_CURVE_POINTS 200
#define EVALUATION_THRESHOLDS 100 /* the multiples of 1/EVALUATION_THRESHOLDS have exact points */
#define EVALUATION_POINTS_MAX (EVALUATION_CURVE_POINTS * 2 + 2 + EVALUATION_THRESHOLDS + 1)

struct evaluation {
    enum task task;
    uint64_t rows;
    uint32_t classes, outputs; /* classes: 0 for regression and multilabel, 2 for binary */
    uint32_t targets;          /* outputs of regression and multilabel; else 1 */
    double loss;               /* mean of the rows' losses by their weights, without penalty and class weights */
    double metric[MLP_METRICS_MAX];
    real *out, *y;       /* rows x outputs: the task's outputs; rows x targets, as a source gives them */
    uint32_t *predicted; /* rows: the winning class; NULL for regression and multilabel */
    real *weights;       /* rows; NULL when the source has none */
    double *target_loss; /* targets: the mean loss of each; NULL when there is one */
    const double *target_deviations; /* as of the network's specification, which lends them */
};

/* ERR_NO_MEMORY; ERR_STOPPED within one block of rows when `stop` (NULL: never) is set. evaluation_done in every case. */
enum err_code mlp_evaluate(const struct mlp_network *n, const struct mlp_source *source, const atomic_int *stop,
                           struct evaluation *ret_evaluation, struct err *err);
void evaluation_done(struct evaluation *e);
/* One of several targets on its own: what a network of it alone, of regression or binary, would be evaluated to.
 * evaluation_done in every case. */
enum err_code evaluation_target(const struct evaluation *e, uint32_t target, struct evaluation *ret, struct err *err);

/* One class against the rest, of an evaluation that has classes. Shares that are not defined (0/0) are NAN. */
struct evaluation_class {
    uint64_t rows, predicted, right;
    double precision, recall, f1;
};
void evaluation_class(const struct evaluation *e, uint32_t class, struct evaluation_class *ret);
/* counts: classes x classes, row: the actual class, column: the predicted one. */
void evaluation_confusion(const struct evaluation *e, uint64_t *counts);

/* The points of the ROC and the precision-recall curve of one class by falling threshold: a row counts as the class when its
 * score is at or above it. The first point is above every score (threshold NAN, nothing predicted); between it and the last,
 * points that lie closer than 1/EVALUATION_CURVE_POINTS of the way are left out, but none that is the last at or above a
 * multiple of 1/EVALUATION_THRESHOLDS: what counts there can be read from the curve exactly. */
struct evaluation_curve {
    size_t count;
    double threshold[EVALUATION_POINTS_MAX], recall[EVALUATION_POINTS_MAX], false_positive_rate[EVALUATION_POINTS_MAX],
        precision[EVALUATION_POINTS_MAX];
    double roc_auc;           /* over all points; NAN when only one class is there, or a score is NAN */
    double average_precision; /* sum of (recall_i - recall_(i-1)) precision_i over all thresholds */
};
/* recall is the true positive rate. A class without rows, or with all of them, has no points; nor has any class when a score
 * is NAN. */
enum err_code evaluation_curve(const struct evaluation *e, uint32_t class, struct evaluation_curve *ret, struct err *err);
