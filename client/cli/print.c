/* JSON of the server as text for people. */
#include "verbs.h"

#include <math.h>
#include <string.h>

#define LIST_SHOWN 12

const cJSON *json_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_text(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(json_member(object, name));
    return value ? value : "";
}

double json_number(const cJSON *object, const char *name)
{
    const cJSON *value = json_member(object, name);
    return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

bool json_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(json_member(object, name));
}

int percent(double share)
{
    return share > 0 ? share < 1 ? (int)(100 * share) : 100 : 0;
}

static void put_number(struct text *out, double number)
{
    if (fabs(number) < 1e15 && number == (double)(int64_t)number)
        text_printf(out, "%.0f", number);
    else
        text_printf(out, "%.6g", number);
}

void put_figure(struct text *out, const cJSON *value)
{
    double number = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    if (isnan(number))
        text_puts(out, "-");
    else if (fabs(number) < 1e15 && (fabs(number) >= 1e4 || number == (double)(int64_t)number))
        text_printf(out, "%.0f", number);
    else
        text_printf(out, "%.4g", number);
}

void json_put(struct text *out, const cJSON *value)
{
    if (!value || cJSON_IsNull(value)) {
        text_puts(out, "-");
    } else if (cJSON_IsNumber(value)) {
        put_number(out, value->valuedouble);
    } else if (cJSON_IsString(value)) {
        text_clean(out, value->valuestring, strlen(value->valuestring), false);
    } else {
        char *json = cJSON_PrintUnformatted(value);
        if (json)
            text_clean(out, json, strlen(json), false);
        cJSON_free(json);
    }
}

void put_colored(const struct cli *cli, struct text *out, const char *color, const char *string)
{
    if (cli->color)
        text_printf(out, "\033[%sm", color);
    text_clean(out, string, strlen(string), false);
    if (cli->color)
        text_puts(out, "\033[0m");
}

void put_status(const struct cli *cli, struct text *out, const char *status)
{
    static const struct {
        const char *status, *color;
    } colors[] = {{"running", "36"}, {"succeeded", "32"}, {"failed", "31"}, {"cancelled", "33"}, {"paused", "33"}};
    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++)
        if (!strncmp(status, colors[i].status, strlen(colors[i].status))) {
            put_colored(cli, out, colors[i].color, status);
            return;
        }
    text_clean(out, status, strlen(status), false);
}

void put_layers(struct text *out, const cJSON *layers)
{
    const cJSON *layer, *inputs = json_member(layers ? layers->child : NULL, "inputs");
    size_t listed = 0;
    if (cJSON_IsNumber(inputs)) {
        text_printf(out, "%.0f inputs", inputs->valuedouble);
        listed++;
    }
    cJSON_ArrayForEach(layer, layers)
    {
        text_puts(out, listed++ ? ", " : "");
        json_put(out, json_member(layer, "units"));
        text_puts(out, " ");
        json_put(out, json_member(layer, "activation"));
        if (json_member(layer, "negative_slope"))
            text_printf(out, " (%.6g)", json_number(layer, "negative_slope"));
        if (cJSON_IsTrue(json_member(layer, "batch_normalization")))
            text_puts(out, " normalized");
        if (json_number(layer, "dropout") > 0)
            text_printf(out, " dropout %.6g", json_number(layer, "dropout"));
    }
    text_puts(out, listed ? "" : "no hidden layer");
}

void put_time(struct text *out, const char *time)
{
    static const char shape[] = "2026-11-25T15:43:57";
    if (strlen(time) < sizeof shape - 1 || time[10] != 'T') {
        text_clean(out, time, strlen(time), false);
        return;
    }
    text_clean(out, time, 10, false);
    text_puts(out, " ");
    text_clean(out, time + 11, sizeof shape - 12, false);
}

void print_text(const struct text *text)
{
    if (text->failed)
        cli_complain("out of memory");
    fwrite(text_string(text), 1, text->size, stdout);
}

void print_more(const cJSON *list, const char *verb)
{
    struct text next = {0};
    text_clean(&next, json_text(list, "next"), strlen(json_text(list, "next")), false);
    if (next.size)
        printf("more: mlp %s --cursor %s\n", verb, text_string(&next));
    text_free(&next);
}

void put_duration(struct text *out, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        text_puts(out, "-");
    else if (seconds < 10)
        text_printf(out, "%.1f s", seconds);
    else if (seconds < 60)
        text_printf(out, "%.0f s", seconds);
    else if (seconds < 3600)
        text_printf(out, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
    else
        text_printf(out, "%d h %d min", (int)seconds / 3600, (int)seconds / 60 % 60);
}

/* ---- nested values as lines -------------------------------------------------------------------------------------- */

static bool is_named(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; length && (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

static bool is_layers(const cJSON *value)
{
    bool empty = !value->child, hidden = value->string && !strcmp(value->string, "hidden");
    return cJSON_IsArray(value) && (empty ? hidden : json_member(value->child, "units") != NULL);
}

static bool is_flat(const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            return false;
    }
    return true;
}

static void put_list(struct text *out, const cJSON *list)
{
    int count = cJSON_GetArraySize(list), shown = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (shown == LIST_SHOWN)
            break;
        text_puts(out, shown++ ? ", " : "");
        json_put(out, item);
    }
    if (count > shown)
        text_printf(out, ", ... (%d)", count);
}

void put_names(struct text *out, const cJSON *value)
{
    if (cJSON_IsArray(value))
        put_list(out, value);
    else
        json_put(out, value);
}

static void put_leaf(struct table *t, const char *path, const cJSON *value)
{
    struct text text = {0};
    if (is_layers(value))
        put_layers(&text, value);
    else if (cJSON_IsArray(value))
        put_list(&text, value);
    else
        json_put(&text, value);
    table_cell(t, path);
    table_cell(t, text_string(&text));
    text_free(&text);
}

/* Lists of lists and of objects count from 0, as in a JSON Pointer. */
static void put_fields(struct table *t, struct text *path, const cJSON *value, const char *skip)
{
    size_t size = path->size;
    int number = 0;
    bool empty =
        cJSON_IsArray(value) ? !value->child && !is_layers(value) : cJSON_IsString(value) && !*value->valuestring;
    if (cJSON_IsNull(value) || empty)
        return;
    if (!cJSON_IsObject(value) && (is_layers(value) || !cJSON_IsArray(value) || is_flat(value))) {
        put_leaf(t, text_string(path), value);
        return;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, value)
    {
        if (member->string && is_named(skip, member->string))
            continue;
        text_puts(path, size ? "." : "");
        if (member->string)
            text_puts(path, member->string);
        else
            text_printf(path, "%d", number++);
        put_fields(t, path, member, skip);
        if (path->failed)
            return;
        path->size = size;
        if (path->data)
            path->data[size] = '\0';
    }
}

void print_fields(const cJSON *value, const char *skip)
{
    static const char *const headings[] = {"", ""};
    struct table *t = table_new(headings, 2);
    struct text out = {0}, path = {0};
    if (!t)
        return;
    put_fields(t, &path, value, skip);
    table_put(t, &out, 0);
    print_text(&out);
    text_free(&out);
    text_free(&path);
    table_free(t);
}
