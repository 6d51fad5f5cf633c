/* mlp: what its verbs share. One struct cli for the one command that the process carries out; one thread. Functions
 * that carry out a verb return the exit status and have said on stderr what went wrong. */
#pragma once

#include "client/lib/client.h"

#include <cjson/cJSON.h>
#include <stdint.h>

enum {
    EXIT_FINE = 0,
    EXIT_NO = 1,            /* the server or the network said no, or the run that was watched failed */
    EXIT_USAGE = 2,         /* the command line is wrong */
    EXIT_INTERRUPTED = 130, /* Ctrl-C while watching */
};

/* ---- the command line (options.c) -------------------------------------------------------------------------------- */

enum flag_id {
    FLAG_SERVER,
    FLAG_TOKEN_FILE,
    FLAG_JSON,
    FLAG_HELP,
    FLAG_VERSION,
    FLAG_NAME,
    FLAG_DELIMITER,
    FLAG_DECIMAL,
    FLAG_MISSING,
    FLAG_WATCH,
    FLAG_DRY_RUN,
    FLAG_RUN,
    FLAG_STATUS,
    FLAG_LIMIT,
    FLAG_CURSOR,
    FLAG_ORDER_BY,
    FLAG_DESC,
    FLAG_FROM,
    FLAG_TO,
    FLAG_POINTS,
    FLAG_LOSS,
    FLAG_METRIC,
    FLAG_OUTPUT,
    FLAG_REPEATS,
    FLAG_SEED,
    FLAG_COUNT,
};
#define FLAG_BIT(id) (1u << (id))
#define FLAGS_ALWAYS                                                                                                   \
    (FLAG_BIT(FLAG_SERVER) | FLAG_BIT(FLAG_TOKEN_FILE) | FLAG_BIT(FLAG_JSON) | FLAG_BIT(FLAG_HELP) | FLAG_BIT(FLAG_VERSION))

#define ARGUMENTS_MAX 4 /* "data add FILE" and one too many, to be told so */

struct cli;
struct verb {
    const char *name;      /* one word or two */
    const char *arguments; /* for the usage line */
    int least, most;       /* how many of them */
    unsigned flags;        /* bits of those it takes beside FLAGS_ALWAYS */
    int (*run)(struct cli *cli);
    const char *summary;
    const char *notes; /* more for --help; NULL: none */
};

struct cli {
    struct client *client;
    struct text token; /* empty: none */
    const struct verb *verb;
    const char *argument[ARGUMENTS_MAX];
    int arguments;
    const char *flag[FLAG_COUNT]; /* its value, "" for one that takes none; NULL: not given */
    struct text path;             /* of the next request */
    bool terminal;                /* stdout is one */
    size_t columns;               /* of the terminal; 0: stdout is none */
    bool color;
    bool unicode;
};

/* Fills verb, arguments and flags, or says what is wrong and returns EXIT_USAGE. The verb stays NULL when --help or
 * --version came without one. */
int options_parse(struct cli *cli, const struct verb *verbs, int count, char **words);
/* The flags of the bits, one line each. */
void options_print(unsigned flags);

/* ---- the service itself (service.c) ------------------------------------------------------------------------------ */

/* Sets cli->token from --token-file, MLP_TOKEN, MLPD_TOKEN or the file of MLPD_TOKEN_FILE; false: it has been said why not. */
bool cli_find_token(struct cli *cli);

/* ---- asking (call.c) --------------------------------------------------------------------------------------------- */

/* The path of the next request: before, the id percent-encoded, after. */
void cli_path(struct cli *cli, const char *before, const char *id, const char *after);
/* Adds ?name=value or &name=value; nothing when value is NULL. */
void cli_query(struct cli *cli, const char *name, const char *value);
/* Sends a request to cli->path; says what went wrong. The reply is to be freed in any case. */
bool cli_call(struct cli *cli, struct client_request *request, struct client_reply *ret_reply);
/* Without a body: GET, POST, DELETE. Prints the answer as JSON or by `print`; NULL: nothing but JSON. */
int cli_answer(struct cli *cli, const char *method, void (*print)(struct cli *cli, const cJSON *answer));
/* GETs cli->path; NULL: it has been said why. cJSON_Delete it. */
cJSON *cli_get(struct cli *cli);
/* The reply as JSON; NULL: it has been said that it is none. */
cJSON *cli_parse(const struct client_reply *reply);
/* The body as it came, with a newline at its end. */
void cli_print_body(struct cli *cli, const struct client_reply *reply);
/* "mlp: ..." on stderr; the text may be foreign. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- JSON as text (print.c) -------------------------------------------------------------------------------------- */

const cJSON *json_member(const cJSON *object, const char *name);
/* "" when it is no text. */
const char *json_text(const cJSON *object, const char *name);
/* NaN when it is no number. */
double json_number(const cJSON *object, const char *name);
bool json_true(const cJSON *object, const char *name);
/* A share 0..1 in whole percent, 100 only when it is all. */
int percent(double share);
/* Adds a value as one word for people: numbers to six digits, null as "-", texts cleaned, anything else as JSON. */
void json_put(struct text *out, const cJSON *value);
/* Adds a text, or a list of them as "a, b". */
void put_names(struct text *out, const cJSON *value);
/* Adds a measured number to four digits, a count in full, "-" for anything else. */
void put_figure(struct text *out, const cJSON *value);
/* Adds a text in the colour of that number, when colours are on. */
void put_colored(const struct cli *cli, struct text *out, const char *color, const char *string);
/* Adds the status in its colour, when colours are on. */
void put_status(const struct cli *cli, struct text *out, const char *status);
/* Adds "64 relu, 32 relu" for a list of layers, with "8 inputs" before when it says so; "no hidden layer" for none. */
void put_layers(struct text *out, const cJSON *layers);
/* Adds a time of the server as "2026-11-25 15:43:57", which is UTC. */
void put_time(struct text *out, const char *time);
/* Prints a nested value as one line "path  value" for every leaf, without the members named in `skip` (space between).
 */
void print_fields(const cJSON *value, const char *skip);
void print_text(const struct text *text);
/* How to see the next page of a list; nothing when it was the last one. */
void print_more(const cJSON *list, const char *verb);
/* 95 s as "1 min 35 s". */
void put_duration(struct text *out, double seconds);

/* ---- tables (table.c) -------------------------------------------------------------------------------------------- */

struct table;
/* Headings that begin with '>' are of columns of numbers, aligned to the right; one with a newline in it takes two
 * lines. NULL: out of memory. */
struct table *table_new(const char *const *headings, size_t columns);
/* The next cell of the row; after the last one a new row begins. The text may be foreign. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_value(struct table *t, const cJSON *value);
void table_figure(struct table *t, const cJSON *value);
void table_time(struct table *t, const char *time);
void table_status(const struct cli *cli, struct table *t, const char *status);
/* Adds the lines. A limit shortens the last column of texts, so that they take so many columns; 0: none. */
void table_put(const struct table *t, struct text *out, size_t limit);
void table_print(const struct cli *cli, const struct table *t);
void table_free(struct table *t);

/* ---- points of a grid (points.c) --------------------------------------------------------------------------------- */

/* The status with its reason: "failed: diverged", "succeeded: halving". */
void run_status_cell(const struct cli *cli, struct table *t, const cJSON *run);
/* Adds the name of a hyper-parameter: the last word of its JSON Pointer when no other of the run has the same. */
void put_axis(struct text *out, const cJSON *hyperparameter);
/* Adds "momentum 0.5, learning_rate 0.1"; nothing for a job without a grid. */
void put_point(struct text *out, const cJSON *run);
/* A table with one more column for every hyper-parameter that `run` has. NULL: out of memory. */
struct table *points_table(const char *const *headings, size_t columns, const cJSON *run);
/* The cells of these columns, for another run of the same job. */
void points_cells(struct table *t, const cJSON *first, const cJSON *run);
/* A list of runs. */
void runs_put(const struct cli *cli, struct text *out, const cJSON *runs);

/* ---- the screen (screen.c) --------------------------------------------------------------------------------------- */

struct screen {
    size_t columns, rows;
    struct text shown; /* what stands on it; it is replaced by the next picture */
};
/* Asks the terminal for its size; 80 x 24 when it does not say. */
void screen_measure(struct screen *s);
/* Puts the lines where the ones before stood: all of them as they are, or those that there is room for, cut to the
 * width. */
void screen_draw(struct screen *s, const struct text *lines, bool all);

/* ---- pictures (curve.c) ------------------------------------------------------------------------------------------ */

#define COLOR_TRAIN "36"
#define COLOR_VALID "33"

struct curve {
    size_t count;
    const double *epoch;     /* ascending */
    const double *series[2]; /* of training and of validation; NaN where there is none */
};
/* A plot of `rows` lines of at most `columns` columns, and a line that says what is what; nothing when there is no loss
 * or no room. */
void curve_draw(const struct cli *cli, struct text *out, const struct curve *curve, size_t columns, size_t rows);
/* A bar of exactly `columns` columns, filled by the share 0..1. */
void bar_draw(const struct cli *cli, struct text *out, double share, size_t columns);

/* ---- what watching shows (picture.c) ----------------------------------------------------------------------------- */

struct picture {
    const struct cli *cli;
    const cJSON *run; /* one of the two is NULL */
    const cJSON *job;
    const cJSON *detail; /* the run's epochs, or a list of the job's runs by loss; NULL: not known */
    double left;         /* seconds; NaN: not known */
    const char *note;    /* of trouble; "": none */
    size_t columns, rows;
};
void picture_put(struct text *out, const struct picture *p);
/* The same as one line for a log, without a newline. */
void picture_line(struct text *out, const struct picture *p);
/* The loss that the job's runs are ordered by: valid_loss, or train_loss when there are no validation rows. */
const char *job_loss(const cJSON *job);
double picture_share(const struct picture *p);

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

int data_add(struct cli *cli);
int data_list(struct cli *cli);
int data_show(struct cli *cli);
int data_rm(struct cli *cli);
int train(struct cli *cli);
int jobs_list(struct cli *cli);
int jobs_show(struct cli *cli);
int jobs_runs(struct cli *cli);
int jobs_folds(struct cli *cli);
int jobs_cancel(struct cli *cli);
int jobs_pause(struct cli *cli);
int jobs_resume(struct cli *cli);
int jobs_rm(struct cli *cli);
int jobs_compare(struct cli *cli);
int runs_epochs(struct cli *cli);
int runs_layers(struct cli *cli);
int runs_evaluate(struct cli *cli);
int runs_importance(struct cli *cli);
int runs_predict(struct cli *cli);
int runs_export(struct cli *cli);
int schema(struct cli *cli);
int health(struct cli *cli);
int token(struct cli *cli);
int watch(struct cli *cli);

void job_print(struct cli *cli, const cJSON *job);
void run_print(struct cli *cli, const cJSON *run);
/* Follows a job (or, when it has but one, its run) until it is over. */
int watch_job(struct cli *cli, const char *id);
