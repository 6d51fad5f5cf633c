/* Epochs needed as tables of one hyper-parameter down and another across. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#define ACROSS_MAX 12 /* values across, and tables one below the other, that people still read */
#define TABLES_MAX 12

struct axis {
    const char *pointer;
    const cJSON **value; /* in the order of the grid */
    size_t count;
};

static const cJSON *point_of(const struct entry *e)
{
    return json_member(e->run, "hyperparameters");
}

static bool read_axis(const struct comparison *c, const char *pointer, struct axis *ret)
{
    *ret = (struct axis){.pointer = pointer, .value = calloc(c->count + 1, sizeof(const cJSON *))};
    for (size_t i = 0; ret->value && i < c->count; i++) {
        const cJSON *value = json_member(point_of(&c->entry[i]), pointer);
        size_t known = 0;
        while (known < ret->count && !cJSON_Compare(value, ret->value[known], true))
            known++;
        if (known == ret->count)
            ret->value[ret->count++] = value;
    }
    return ret->value;
}

/* Whether two runs belong into the same table: all but the last two hyper-parameters are equal. */
static bool is_same_table(const struct entry *one, const struct entry *other)
{
    const cJSON *a = point_of(one), *b = point_of(other), *value;
    int left = cJSON_GetArraySize(a) - 2;
    cJSON_ArrayForEach(value, a)
    {
        if (left-- <= 0)
            break;
        if (!cJSON_Compare(value, json_member(b, value->string), true))
            return false;
    }
    return true;
}

static bool is_first_of_table(const struct comparison *c, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (is_same_table(&c->entry[i], &c->entry[j]))
            return false;
    return true;
}

static const struct entry *entry_at(const struct comparison *c, const struct entry *first, const struct axis *down,
                                    const cJSON *row, const struct axis *across, const cJSON *column)
{
    for (size_t i = 0; i < c->count; i++) {
        const cJSON *point = point_of(&c->entry[i]);
        if (is_same_table(first, &c->entry[i]) && cJSON_Compare(json_member(point, down->pointer), row, true) &&
            cJSON_Compare(json_member(point, across->pointer), column, true))
            return &c->entry[i];
    }
    return NULL;
}

static void put_rows(struct table *t, const struct comparison *c, const struct entry *first, const struct axis *down,
                     const struct axis *across)
{
    for (size_t row = 0; t && row < down->count; row++) {
        table_value(t, down->value[row]);
        for (size_t column = 0; column < across->count; column++) {
            const struct entry *e = entry_at(c, first, down, down->value[row], across, across->value[column]);
            if (e)
                need_cell(t, e);
            else
                table_cell(t, "");
        }
    }
}

/* "momentum \ learning_rate  0.01  0.1" over the rows */
static void print_table(struct cli *cli, const struct comparison *c, const struct entry *first, const struct axis *down,
                        const struct axis *across)
{
    const char *headings[ACROSS_MAX + 1];
    struct text heading[ACROSS_MAX + 1] = {{0}};
    put_axis(&heading[0], json_member(point_of(first), down->pointer));
    text_puts(&heading[0], " \\ ");
    put_axis(&heading[0], json_member(point_of(first), across->pointer));
    for (size_t i = 0; i < across->count; i++) {
        text_puts(&heading[i + 1], ">");
        json_put(&heading[i + 1], across->value[i]);
    }
    for (size_t i = 0; i <= across->count; i++)
        headings[i] = text_string(&heading[i]);
    struct table *t = table_new(headings, across->count + 1);
    put_rows(t, c, first, down, across);
    if (t)
        table_print(cli, t);
    table_free(t);
    for (size_t i = 0; i <= across->count; i++)
        text_free(&heading[i]);
}

/* "batch_size 32": what all runs of a table have in common. */
static void print_common(const struct entry *first)
{
    const cJSON *point = point_of(first), *value;
    int left = cJSON_GetArraySize(point) - 2;
    struct text line = {0};
    cJSON_ArrayForEach(value, point)
    {
        if (left-- <= 0)
            break;
        text_puts(&line, line.size ? ", " : "");
        put_axis(&line, value);
        text_puts(&line, " ");
        json_put(&line, value);
    }
    if (line.size)
        printf("\n%s\n", text_string(&line));
    text_free(&line);
}

void cross_print(struct cli *cli, const struct comparison *c)
{
    const cJSON *point = c->count ? point_of(&c->entry[0]) : NULL;
    int axes = cJSON_GetArraySize(point);
    struct axis down = {0}, across = {0};
    size_t tables = 0;
    if (axes < 2)
        return;
    for (size_t i = 0; i < c->count && tables <= TABLES_MAX; i++)
        tables += is_first_of_table(c, i);
    if (tables <= TABLES_MAX && read_axis(c, cJSON_GetArrayItem(point, axes - 2)->string, &down) &&
        read_axis(c, cJSON_GetArrayItem(point, axes - 1)->string, &across) && across.count <= ACROSS_MAX) {
        printf("epochs until %s is %.6g or less; -: not within its epochs\n", c->metric, c->loss);
        for (size_t i = 0; i < c->count; i++)
            if (is_first_of_table(c, i)) {
                print_common(&c->entry[i]);
                print_table(cli, c, &c->entry[i], &down, &across);
            }
        putchar('\n');
    }
    free(down.value);
    free(across.value);
}
