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

static void evaluation_print(struct cli *cli, const cJSON *evaluation)
{
    print_fields(evaluation, "classes confusion_matrix per_class actual predicted");
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
