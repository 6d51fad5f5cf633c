/* mlp predict. What goes in as CSV comes out as CSV, and JSON as JSON; a terminal gets a table of either, and --json
 * asks for JSON in any case. */
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- CSV of the daemon as JSON ----------------------------------------------------------------------------------- */

/* Reads one field. Returns whether another one follows in its record; *at stands behind the mark after it. */
static bool read_field(const char **at, struct text *out)
{
    const char *s = *at;
    bool quoted = *s == '"';
    text_clear(out);
    s += quoted;
    while (*s && (quoted || !strchr(",\r\n", *s))) {
        if (quoted && *s == '"' && *++s != '"')
            quoted = false;
        else
            text_add(out, s++, 1);
    }
    bool more = *s == ',';
    s += *s == '\r';
    *at = s + (*s != '\0');
    return more;
}

/* The names of the columns, or the fields of a row. */
static cJSON *read_record(const char **at)
{
    cJSON *record = cJSON_CreateArray();
    struct text field = {0};
    bool more = true;
    while (more) {
        more = read_field(at, &field);
        cJSON_AddItemToArray(record, cJSON_CreateString(text_string(&field)));
    }
    text_free(&field);
    return record;
}

/* The digits as they came: cJSON would shorten them. */
static cJSON *number_of(const cJSON *field)
{
    char *end;
    (void)strtod(field->valuestring, &end);
    return end == field->valuestring || *end ? cJSON_CreateNull() : cJSON_CreateRaw(field->valuestring);
}

static const cJSON *next_field(const cJSON **field)
{
    const cJSON *this = *field;
    *field = this ? this->next : NULL;
    return this;
}

/* A record of a model's answers as its JSON says them; model: of /features. */
static cJSON *prediction_of(const cJSON *model, const cJSON *record)
{
    const cJSON *targets = json_member(model, "targets"), *target, *class, *field = record->child;
    bool regression = !strcmp(json_text(model, "task"), "regression"), several = cJSON_GetArraySize(targets) > 1;
    if (regression && !several)
        return number_of(field);
    cJSON *prediction = cJSON_CreateObject(), *classes = prediction;
    if (several && !regression)
        classes = cJSON_AddObjectToObject(prediction, "classes");
    cJSON_ArrayForEach(target, targets)
    {
        const cJSON *cell = next_field(&field);
        if (cell)
            cJSON_AddItemToObject(classes, several ? json_text(target, "name") : "class",
                                  regression ? number_of(cell) : cJSON_CreateString(cell->valuestring));
    }
    if (regression)
        return prediction;
    cJSON *probabilities = cJSON_AddObjectToObject(prediction, "probabilities");
    const cJSON *list = several ? targets : json_member(targets ? targets->child : NULL, "classes");
    cJSON_ArrayForEach(class, list)
    {
        const cJSON *cell = next_field(&field);
        if (cell)
            cJSON_AddItemToObject(probabilities, several ? json_text(class, "name") : class->valuestring, number_of(cell));
    }
    return prediction;
}

/* Adds the rows of a CSV to {"predictions": [...]}. */
static void add_csv(cJSON *answer, const cJSON *model, const char *csv)
{
    cJSON *predictions = cJSON_GetObjectItemCaseSensitive(answer, "predictions");
    cJSON_Delete(read_record(&csv));
    while (*csv) {
        cJSON *record = read_record(&csv);
        cJSON_AddItemToArray(predictions, prediction_of(model, record));
        cJSON_Delete(record);
    }
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static bool is_number(const cJSON *value)
{
    return cJSON_IsNumber(value) || cJSON_IsRaw(value);
}

static double to_number(const cJSON *value)
{
    return cJSON_IsRaw(value) ? strtod(value->valuestring, NULL) : value->valuedouble;
}

/* One column of the table: a member of a member of a prediction, a member, or the prediction itself. */
struct column {
    const char *group, *name;
};

struct columns {
    struct column *column;
    struct text *heading;
    size_t count;
};

static void column_add(struct columns *c, const char *group, const char *name, const char *before, const char *after)
{
    text_printf(&c->heading[c->count], "%s%s%s", before, name ? name : "", after);
    c->column[c->count++] = (struct column){group, name};
}

#define COLUMNS_MAX(prediction)                                                                                        \
    (2 + (size_t)cJSON_GetArraySize(prediction) + (size_t)cJSON_GetArraySize(json_member(prediction, "classes")) +     \
     (size_t)cJSON_GetArraySize(json_member(prediction, "probabilities")))

/* Of all predictions, as the first has them. */
static void find_columns(struct columns *c, const cJSON *prediction)
{
    const cJSON *classes = json_member(prediction, "classes"), *shares = json_member(prediction, "probabilities"), *member;
    bool labels = cJSON_IsObject(classes), class = !labels && cJSON_IsObject(shares);
    if (class || !cJSON_IsObject(prediction))
        column_add(c, NULL, NULL, class ? "CLASS" : ">PREDICTION", "");
    if (class)
        c->column[0].name = "class";
    const cJSON *list = labels ? classes : class ? NULL : prediction;
    cJSON_ArrayForEach(member, list)
    {
        column_add(c, labels ? "classes" : NULL, member->string, labels ? "" : ">", "");
    }
    if (!labels && !class)
        return;
    cJSON_ArrayForEach(member, shares)
    {
        column_add(c, "probabilities", member->string, labels ? ">P(" : ">", labels ? ")" : "");
    }
}

static void column_cell(struct table *t, const struct column *c, const cJSON *prediction)
{
    const cJSON *group = c->group ? json_member(prediction, c->group) : prediction;
    const cJSON *value = c->name ? json_member(group, c->name) : group;
    if (is_number(value))
        table_cellf(t, c->group ? "%.4f" : "%.6g", to_number(value));
    else if (cJSON_IsString(value))
        table_value(t, value);
    else
        table_cell(t, "-");
}

static void print_warnings(const cJSON *warnings)
{
    double missing = json_number(warnings, "missing"), unseen = json_number(warnings, "unseen");
    if (missing > 0)
        printf("%.0f %s missing and imputed\n", missing, missing == 1 ? "value was" : "values were");
    if (unseen > 0)
        printf("%.0f %s never seen in training\n", unseen, unseen == 1 ? "category was" : "categories were");
}

static void print_rows(struct cli *cli, const cJSON *predictions, const struct column *columns, size_t count,
                       const char *const *headings)
{
    struct table *t = table_new(headings, count + 1);
    const cJSON *prediction;
    int number = 0;
    if (!t)
        return;
    cJSON_ArrayForEach(prediction, predictions)
    {
        table_cellf(t, "%d", ++number);
        for (size_t i = 0; i < count; i++)
            column_cell(t, &columns[i], prediction);
    }
    table_print(cli, t);
    table_free(t);
}

static void print_table(struct cli *cli, const cJSON *answer)
{
    const cJSON *predictions = json_member(answer, "predictions"), *first = predictions ? predictions->child : NULL;
    size_t most = COLUMNS_MAX(first);
    const char **headings = calloc(most + 1, sizeof *headings);
    struct columns c = {.column = calloc(most, sizeof *c.column), .heading = calloc(most, sizeof *c.heading)};
    if (headings && c.column && c.heading) {
        find_columns(&c, first);
        headings[0] = ">ROW";
        for (size_t i = 0; i < c.count; i++)
            headings[i + 1] = text_string(&c.heading[i]);
        print_rows(cli, predictions, c.column, c.count, headings);
    }
    for (size_t i = 0; c.heading && i < most; i++)
        text_free(&c.heading[i]);
    free(c.heading);
    free(c.column);
    free(headings);
    print_warnings(json_member(answer, "warnings"));
}

static int print_json(const cJSON *answer)
{
    char *text = cJSON_PrintUnformatted(answer);
    if (text)
        puts(text);
    else
        cli_complain("out of memory");
    cJSON_free(text);
    return text ? EXIT_FINE : EXIT_NO;
}

/* ---- a table in pieces ------------------------------------------------------------------------------------------- */

#define PIECE_ROWS  10000 /* that the daemon takes in one request */
#define PIECE_BYTES ((size_t)32 << 20)

/* Reads a record of a CSV with its end; line breaks may stand between quotation marks. */
static bool next_record(FILE *file, struct text *out)
{
    bool quoted = false, field_begins = true;
    int c;
    size_t size = out->size;
    while ((c = getc(file)) != EOF) {
        char byte = (char)c;
        text_add(out, &byte, 1);
        if (c == '"' && (quoted || field_begins))
            quoted = !quoted; /* a doubled mark ends and begins */
        else if (c == '\n' && !quoted)
            break;
        field_begins = strchr(",;|\t", c) || (c == '"' && !quoted);
    }
    return out->size > size;
}

/* Predicts the rows that follow in the file; *count becomes their number. */
static bool predict_piece(struct cli *cli, FILE *file, const struct text *header, size_t *count,
                          struct client_reply *ret_reply)
{
    struct text body = {0};
    text_add(&body, text_string(header), header->size);
    for (*count = 0; *count < PIECE_ROWS && body.size < PIECE_BYTES && next_record(file, &body);)
        ++*count;
    struct client_request request = {
        .method = "POST", .content_type = "text/csv", .body = text_string(&body), .size = body.size};
    bool fine = cli_call(cli, &request, ret_reply);
    text_free(&body);
    return fine;
}

/* What the model takes and gives; leaves the path at its predictions. NULL when that was complained of. */
static cJSON *get_model(struct cli *cli)
{
    cli_path(cli, "/v1/runs/", cli->argument[0], "/features");
    cJSON *model = cli_get(cli);
    cli_path(cli, "/v1/runs/", cli->argument[0], "/predict");
    return model;
}

static int predict_csv(struct cli *cli, FILE *file)
{
    bool as_json = cli->flag[FLAG_JSON] || cli->terminal;
    cJSON *model = as_json ? get_model(cli) : NULL;
    if (as_json && !model)
        return EXIT_NO;
    struct text header = {0};
    cJSON *answer = cJSON_CreateObject();
    int status = EXIT_FINE;
    size_t rows = 0, count = 0;
    cJSON_AddArrayToObject(answer, "predictions");
    (void)next_record(file, &header);
    do {
        struct client_reply reply;
        if (!predict_piece(cli, file, &header, &count, &reply)) {
            status = EXIT_NO;
            if (rows)
                fprintf(stderr, "  in rows %zu to %zu; line 1 is the header\n", rows + 1, rows + count);
        } else if (as_json) {
            add_csv(answer, model, text_string(&reply.body));
        } else {
            const char *body = text_string(&reply.body);
            fputs(rows ? body + strcspn(body, "\n") + 1 : body, stdout);
        }
        client_reply_free(&reply);
        rows += count;
    } while (!status && count && ungetc(getc(file), file) != EOF);
    if (!status && cli->flag[FLAG_JSON])
        status = print_json(answer);
    else if (!status && as_json)
        print_table(cli, answer);
    cJSON_Delete(answer);
    cJSON_Delete(model);
    text_free(&header);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static int predict_json(struct cli *cli, FILE *file)
{
    struct client_request request = {.method = "POST", .content_type = "application/json", .upload = file};
    struct client_reply reply;
    cJSON *answer = NULL;
    int status = EXIT_NO;
    if (!cli_call(cli, &request, &reply)) {
        status = EXIT_NO;
    } else if (cli->flag[FLAG_JSON] || !cli->terminal) {
        cli_print_body(cli, &reply);
        status = EXIT_FINE;
    } else if ((answer = cli_parse(&reply))) {
        print_table(cli, answer);
        status = EXIT_FINE;
    }
    cJSON_Delete(answer);
    client_reply_free(&reply);
    return status;
}

static bool ends_in(const char *string, const char *end)
{
    size_t length = strlen(string), tail = strlen(end);
    return length >= tail && !strcmp(string + length - tail, end);
}

int runs_predict(struct cli *cli)
{
    const char *path = cli->argument[1];
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        return EXIT_NO;
    }
    cli_path(cli, "/v1/runs/", cli->argument[0], "/predict");
    int status = ends_in(path, ".json") ? predict_json(cli, file) : predict_csv(cli, file);
    if (file != stdin)
        (void)fclose(file);
    return status;
}
