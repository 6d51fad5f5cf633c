#include "progress.h"

#include <math.h>

void progress_start(struct progress *p)
{
    *p = (struct progress){.factor = 1, .plateau = INFINITY, .best = INFINITY};
}

/* ---- schedules ------------------------------------------------------------------------------------------------------ */

static double constant(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)p, (void)s, (void)e;
    return 1;
}

static double steps(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)p;
    return pow(s->schedule.factor, floor(e / s->schedule.every));
}

static double exponential(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)p;
    return pow(s->schedule.factor, e);
}

static double cosine(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)p;
    double epochs = (double)s->epochs - s->schedule.warmup_epochs, least = s->schedule.minimum / s->optimizer.learning_rate;
    return epochs > 0 && e < epochs ? least + (1 - least) * (1 + cos(acos(-1) * e / epochs)) / 2 : least;
}

static double inverse_scaling(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)p;
    return 1 / pow(e + 1, s->schedule.power);
}

static double plateau(const struct progress *p, const struct mlp_spec *s, double e)
{
    (void)s, (void)e;
    return p->factor;
}

static const struct {
    const char *name;
    double (*factor)(const struct progress *p, const struct mlp_spec *s, double e);
} schedules[MLP_SCHEDULES] = {
    [MLP_CONSTANT] = {"constant", constant}, [MLP_STEPS] = {"step", steps},
    [MLP_EXPONENTIAL] = {"exponential", exponential}, [MLP_COSINE] = {"cosine", cosine},
    [MLP_INVERSE_SCALING] = {"inverse_scaling", inverse_scaling}, [MLP_PLATEAU] = {"plateau", plateau},
};

const char *mlp_schedule_name(int schedule)
{
    return schedule >= 0 && schedule < MLP_SCHEDULES ? schedules[schedule].name : NULL;
}

double progress_rate(const struct progress *p, const struct mlp_spec *s, uint32_t epoch, double share)
{
    const struct mlp_schedule_spec *schedule = &s->schedule;
    double rate = s->optimizer.learning_rate;
    if (epoch < schedule->warmup_epochs)
        return rate * (epoch + share) / schedule->warmup_epochs;
    double scheduled = rate * schedules[schedule->name].factor(p, s, (double)(epoch - schedule->warmup_epochs));
    return scheduled > schedule->minimum || schedule->name == MLP_CONSTANT ? scheduled : fmin(schedule->minimum, rate);
}

/* ---- stopping ------------------------------------------------------------------------------------------------------- */

static const char *const stops[MLP_STOPS] = {[MLP_STOP_PATIENCE] = "early_stopping", [MLP_STOP_TRAIN_LOSS] = "train_loss",
                                             [MLP_STOP_VALID_LOSS] = "valid_loss", [MLP_STOP_SECONDS] = "seconds"};

const char *mlp_stop_name(int stop)
{
    return stop > MLP_GO_ON && stop < MLP_STOPS ? stops[stop] : NULL;
}

/* The watched figure, negated where more is better. A figure that is not defined is no better than any. */
static double watched(const struct mlp_spec *s, const struct mlp_epoch *e)
{
    double loss = isnan(e->valid_loss) ? e->train_loss : e->valid_loss, figure = loss;
    if (s->stopping.metric != MLP_WATCH_LOSS)
        figure = mlp_metric_rises(s->task, s->stopping.metric) ? -e->metric[s->stopping.metric] : e->metric[s->stopping.metric];
    return isnan(figure) ? INFINITY : figure;
}

static void look_for_plateau(struct progress *p, const struct mlp_spec *s, const struct mlp_epoch *e)
{
    double loss = isnan(e->valid_loss) ? e->train_loss : e->valid_loss;
    bool better = loss < p->plateau;
    p->plateau = better ? loss : p->plateau;
    p->waited = better || e->epoch <= s->schedule.warmup_epochs ? 0 : p->waited + 1;
    if (p->waited < s->schedule.every)
        return;
    p->factor *= s->schedule.factor;
    p->waited = 0;
}

static enum mlp_stop judge(const struct progress *p, const struct mlp_stopping *stop, const struct mlp_epoch *e)
{
    if (e->train_loss <= stop->train_loss)
        return MLP_STOP_TRAIN_LOSS;
    if (e->valid_loss <= stop->valid_loss)
        return MLP_STOP_VALID_LOSS;
    if (p->seconds >= stop->seconds)
        return MLP_STOP_SECONDS;
    return stop->early && p->since >= stop->patience ? MLP_STOP_PATIENCE : MLP_GO_ON;
}

enum mlp_stop progress_epoch(struct progress *p, const struct mlp_spec *s, const struct mlp_epoch *e, bool *ret_best)
{
    double figure = watched(s, e);
    *ret_best = figure < p->best - s->stopping.min_delta || !p->best_epoch;
    p->best = *ret_best ? figure : p->best;
    p->best_epoch = *ret_best ? e->epoch : p->best_epoch;
    p->since = *ret_best ? 0 : p->since + 1;
    p->seconds += e->seconds;
    look_for_plateau(p, s, e);
    return p->stop = judge(p, &s->stopping, e);
}

/* ---- checkpoints ---------------------------------------------------------------------------------------------------- */

void progress_save(const struct progress *p, struct buf *out)
{
    pack_f64(out, p->factor);
    pack_f64(out, p->plateau);
    pack_f64(out, p->best);
    pack_u32(out, p->waited);
    pack_u32(out, p->since);
    pack_u32(out, p->best_epoch);
    pack_f64(out, p->seconds);
    pack_u32(out, (uint32_t)p->stop);
}

void progress_load(struct progress *p, struct unpack *u)
{
    p->factor = unpack_f64(u);
    p->plateau = unpack_f64(u);
    p->best = unpack_f64(u);
    p->waited = unpack_u32(u);
    p->since = unpack_u32(u);
    p->best_epoch = unpack_u32(u);
    p->seconds = unpack_f64(u);
    p->stop = (enum mlp_stop)unpack_u32(u);
}
