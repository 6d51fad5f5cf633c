/* mlp evaluate: how a run does on the validation rows, as figures. The curves are in the JSON. */
#include "verbs.h"

#define MATRIX_MAX 20 /* classes of a confusion matrix that people still read */

static void print_matrix(struct cli *cli, const cJSON *classes, const cJSON *matrix)
{
    const char *headings[MATRIX_MAX + 1] = {""};
    struct text name[MATRIX_MAX] = {{0}};
    size_t count = 0;
    const cJSON *class, *row, *cell;
    if (cJSON_GetArraySize(classes) > MATRIX_MAX || !cJSON_IsArray(matrix)) {
        printf("\nthe confusion matrix of %d classes is in the JSON, if at all\n", cJSON_GetArraySize(classes));
        return;
    }
    cJSON_ArrayForEach(class, classes)
    {
        text_puts(&name[count], ">");
        json_put(&name[count], class);
        headings[count + 1] = text_string(&name[count]);
        count++;
    }
    struct table *t = table_new(headings, count + 1);
    class = classes ? classes->child : NULL;
    for (row = matrix->child; t && row && class; row = row->next, class = class->next) {
        table_value(t, class);
        cJSON_ArrayForEach(cell, row)
        {
            table_value(t, cell);
        }
    }
    puts("\nconfusion matrix: rows are the actual classes, columns the predicted ones");
    if (t)
        table_print(cli, t);
    table_free(t);
    for (size_t i = 0; i < count; i++)
        text_free(&name[i]);
}

static void print_classes(struct cli *cli, const cJSON *classes)
{
    static const char *const headings[] = {"CLASS", ">ROWS",     ">PRECISION",         ">RECALL",
                                           ">F1",   ">ROC\nAUC", ">AVERAGE\nPRECISION"};
    static const char *const figures[] = {"rows", "precision", "recall", "f1", "roc_auc", "average_precision"};
    struct table *t = table_new(headings, 7);
    const cJSON *class;
    if (!t)
        return;
    cJSON_ArrayForEach(class, classes)
    {
        table_cell(t, json_text(class, "class"));
        for (size_t i = 0; i < 6; i++)
            table_figure(t, json_member(class, figures[i]));
    }
    putchar('\n');
    table_print(cli, t);
    table_free(t);
}

/* A row for each of several targets: of the second of its classes, or of its residuals. */
static void print_targets(struct cli *cli, const cJSON *targets)
{
    static const char *const numbers[] = {"TARGET", ">RMSE", ">MAE", ">R2", ">RESIDUAL\nMEAN", ">+-"};
    static const char *const classes[] = {"TARGET", "CLASS", ">ROWS", ">PRECISION", ">RECALL", ">F1", ">ROC\nAUC", ">ACCURACY"};
    static const char *const of_numbers[] = {"valid_rmse", "valid_mae", "valid_r2"};
    static const char *const of_class[] = {"rows", "precision", "recall", "f1"};
    bool labels = json_member(targets->child, "classes") != NULL;
    struct table *t = labels ? table_new(classes, 8) : table_new(numbers, 6);
    const cJSON *target;
    if (!t)
        return;
    cJSON_ArrayForEach(target, targets)
    {
        const cJSON *class = cJSON_GetArrayItem(json_member(target, "per_class"), 1), *residuals = json_member(target, "residuals");
        table_cell(t, json_text(target, "target"));
        if (labels)
            table_cell(t, json_text(class, "class"));
        for (size_t i = 0; labels && i < 4; i++)
            table_figure(t, json_member(class, of_class[i]));
        for (size_t i = 0; !labels && i < 3; i++)
            table_figure(t, json_member(target, of_numbers[i]));
        table_figure(t, labels ? json_member(target, "valid_roc_auc") : json_member(residuals, "mean"));
        table_figure(t, labels ? json_member(target, "valid_accuracy") : json_member(residuals, "standard_deviation"));
    }
    putchar('\n');
    table_print(cli, t);
    table_free(t);
}

static void evaluation_print(struct cli *cli, const cJSON *evaluation)
{
    const cJSON *targets = json_member(evaluation, "targets");
    print_fields(evaluation, "classes confusion_matrix per_class actual predicted targets");
    if (targets && targets->child)
        print_targets(cli, targets);
    if (!json_member(evaluation, "classes"))
        return;
    print_matrix(cli, json_member(evaluation, "classes"), json_member(evaluation, "confusion_matrix"));
    print_classes(cli, json_member(evaluation, "per_class"));
}

int runs_evaluate(struct cli *cli)
{
    cli_path(cli, "/v1/runs/", cli->argument[0], "/evaluation");
    return cli_answer(cli, "GET", evaluation_print);
}
