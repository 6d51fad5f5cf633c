/* Loss and metrics of predictions, gathered chunk by chunk. Belongs to one thread.
 *
 * Of several targets, each of a regression's metrics is the mean over them, every target in its own units (scikit-learn's
 * multioutput="uniform_average"); R2 is not defined when that of one target is not. Accuracy of multilabel is the share of rows
 * with every label right (scikit-learn's accuracy_score), its log loss the mean over labels, and its macro F1 the mean of the F1 of
 * "yes" over the labels that occur, actual or predicted. */
#pragma once

#include "mlp.h"

struct metrics {
    enum task task;
    uint32_t targets; /* reals of y for a row */
    uint32_t counted; /* 0 for regression; else the classes, or of multilabel the labels */
    const double *deviations; /* regression: the raw targets', for figures in their own units; NULL: all 1; lent */
    uint64_t rows;
    double weight, right; /* sums of weights, as are all that follow */
    double loss;
    struct target_sums { /* of each target of regression */
        double squares, distances; /* of errors */
        double sum, sum_squares;   /* of the target */
    } *target;
    struct class_count {
        double actual, predicted, right;
    } *class; /* of each class; of multilabel, rows that have the label */
    struct scored { /* binary: P(class 1) and the class of each row, for the area under the ROC curve */
        real score;
        uint32_t positive;
        float weight;
    } *scored;
    size_t capacity;
};

/* capacity: rows that will come at most. */
enum err_code metrics_init(struct metrics *m, const struct mlp_spec *spec, uint64_t capacity, struct err *err);
void metrics_done(struct metrics *m);
void metrics_start(struct metrics *m);
/* out: rows x stride, the task's outputs; y: rows x targets; loss: of each row; weights: of each row, or NULL for 1 each. */
void metrics_add(struct metrics *m, size_t rows, size_t stride, const real *out, const real *y, const real *loss,
                 const real *weights);
/* *ret_loss: the mean of the rows' losses by their weights. NAN for what is not defined (no rows, one class only, no variance). */
void metrics_finish(struct metrics *m, double *ret_loss, double metric[MLP_METRICS_MAX]);
/* The class with the largest probability; the first of equals. Binary, and one label of multilabel: 1 from 0.5 on. */
uint32_t metrics_winner(enum task task, uint32_t classes, const real *out);
/* Sorts by falling score, NAN last. */
void metrics_sort(struct scored *scored, size_t count);
/* Area under the ROC curve by ranks, ties counting half (Hanley and McNeil 1982); scored sorted by metrics_sort. NAN when
 * only one class is there, or a score is NAN. */
double metrics_roc_auc(const struct scored *scored, size_t count);
