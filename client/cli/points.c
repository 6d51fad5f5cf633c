/* Runs as points of a grid: a column for every hyper-parameter that the grid names. */
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

static const char *last_word(const char *pointer)
{
    const char *slash = strrchr(pointer, '/');
    return slash ? slash + 1 : pointer;
}

/* A number alone says nothing: /network/hidden/0. */
static bool is_telling(const cJSON *hyperparameter)
{
    const char *word = last_word(hyperparameter->string);
    const cJSON *first = hyperparameter, *other;
    if (strspn(word, "0123456789") == strlen(word))
        return false;
    while (first->prev && first->prev->next) /* cJSON's first item points back to the last one */
        first = first->prev;
    for (other = first; other; other = other->next)
        if (other != hyperparameter && !strcmp(last_word(other->string), word))
            return false;
    return true;
}

void put_axis(struct text *out, const cJSON *hyperparameter)
{
    const char *pointer = hyperparameter->string;
    const char *name = is_telling(hyperparameter) ? last_word(pointer) : pointer + (*pointer == '/');
    text_clean(out, name, strlen(name), false);
}

void put_point(struct text *out, const cJSON *run)
{
    const cJSON *value;
    size_t listed = 0;
    cJSON_ArrayForEach(value, json_member(run, "hyperparameters"))
    {
        text_puts(out, listed++ ? ", " : "");
        put_axis(out, value);
        text_puts(out, " ");
        json_put(out, value);
    }
}

struct table *points_table(const char *const *headings, size_t columns, const cJSON *run)
{
    const cJSON *hyperparameters = json_member(run, "hyperparameters"), *value;
    size_t axes = (size_t)cJSON_GetArraySize(hyperparameters), at = 0;
    const char **all = calloc(columns + axes, sizeof *all);
    struct text *name = calloc(axes + 1, sizeof *name);
    struct table *t = NULL;
    if (all && name) {
        memcpy(all, headings, columns * sizeof *all);
        cJSON_ArrayForEach(value, hyperparameters)
        {
            text_puts(&name[at], ">");
            put_axis(&name[at], value);
            char *gap = strchr(text_string(&name[at]), '_');
            if (gap)
                *gap = '\n'; /* two lines keep the table narrow */
            all[columns + at] = text_string(&name[at]);
            at++;
        }
        t = table_new(all, columns + axes);
    } else {
        cli_complain("out of memory");
    }
    for (size_t i = 0; name && i < axes; i++)
        text_free(&name[i]);
    free(name);
    free(all);
    return t;
}

void points_cells(struct table *t, const cJSON *first, const cJSON *run)
{
    const cJSON *hyperparameters = json_member(run, "hyperparameters"), *axis;
    cJSON_ArrayForEach(axis, json_member(first, "hyperparameters"))
    {
        table_value(t, json_member(hyperparameters, axis->string));
    }
}

/* ---- a list of runs ---------------------------------------------------------------------------------------------- */

void run_status_cell(const struct cli *cli, struct table *t, const cJSON *run)
{
    const char *why = json_text(json_member(run, "failure"), "code"), *status = json_text(run, "status");
    struct text cell = {0};
    if (!*why)
        why = json_text(run, "stopped_by");
    text_printf(&cell, "%s%s%s", status, *why ? ": " : "", why);
    table_status(cli, t, text_string(&cell));
    text_free(&cell);
}

void runs_put(const struct cli *cli, struct text *out, const cJSON *runs)
{
    static const char *const headings[] = {">RUN", "STATUS", ">EPOCH", ">TRAIN\nLOSS", ">VALID\nLOSS"};
    const cJSON *first = runs ? runs->child : NULL, *run;
    struct table *t = points_table(headings, 5, first);
    if (!t)
        return;
    cJSON_ArrayForEach(run, runs)
    {
        table_value(t, json_member(run, "id"));
        run_status_cell(cli, t, run);
        table_cellf(t, "%.0f/%.0f", json_number(run, "epoch"), json_number(run, "epochs"));
        table_figure(t, json_member(json_member(run, "metrics"), "train_loss"));
        table_figure(t, json_member(json_member(run, "metrics"), "valid_loss"));
        points_cells(t, first, run);
    }
    table_put(t, out, cli->columns);
    table_free(t);
}
