/* Our side of training: the core alone, without a daemon. LAYERS BATCH OPTIMIZER ROWS EPOCHS [THREADS] */
#include "bench.h"
#include "core/nn/kernels.h"
#include "core/nn/mlp.h"

static struct mlp_spec spec_of(const struct bench_task *t)
{
    struct mlp_spec s;
    mlp_spec_default(&s);
    s.task = TASK_MULTICLASS;
    s.inputs = t->size[0];
    s.outputs = t->size[t->layers];
    s.hidden_count = t->layers - 1;
    for (unsigned l = 0; l < s.hidden_count; l++)
        s.hidden[l] = (struct mlp_hidden){.units = t->size[l + 1], .activation = MLP_RELU, .negative_slope = 0.01};
    s.optimizer.name = t->adam ? MLP_ADAM : MLP_MOMENTUM;
    s.optimizer.learning_rate = t->adam ? 0.001 : 0.01;
    s.batch_size = t->batch;
    s.epochs = MLP_MAX_EPOCHS;
    return s;
}

/* FNV-1a over every weight and bias: the same bits, the same number. */
static uint64_t hash_of(const struct mlp_network *n, const struct bench_task *t)
{
    uint64_t hash = 14695981039346656037u;
    for (unsigned l = 1; l <= t->layers; l++) {
        size_t weights = (size_t)t->size[l - 1] * t->size[l], count = weights + t->size[l];
        real *w = bench_array(count, sizeof *w);
        mlp_network_weights(n, l, w);
        mlp_network_biases(n, l, w + weights);
        for (size_t i = 0; i < count * sizeof *w; i++)
            hash = (hash ^ ((const uint8_t *)w)[i]) * 1099511628211u;
        free(w);
    }
    return hash;
}

static struct mlp_trainer *trainer_of(const struct mlp_spec *spec, const struct mlp_source *source)
{
    struct mlp_trainer *trainer;
    struct err err = {0};
    if (mlp_trainer_new(spec, source, NULL, &trainer, &err))
        bench_fail(err.message);
    return trainer;
}

int main(int argc, char **argv)
{
    struct bench_task t = bench_task(argc, argv);
    struct mlp_spec spec = spec_of(&t);
    struct err err = {0};
    float *x, *y;
    bench_data(&t, &x, &y);
    struct mlp_matrix matrix = {.x = x, .y = y, .stride = t.size[0], .inputs = t.size[0]};
    struct mlp_source source = {.rows = t.rows, .gather = mlp_matrix_gather, .context = &matrix};
    struct mlp_trainer *trainer = trainer_of(&spec, &source);
    if (mlp_trainer_threads(trainer, argc > 6 ? (unsigned)atoi(argv[6]) : 1, &err))
        bench_fail(err.message);
    printf("{\"name\": \"mlpd's core\", \"instruction_set\": \"%s\"}\n", mlp_instruction_set());
    while (bench_go()) {
        struct mlp_epoch epoch;
        double started = bench_seconds();
        for (uint32_t e = 0; e < t.epochs; e++)
            if (mlp_trainer_epoch(trainer, NULL, &epoch, &err))
                bench_fail(err.message);
        double seconds = bench_seconds() - started;
        printf("{\"samples_per_second\": %.6g, \"gflops\": %.6g, \"seconds\": %.6g, \"loss\": %.6g, \"weights\": \"%016llx\"}\n",
               (double)t.rows * t.epochs / seconds, mlp_spec_flops(&spec, t.rows, 0) * t.epochs / seconds * 1e-9, seconds,
               epoch.train_loss, (unsigned long long)hash_of(mlp_trainer_network(trainer), &t));
    }
    mlp_trainer_free(trainer);
    free(x);
    free(y);
}
