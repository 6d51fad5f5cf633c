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

/* Columns: "class" and the classes' names, or "prediction" alone. */
static cJSON *prediction_of(const cJSON *columns, const cJSON *record)
{
    const cJSON *name = columns->child, *field = record->child;
    if (!name->next)
        return number_of(field);
    cJSON *prediction = cJSON_CreateObject();
    cJSON_AddStringToObject(prediction, "class", field->valuestring);
    cJSON *probabilities = cJSON_AddObjectToObject(prediction, "probabilities");
    while ((name = name->next) && (field = field->next))
        cJSON_AddItemToObject(probabilities, name->valuestring, number_of(field));
    return prediction;
}

/* Adds the rows of a CSV to {"predictions": [...]}. */
static void add_csv(cJSON *answer, const char *csv)
{
    cJSON *predictions = cJSON_GetObjectItemCaseSensitive(answer, "predictions");
    cJSON *columns = read_record(&csv);
    while (*csv) {
        cJSON *record = read_record(&csv);
        cJSON_AddItemToArray(predictions, prediction_of(columns, record));
        cJSON_Delete(record);
    }
    cJSON_Delete(columns);
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

static void row_cells(struct table *t, int number, const cJSON *prediction, const cJSON *probabilities)
{
    const cJSON *name;
    table_cellf(t, "%d", number);
    if (cJSON_IsObject(prediction))
        table_value(t, json_member(prediction, "class"));
    else if (is_number(prediction))
        table_cellf(t, "%.6g", to_number(prediction));
    else
        table_cell(t, "-");
    cJSON_ArrayForEach(name, probabilities)
    {
        const cJSON *p = json_member(json_member(prediction, "probabilities"), name->string);
        if (is_number(p))
            table_cellf(t, "%.4f", to_number(p));
        else
            table_cell(t, "-");
    }
}

static void print_warnings(const cJSON *warnings)
{
    double missing = json_number(warnings, "missing"), unseen = json_number(warnings, "unseen");
    if (missing > 0)
        printf("%.0f %s missing and imputed\n", missing, missing == 1 ? "value was" : "values were");
    if (unseen > 0)
        printf("%.0f %s never seen in training\n", unseen, unseen == 1 ? "category was" : "categories were");
}

static void print_table(struct cli *cli, const cJSON *answer)
{
    const cJSON *predictions = json_member(answer, "predictions"), *prediction;
    const cJSON *probabilities = json_member(predictions ? predictions->child : NULL, "probabilities"), *name;
    size_t columns = 2, at = 2;
    columns += (size_t)cJSON_GetArraySize(probabilities);
    const char **headings = calloc(columns, sizeof *headings);
    struct text *names = calloc(columns, sizeof *names);
    if (headings && names) {
        headings[0] = ">ROW";
        headings[1] = probabilities ? "CLASS" : ">PREDICTION";
        cJSON_ArrayForEach(name, probabilities)
        {
            text_printf(&names[at], ">%s", name->string);
            headings[at] = text_string(&names[at]);
            at++;
        }
        struct table *t = table_new(headings, columns);
        int number = 0;
        cJSON_ArrayForEach(prediction, predictions)
        {
            if (t)
                row_cells(t, ++number, prediction, probabilities);
        }
        if (t)
            table_print(cli, t);
        table_free(t);
    }
    for (size_t i = 0; names && i < columns; i++)
        text_free(&names[i]);
    free(names);
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

static int predict_csv(struct cli *cli, FILE *file)
{
    bool as_json = cli->flag[FLAG_JSON] || cli->terminal;
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
            add_csv(answer, text_string(&reply.body));
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
