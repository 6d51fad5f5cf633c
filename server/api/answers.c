#include "answers.h"

#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/nn/metrics.h"
#include <math.h>
#include <string.h>

#define YES 1 /* the class of a label that its probability is of */

static double probability(const struct encoder *e, const real *out, uint32_t k)
{
    if (encoder_task(e) != TASK_BINARY)
        return (double)out[k];
    return k ? (double)out[0] : 1 - (double)out[0];
}

static double in_units(const struct encoder_target *target, real out)
{
    return target->mean + target->deviation * (double)out;
}

static const char *winner(const struct encoder *e, uint32_t target, const real *out)
{
    const struct encoder_target *t = encoder_target(e, target);
    return t->class[metrics_winner(encoder_task(e), t->classes, out)];
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void numbers_json(const struct encoder *e, const real *out, struct json_writer *w)
{
    if (encoder_targets(e) == 1) {
        json_put_double(w, in_units(encoder_target(e, 0), out[0]));
        return;
    }
    json_object(w);
    for (uint32_t j = 0; j < encoder_targets(e); j++)
        json_field_double(w, encoder_target(e, j)->name, in_units(encoder_target(e, j), out[j]));
    json_object_end(w);
}

static void labels_json(const struct encoder *e, const real *out, struct json_writer *w)
{
    json_object(w);
    json_name(w, "classes");
    json_object(w);
    for (uint32_t j = 0; j < encoder_targets(e); j++)
        json_field_string(w, encoder_target(e, j)->name, winner(e, j, out + j));
    json_object_end(w);
    json_name(w, "probabilities");
    json_object(w);
    for (uint32_t j = 0; j < encoder_targets(e); j++) {
        json_name(w, encoder_target(e, j)->name);
        json_put_float(w, (float)out[j]);
    }
    json_object_end(w);
    json_object_end(w);
}

static void classes_json(const struct encoder *e, const real *out, struct json_writer *w)
{
    const struct encoder_target *target = encoder_target(e, 0);
    json_object(w);
    json_field_string(w, "class", winner(e, 0, out));
    json_name(w, "probabilities");
    json_object(w);
    for (uint32_t k = 0; k < target->classes; k++) {
        json_name(w, target->class[k]);
        json_put_float(w, (float)probability(e, out, k));
    }
    json_object_end(w);
    json_object_end(w);
}

void answer_json(const struct encoder *e, const real *out, struct json_writer *w)
{
    enum task task = encoder_task(e);
    (task == TASK_REGRESSION ? numbers_json : task == TASK_MULTILABEL ? labels_json : classes_json)(e, out, w);
}

/* ---- CSV -------------------------------------------------------------------------------------------------------------- */

static void csv_characters(struct buf *line, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            buf_putc(line, '"');
        buf_putc(line, *c);
    }
}

static void csv_text(struct buf *line, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_puts(line, text);
        return;
    }
    buf_putc(line, '"');
    csv_characters(line, text);
    buf_putc(line, '"');
}

static void label_header(const struct encoder_target *target, struct buf *line)
{
    bool quoted = strpbrk(target->name, ",\"\r\n") || strpbrk(target->class[YES], ",\"\r\n");
    buf_puts(line, quoted ? ",\"P(" : ",P(");
    csv_characters(line, target->name);
    buf_putc(line, '=');
    csv_characters(line, target->class[YES]);
    buf_puts(line, quoted ? ")\"" : ")");
}

void answer_csv_header(const struct encoder *e, struct buf *line)
{
    uint32_t targets = encoder_targets(e);
    const struct encoder_target *first = encoder_target(e, 0);
    if (targets == 1)
        buf_puts(line, encoder_task(e) == TASK_REGRESSION ? "prediction" : "class");
    for (uint32_t k = 0; targets == 1 && k < first->classes; k++) {
        buf_putc(line, ',');
        csv_text(line, first->class[k]);
    }
    for (uint32_t j = 0; targets > 1 && j < targets; j++) {
        if (j)
            buf_putc(line, ',');
        csv_text(line, encoder_target(e, j)->name);
    }
    for (uint32_t j = 0; encoder_task(e) == TASK_MULTILABEL && j < targets; j++)
        label_header(encoder_target(e, j), line);
    buf_putc(line, '\n');
}

static void csv_probability(struct buf *line, double share)
{
    char number[JSON_NUMBER_SIZE];
    buf_putc(line, ',');
    buf_puts(line, isfinite(share) ? text_float((float)share, number) : "null");
}

void answer_csv(const struct encoder *e, const real *out, struct buf *line)
{
    char number[JSON_NUMBER_SIZE];
    enum task task = encoder_task(e);
    bool several = encoder_targets(e) > 1;
    for (uint32_t j = 0; j < encoder_targets(e); j++) {
        if (j)
            buf_putc(line, ',');
        if (task == TASK_REGRESSION)
            buf_puts(line, json_number_text(in_units(encoder_target(e, j), out[j]), number));
        else
            csv_text(line, winner(e, j, out + j));
    }
    uint32_t shares = task == TASK_REGRESSION ? 0 : several ? encoder_targets(e) : encoder_target(e, 0)->classes;
    for (uint32_t k = 0; k < shares; k++)
        csv_probability(line, several ? (double)out[k] : probability(e, out, k));
    buf_putc(line, '\n');
}
