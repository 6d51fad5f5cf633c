/* mlp, the command line client of mlpd: the table of its verbs, the help, and what a process needs around them. */
#include "verbs.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIT         FLAG_BIT
#define TABLE_FLAGS (BIT(FLAG_NAME) | BIT(FLAG_DELIMITER) | BIT(FLAG_DECIMAL) | BIT(FLAG_MISSING))
#define LIST_FLAGS  (BIT(FLAG_LIMIT) | BIT(FLAG_CURSOR))
#define EPOCH_FLAGS (BIT(FLAG_FROM) | BIT(FLAG_TO) | BIT(FLAG_POINTS))

static const struct verb verbs[] = {
    {"data add", "FILE.csv", 1, 1, TABLE_FLAGS, data_add, "upload a table",
     "A FILE named - is the standard input and needs --name."},
    {"data list", "", 0, 0, LIST_FLAGS, data_list, "list the datasets, newest first", NULL},
    {"data show", "DATASET", 1, 1, 0, data_show, "a dataset and what is in its columns", NULL},
    {"data rm", "DATASET", 1, 1, 0, data_rm, "delete a dataset", NULL},
    {"train", "JOB.json", 1, 1, BIT(FLAG_WATCH) | BIT(FLAG_DRY_RUN), train, "start a training job",
     "A file named - is the standard input. mlp schema prints what a job may say.\n"
     "Ctrl-C under --watch stops watching only, with exit status 130."},
    {"jobs", "", 0, 0, LIST_FLAGS | BIT(FLAG_STATUS) | BIT(FLAG_NAME) | BIT(FLAG_ORDER_BY) | BIT(FLAG_DESC), jobs_list,
     "list the jobs, newest first", NULL},
    {"show", "JOB | --run RUN", 1, 1, BIT(FLAG_RUN), jobs_show, "a job with its runs, or one run", NULL},
    {"runs", "JOB", 1, 1, LIST_FLAGS | BIT(FLAG_STATUS) | BIT(FLAG_ORDER_BY) | BIT(FLAG_DESC), jobs_runs,
     "list the runs of a job", NULL},
    {"folds", "JOB", 1, 1, BIT(FLAG_LIMIT) | BIT(FLAG_ORDER_BY) | BIT(FLAG_DESC), jobs_folds,
     "mean and spread over the folds of a job",
     "Of every point of a grid, the least valid_loss first; --order-by takes number,\n"
     "metrics.best_loss, metrics.valid_accuracy and so on."},
    {"watch", "JOB | --run RUN", 1, 1, BIT(FLAG_RUN), watch, "follow a job or a run until it is over",
     "Exit status 0 when it succeeded, 1 when it failed or was cancelled. Ctrl-C stops\n"
     "watching only, with exit status 130. With --json, or when the output is no\n"
     "terminal, one line for a change, at most one a second."},
    {"cancel", "JOB", 1, 1, 0, jobs_cancel, "stop a job for good", NULL},
    {"pause", "JOB", 1, 1, 0, jobs_pause, "stop a job for a while", NULL},
    {"resume", "JOB", 1, 1, 0, jobs_resume, "go on with a paused job", NULL},
    {"rm", "JOB", 1, 1, 0, jobs_rm, "delete a job that is over, with its runs", NULL},
    {"compare", "JOB --loss LOSS", 1, 1, BIT(FLAG_LOSS) | BIT(FLAG_METRIC), jobs_compare,
     "which run of a job reached a loss in the fewest epochs", NULL},
    {"epochs", "RUN", 1, 1, EPOCH_FLAGS, runs_epochs, "losses and metrics of a run by epoch", NULL},
    {"layers", "RUN", 1, 1, EPOCH_FLAGS, runs_layers, "gradients, steps and dead units of a run by layer and epoch",
     NULL},
    {"evaluate", "RUN", 1, 1, 0, runs_evaluate, "how a run does on the validation rows", NULL},
    {"importance", "RUN", 1, 1, BIT(FLAG_REPEATS) | BIT(FLAG_SEED), runs_importance,
     "which features matter, by shuffling each of them", NULL},
    {"predict", "RUN FILE", 2, 2, 0, runs_predict, "predict the rows of a table",
     "FILE is a CSV with a header, and so is the answer; a file that ends in .json has\n"
     "{\"instances\": [...]} and is answered in JSON. A FILE named - is a CSV from the\n"
     "standard input. A terminal gets a table of either."},
    {"export", "RUN", 1, 1, BIT(FLAG_OUTPUT), runs_export, "download the model of a run",
     "Without --output it becomes run-RUN.model."},
    {"schema", "", 0, 0, 0, schema, "the JSON Schema of a job", NULL},
    {"health", "", 0, 0, 0, health, "whether the server takes jobs", "Exit status 0 when it does, 1 when not. Needs no token."},
    {"token", "", 0, 0, 0, token, "print the token that would be sent",
     "It is in the file of --token-file, in MLP_TOKEN or MLPD_TOKEN, or in the file that\n"
     "MLPD_TOKEN_FILE names; the first of these counts."},
    {.name = NULL},
};

static void print_help(void)
{
    puts("usage: mlp VERB [ARGUMENTS] [FLAGS]\n\nverbs:");
    for (const struct verb *v = verbs; v->name; v++) {
        int column = printf("  %s %s", v->name, v->arguments);
        printf("%*s%s\n", column < 26 ? 26 - column : 1, "", v->summary);
    }
    puts("\nflags of every verb (mlp VERB --help has its own):");
    options_print(FLAGS_ALWAYS);
    puts("\nexit status: 0 done; 1 the server, the network or the run failed; 2 the command\n"
         "line is wrong; 130 Ctrl-C while watching, which never stops a run\n\n"
         "to begin with: mlp data add table.csv\n"
         "               echo '{\"dataset\": \"table\", \"target\": \"COLUMN\"}' | mlp train - --watch");
}

static void print_verb_help(const struct verb *v)
{
    printf("usage: mlp %s%s%s [FLAGS]\n%s\n", v->name, *v->arguments ? " " : "", v->arguments, v->summary);
    if (v->notes)
        printf("\n%s\n", v->notes);
    puts("\nflags:");
    options_print(v->flags | FLAGS_ALWAYS);
}

static void look_around(struct cli *cli)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    setlocale(LC_CTYPE, "");
    cli->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
    cli->terminal = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    cli->color = cli->terminal && !(no_color && *no_color);
    struct screen screen;
    screen_measure(&screen);
    cli->columns = cli->terminal ? screen.columns : 0;
}

static int carry_out(struct cli *cli)
{
    if (cli->flag[FLAG_VERSION]) {
        puts("mlp " MLPD_VERSION);
        return EXIT_FINE;
    }
    if (cli->flag[FLAG_HELP]) {
        if (cli->verb)
            print_verb_help(cli->verb);
        else
            print_help();
        return EXIT_FINE;
    }
    if (!cli_find_token(cli))
        return EXIT_NO;
    cli->client = client_new(cli->flag[FLAG_SERVER], text_string(&cli->token));
    if (!cli->client) {
        cli_complain("out of memory");
        return EXIT_NO;
    }
    int status = cli->verb->run(cli);
    client_free(cli->client);
    text_free(&cli->token);
    text_free(&cli->path);
    return status;
}

int main(int count, char **words)
{
    struct cli cli = {0};
    look_around(&cli);
    int status = options_parse(&cli, verbs, count, words);
    if (!status)
        status = carry_out(&cli);
    if ((fflush(stdout) || ferror(stdout)) && !status) {
        cli_complain("cannot write to the standard output");
        status = EXIT_NO;
    }
    return status;
}
