/* mlp importance: which features a run relies on, as figures and bars. */
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_SECONDS 30
#define BAR_COLUMNS  30

/* In proportion to the largest drop, to an eighth of a character; a feature that is of no use has none. */
static void put_bar(const struct cli *cli, struct table *t, double drop, double largest)
{
    static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
    double length = largest > 0 && drop > 0 ? drop / largest * BAR_COLUMNS : 0;
    int parts = (int)(length * 8 + 0.5), whole = cli->unicode ? parts / 8 : (int)(length + 0.5);
    struct text bar = {0};
    for (int i = 0; i < whole; i++)
        text_puts(&bar, cli->unicode ? "\u2588" : "#");
    if (cli->unicode)
        text_puts(&bar, eighths[parts % 8]);
    table_cell(t, text_string(&bar));
    text_free(&bar);
}

static void put_moments(struct table *t, const cJSON *moments)
{
    table_figure(t, json_member(moments, "mean"));
    table_figure(t, json_member(moments, "standard_deviation"));
}

static void importance_print(struct cli *cli, const cJSON *answer)
{
    static const char *const headings[] = {"FEATURE", ">DROP", ">+-", ">LOSS\nINCREASE", ">+-", ""};
    const cJSON *features = json_member(answer, "features"), *feature;
    double largest = 0;
    struct text line = {0};
    text_puts(&line, json_text(answer, "metric"));
    text_puts(&line, " ");
    put_figure(&line, json_member(answer, "value"));
    text_puts(&line, " and loss ");
    put_figure(&line, json_member(answer, "loss"));
    text_printf(&line, " on %.0f validation rows; what is lost when a feature is shuffled, %.0f times:\n\n",
                json_number(answer, "rows"), json_number(answer, "repeats"));
    print_text(&line);
    text_free(&line);
    cJSON_ArrayForEach(feature, features)
    {
        double drop = json_number(json_member(feature, "metric_drop"), "mean");
        largest = drop > largest ? drop : largest;
    }
    struct table *t = table_new(headings, 6);
    cJSON_ArrayForEach(feature, features)
    {
        if (!t)
            break;
        table_cell(t, json_text(feature, "feature"));
        put_moments(t, json_member(feature, "metric_drop"));
        put_moments(t, json_member(feature, "loss_increase"));
        put_bar(cli, t, json_number(json_member(feature, "metric_drop"), "mean"), largest);
    }
    if (t)
        table_print(cli, t);
    table_free(t);
}

/* Asks until it is there. */
int runs_importance(struct cli *cli)
{
    struct client_request request = {.method = "GET", .wait_seconds = WAIT_SECONDS};
    struct client_reply reply;
    char seconds[16];
    (void)snprintf(seconds, sizeof seconds, "%d", WAIT_SECONDS);
    cli_path(cli, "/v1/runs/", cli->argument[0], "/importance");
    cli_query(cli, "repeats", cli->flag[FLAG_REPEATS]);
    cli_query(cli, "seed", cli->flag[FLAG_SEED]);
    cli_query(cli, "wait", seconds);
    bool fine;
    while ((fine = cli_call(cli, &request, &reply)) && reply.status == 202)
        client_reply_free(&reply);
    cJSON *answer = fine && !cli->flag[FLAG_JSON] ? cli_parse(&reply) : NULL;
    if (fine && cli->flag[FLAG_JSON])
        cli_print_body(cli, &reply);
    else if (answer)
        importance_print(cli, answer);
    fine = fine && (answer || cli->flag[FLAG_JSON]);
    cJSON_Delete(answer);
    client_reply_free(&reply);
    return fine ? EXIT_FINE : EXIT_NO;
}
