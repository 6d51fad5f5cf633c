/* A peer of training: what plain C does. Mini-batches gathered by a shuffled order, one loop for each step; products by
 * OpenBLAS' sgemm, or by loops as those that KANN has for itself. LAYERS BATCH OPTIMIZER ROWS EPOCHS openblas|loops */
#include "../bench.h"
#include "../openblas.h"
#include <math.h>

/* The three products of training, by dot products and by adding rows to rows (KANN's kad_sgemm_simple). */
static void loops_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc)
{
    (void)order, (void)alpha;
    for (int i = 0; i < m; i++) {
        float *restrict row = c + i * ldc;
        for (int j = 0; j < n && beta == 0; j++)
            row[j] = 0;
        for (int p = 0; p < k && transpose_b == BLAS_PLAIN; p++) {
            float x = transpose_a == BLAS_PLAIN ? a[i * lda + p] : a[p * lda + i];
            for (int j = 0; j < n; j++)
                row[j] += x * b[p * ldb + j];
        }
        for (int j = 0; j < n && transpose_b != BLAS_PLAIN; j++)
            for (int p = 0; p < k; p++)
                row[j] += a[i * lda + p] * b[j * ldb + p];
    }
}

struct net {
    const struct bench_task *task;
    openblas_sgemm sgemm;
    size_t count, weights[BENCH_LAYERS]; /* where the weights of layer l start; its biases follow them */
    float *w, *g, *v, *r;                /* parameters, gradient, the optimizer's state */
    float *a[BENCH_LAYERS], *d[BENCH_LAYERS]; /* activations and deltas: batch x size */
    float *y;
    uint32_t *order;
    uint64_t updates;
};

static void net_init(struct net *n, const struct bench_task *t)
{
    n->task = t;
    for (unsigned l = 0; l < t->layers; l++) {
        n->weights[l] = n->count;
        n->count += (size_t)(t->size[l] + 1) * t->size[l + 1];
    }
    n->w = bench_array(n->count, sizeof *n->w);
    n->g = bench_array(n->count, sizeof *n->g);
    n->v = bench_array(n->count, sizeof *n->v);
    n->r = bench_array(n->count, sizeof *n->r);
    for (unsigned l = 0; l < t->layers; l++) {
        float bound = sqrtf(6.0f / (float)t->size[l]);
        for (size_t i = 0; i < (size_t)t->size[l] * t->size[l + 1]; i++)
            n->w[n->weights[l] + i] = bound * (2 * bench_uniform() - 1);
    }
    for (unsigned l = 0; l <= t->layers; l++) {
        n->a[l] = bench_array((size_t)t->batch * t->size[l], sizeof(float));
        n->d[l] = bench_array((size_t)t->batch * t->size[l], sizeof(float));
    }
    n->y = bench_array(t->batch, sizeof *n->y);
    n->order = bench_array(t->rows, sizeof *n->order);
    for (uint32_t i = 0; i < t->rows; i++)
        n->order[i] = i;
}

static void forward(struct net *n, int rows)
{
    const struct bench_task *t = n->task;
    for (unsigned l = 0; l < t->layers; l++) {
        int in = (int)t->size[l], out = (int)t->size[l + 1];
        const float *w = n->w + n->weights[l], *bias = w + in * out;
        float *z = n->a[l + 1];
        for (int i = 0; i < rows; i++)
            memcpy(z + i * out, bias, (size_t)out * sizeof *z);
        n->sgemm(BLAS_ROW_MAJOR, BLAS_PLAIN, BLAS_PLAIN, rows, out, in, 1, n->a[l], in, w, out, 1, z, out);
        for (int i = 0; l + 1 < t->layers && i < rows * out; i++)
            z[i] = z[i] > 0 ? z[i] : 0;
    }
}

/* Softmax and cross-entropy: the loss, and the delta of the output. */
static double output(struct net *n, int rows)
{
    int classes = (int)n->task->size[n->task->layers];
    double loss = 0;
    for (int i = 0; i < rows; i++) {
        const float *z = n->a[n->task->layers] + i * classes;
        float *d = n->d[n->task->layers] + i * classes, largest = z[0], sum = 0;
        for (int k = 1; k < classes; k++)
            largest = z[k] > largest ? z[k] : largest;
        for (int k = 0; k < classes; k++)
            sum += d[k] = expf(z[k] - largest);
        loss += (double)(logf(sum) + largest - z[(int)n->y[i]]);
        for (int k = 0; k < classes; k++)
            d[k] = (d[k] / sum - (float)(k == (int)n->y[i])) / (float)rows;
    }
    return loss;
}

static void backward(struct net *n, int rows)
{
    const struct bench_task *t = n->task;
    for (unsigned l = t->layers; l-- > 0;) {
        int in = (int)t->size[l], out = (int)t->size[l + 1];
        const float *delta = n->d[l + 1];
        float *g = n->g + n->weights[l], *bias = g + in * out;
        n->sgemm(BLAS_ROW_MAJOR, BLAS_TRANSPOSED, BLAS_PLAIN, in, out, rows, 1, n->a[l], in, delta, out, 0, g, out);
        memset(bias, 0, (size_t)out * sizeof *bias);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < out; j++)
                bias[j] += delta[i * out + j];
        if (!l)
            return;
        n->sgemm(BLAS_ROW_MAJOR, BLAS_PLAIN, BLAS_TRANSPOSED, rows, in, out, 1, delta, out, n->w + n->weights[l], out, 0,
                 n->d[l], in);
        for (int i = 0; i < rows * in; i++)
            n->d[l][i] = n->a[l][i] > 0 ? n->d[l][i] : 0;
    }
}

static void update(struct net *n)
{
    float *restrict w = n->w, *restrict v = n->v, *restrict r = n->r;
    const float *restrict g = n->g;
    n->updates++;
    float c1 = 1 - powf(0.9f, (float)n->updates), c2 = 1 - powf(0.999f, (float)n->updates);
    if (n->task->adam) {
        for (size_t i = 0; i < n->count; i++) {
            v[i] = 0.9f * v[i] + 0.1f * g[i];
            r[i] = 0.999f * r[i] + 0.001f * g[i] * g[i];
            w[i] -= 0.001f * (v[i] / c1) / (sqrtf(r[i] / c2) + 1e-8f);
        }
    } else {
        for (size_t i = 0; i < n->count; i++)
            w[i] -= v[i] = 0.9f * v[i] + 0.01f * g[i];
    }
}

static double epoch(struct net *n, const float *x, const float *y)
{
    const struct bench_task *t = n->task;
    double loss = 0;
    for (uint32_t i = t->rows - 1; i > 0; i--) {
        uint32_t j = (uint32_t)((uint64_t)bench_random() * (i + 1) >> 32), swap = n->order[i];
        n->order[i] = n->order[j];
        n->order[j] = swap;
    }
    for (uint32_t at = 0; at < t->rows; at += t->batch) {
        uint32_t rows = t->rows - at < t->batch ? t->rows - at : t->batch;
        for (uint32_t i = 0; i < rows; i++) {
            memcpy(n->a[0] + (size_t)i * t->size[0], x + (size_t)n->order[at + i] * t->size[0], t->size[0] * sizeof *x);
            n->y[i] = y[n->order[at + i]];
        }
        forward(n, (int)rows);
        loss += output(n, (int)rows);
        backward(n, (int)rows);
        update(n);
    }
    return loss / t->rows;
}

int main(int argc, char **argv)
{
    struct bench_task t = bench_task(argc, argv);
    struct net n = {0};
    const char *core = NULL;
    float *x, *y;
    bool loops = argc > 6 && !strcmp(argv[6], "loops");
    if (!(n.sgemm = loops ? loops_sgemm : openblas_open(&core)))
        bench_fail("no libopenblas.so.0");
    bench_data(&t, &x, &y);
    net_init(&n, &t);
    if (loops)
        printf("{\"name\": \"C with loops of its own\"}\n");
    else
        printf("{\"name\": \"C over OpenBLAS\", \"note\": \"its kernels for %s\"}\n", core);
    while (bench_go()) {
        double started = bench_seconds(), loss = 0;
        for (uint32_t e = 0; e < t.epochs; e++)
            loss = epoch(&n, x, y);
        printf("{\"samples_per_second\": %.6g, \"loss\": %.6g}\n", (double)t.rows * t.epochs / (bench_seconds() - started), loss);
    }
}
