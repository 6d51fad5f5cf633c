/* mlp folds: mean and spread over the folds of a job, of each point of its grid. */
#include "verbs.h"

#include <string.h>

static void put_spread(struct table *t, const cJSON *spread)
{
    table_figure(t, json_member(spread, "mean"));
    table_figure(t, json_member(spread, "standard_deviation"));
}

/* Of a lone point there is room for everything. */
static void put_figures(struct cli *cli, const cJSON *point, double folds)
{
    static const char *const headings[] = {"FIGURE", ">MEAN", ">+-"};
    const cJSON *figure;
    printf("%.0f of %.0f folds succeeded\n\n", json_number(point, "succeeded"), folds);
    struct table *t = table_new(headings, 3);
    cJSON_ArrayForEach(figure, json_member(point, "metrics"))
    {
        if (!t)
            break;
        table_cell(t, figure->string);
        put_spread(t, figure);
    }
    if (t)
        table_print(cli, t);
    table_free(t);
}

/* The figure of the task that people compare by. */
static const char *headline(const cJSON *metrics)
{
    return json_member(metrics, "valid_accuracy") ? "valid_accuracy" : "valid_r2";
}

static void put_points(struct cli *cli, const cJSON *points, double folds)
{
    const cJSON *first = points->child, *point;
    bool accuracy = !strcmp(headline(json_member(first, "metrics")), "valid_accuracy");
    const char *const headings[] = {">POINT", ">FOLDS",      ">VALID\nLOSS", ">+-", accuracy ? ">VALID\nACCURACY" : ">VALID\nR2", ">+-",
                                    ">BEST\nLOSS", ">+-"};
    struct table *t = points_table(headings, 8, first);
    cJSON_ArrayForEach(point, points)
    {
        if (!t)
            break;
        const cJSON *metrics = json_member(point, "metrics");
        table_value(t, json_member(point, "point"));
        table_cellf(t, "%.0f/%.0f", json_number(point, "succeeded"), folds);
        put_spread(t, json_member(metrics, "valid_loss"));
        put_spread(t, json_member(metrics, accuracy ? "valid_accuracy" : "valid_r2"));
        put_spread(t, json_member(metrics, "best_loss"));
        points_cells(t, first, point);
    }
    if (t)
        table_print(cli, t);
    table_free(t);
}

static void folds_print(struct cli *cli, const cJSON *answer)
{
    const cJSON *points = json_member(answer, "data");
    int shown = cJSON_GetArraySize(points);
    double folds = json_number(answer, "folds"), total = json_number(answer, "total");
    if (total <= 1 && points && points->child)
        put_figures(cli, points->child, folds);
    else if (points && points->child)
        put_points(cli, points, folds);
    if (shown < total)
        printf("%.0f more: mlp folds %s --limit %.0f\n", total - shown, cli->argument[0], total < 200 ? total : 200);
}

int jobs_folds(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/folds");
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "order_by", cli->flag[FLAG_ORDER_BY]);
    cli_query(cli, "desc", cli->flag[FLAG_DESC] ? "true" : NULL);
    return cli_answer(cli, "GET", folds_print);
}
