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
    const cJSON *layer;
    size_t listed = 0;
    cJSON_ArrayForEach(layer, layers)
    {
        text_puts(out, listed++ ? ", " : "");
        json_put(out, json_member(layer, "units"));
        text_puts(out, " ");
        json_put(out, json_member(layer, "activation"));
        if (json_member(layer, "negative_slope"))
            text_printf(out, " (%.6g)", json_number(layer, "negative_slope"));
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
    else if (!count)
        text_puts(out, "none");
}

static void put_leaf(struct text *out, const char *path, const cJSON *value)
{
    struct text line = {0};
    text_clean(&line, path, strlen(path), false);
    size_t columns = text_columns(text_string(&line));
    text_printf(out, "%s%*s", text_string(&line), columns < 28 ? (int)(28 - columns) : 2, "");
    text_free(&line);
    if (is_layers(value))
        put_layers(out, value);
    else if (cJSON_IsArray(value))
        put_list(out, value);
    else
        json_put(out, value);
    text_puts(out, "\n");
}

/* Lists of lists and of objects count from 0, as in a JSON Pointer. */
static void put_fields(struct text *out, struct text *path, const cJSON *value, const char *skip)
{
    size_t size = path->size;
    int number = 0;
    if (cJSON_IsNull(value) || (cJSON_IsString(value) && !*value->valuestring))
        return;
    if (!cJSON_IsObject(value) && (is_layers(value) || !cJSON_IsArray(value) || is_flat(value))) {
        put_leaf(out, text_string(path), value);
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
        put_fields(out, path, member, skip);
        if (path->failed)
            return;
        path->size = size;
        if (path->data)
            path->data[size] = '\0';
    }
}

void print_fields(const cJSON *value, const char *skip)
{
    struct text out = {0}, path = {0};
    put_fields(&out, &path, value, skip);
    print_text(&out);
    text_free(&out);
    text_free(&path);
}
