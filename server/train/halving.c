#include "halving.h"

#include "server/store/store.h"
#include <string.h>

bool halving_is_rung(const struct job_halving *h, uint32_t epoch, uint32_t epochs)
{
    uint64_t rung = h->min_epochs;
    while (rung && rung < epoch)
        rung *= h->reduction;
    return epoch && rung == epoch && epoch < epochs;
}

bool halving_goes_on(const struct job_halving *h, uint64_t reached, uint64_t better)
{
    uint64_t kept = (reached + 1) / h->reduction;
    return better < (kept ? kept : 1);
}

bool halving_rises(int metric)
{
    return metric == METRIC_VALID_ACCURACY || metric == METRIC_VALID_F1_MACRO || metric == METRIC_VALID_ROC_AUC ||
           metric == METRIC_VALID_R2;
}

static bool has_metric(enum task task, int metric)
{
    bool has = metric == METRIC_TRAIN_LOSS || metric == METRIC_VALID_LOSS;
    for (unsigned m = 0; !has && mlp_metric_name(task, m); m++)
        has = !strcmp(mlp_metric_name(task, m), store_metric_name(metric));
    return has;
}

void halving_check(const struct job_spec *s, enum task task, bool validates, struct violations *violations)
{
    const struct job_halving *h = &s->halving;
    const char *name = store_metric_name(h->metric);
    if (!h->min_epochs)
        return;
    if (s->validation.folds)
        violation_add(violations, "/halving", "conflict", "compares runs, and cannot stand beside validation.folds, whose runs are to "
                      "be taken together");
    if (!has_metric(task, h->metric))
        violation_add(violations, "/halving/metric", "value", "%s has no %s: use valid_loss, or a metric of the task",
                      task_name(task), name);
    else if (h->metric != METRIC_TRAIN_LOSS && !validates)
        violation_add(violations, "/halving/metric", "value", "there is no %s without validation rows: use train_loss",
                      name);
    if (h->min_epochs >= s->epochs)
        violation_add(violations, "/halving/min_epochs", "range",
                      "must be less than the %u epochs of a run, or none is ever stopped", s->epochs);
}
