/* The command line: one table of flags; which of them a verb takes is in its row. */
#include "verbs.h"

#include <string.h>

struct flag {
    const char *name;
    const char *value; /* what stands for it in the help; NULL: takes none */
    const char *help;
};

static const struct flag flags[FLAG_COUNT] = {
    [FLAG_SERVER] = {"--server", "URL", "where mlpd is (MLPD_URL, else " CLIENT_DEFAULT_SERVER ")"},
    [FLAG_TOKEN_FILE] = {"--token-file", "FILE", "holds the token that the server wants (MLP_TOKEN has the token itself)"},
    [FLAG_JSON] = {"--json", NULL, "print JSON: what the server answered, as it came"},
    [FLAG_HELP] = {"--help", NULL, "print this"},
    [FLAG_VERSION] = {"--version", NULL, "print the version of mlp"},
    [FLAG_NAME] = {"--name", "NAME", "the dataset's name (the file's, without its ending), or the jobs' of a list"},
    [FLAG_DELIMITER] = {"--delimiter", "MARK", "between fields: , ; | or tab (found by itself)"},
    [FLAG_DECIMAL] = {"--decimal", "MARK", "decimal mark: . or , (found by itself)"},
    [FLAG_MISSING] = {"--missing", "LIST", "what stands for a missing value, commas between (,NA,NaN,null,?)"},
    [FLAG_WATCH] = {"--watch", NULL, "follow the job until it is over"},
    [FLAG_DRY_RUN] = {"--dry-run", NULL, "check the job and say what it would need; nothing is stored"},
    [FLAG_RUN] = {"--run", "RUN", "a run in place of a job"},
    [FLAG_STATUS] = {"--status", "STATUS", "only those that are queued, running, paused, succeeded, failed, cancelled"},
    [FLAG_LIMIT] = {"--limit", "N", "at most so many, up to 200 (50)"},
    [FLAG_CURSOR] = {"--cursor", "TEXT", "go on after an earlier list"},
    [FLAG_ORDER_BY] = {"--order-by", "FIELD", "such as metrics.valid_loss (number); of jobs best.loss, name, status"},
    [FLAG_DESC] = {"--desc", NULL, "largest first"},
    [FLAG_FROM] = {"--from", "EPOCH", "the first epoch (1)"},
    [FLAG_TO] = {"--to", "EPOCH", "the last epoch"},
    [FLAG_POINTS] = {"--points", "N", "thin to about so many epochs; ends and extremes stay"},
    [FLAG_LOSS] = {"--loss", "LOSS", "the loss to be reached"},
    [FLAG_METRIC] = {"--metric", "NAME", "train_loss or valid_loss (train_loss)"},
    [FLAG_REPEATS] = {"--repeats", "N", "how often each feature is shuffled (5)"},
    [FLAG_SEED] = {"--seed", "N", "of the shuffling (1)"},
    [FLAG_OUTPUT] = {"--output", "FILE", "where to write it, also -o; - is the standard output"},
};

static const struct {
    const char *brief;
    enum flag_id id;
} briefs[] = {{"-h", FLAG_HELP}, {"-o", FLAG_OUTPUT}};

#define BRIEFS (sizeof briefs / sizeof briefs[0])

void options_print(unsigned bits)
{
    for (int id = 0; id < FLAG_COUNT; id++)
        if (bits & FLAG_BIT(id)) {
            int column =
                printf("  %s%s%s", flags[id].name, flags[id].value ? " " : "", flags[id].value ? flags[id].value : "");
            printf("%*s%s\n", column < 22 ? 22 - column : 1, "", flags[id].help);
        }
}

/* ---- the nearest name -------------------------------------------------------------------------------------------- */

#define DISTANCE_MAX_LENGTH 40

/* Letters to add, drop or replace to make one word of the other; as good as infinite for long words. */
static size_t distance(const char *a, const char *b)
{
    size_t length = strlen(b), row[DISTANCE_MAX_LENGTH + 1];
    if (length > DISTANCE_MAX_LENGTH || strlen(a) > DISTANCE_MAX_LENGTH)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t replace = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            size_t shift = 1 + (row[j] < diagonal ? row[j] : diagonal);
            row[j + 1] = replace < shift ? replace : shift;
        }
    }
    return row[length];
}

struct nearest {
    const char *name; /* NULL: nothing is near */
    size_t distance;
};

static void consider(struct nearest *best, const char *word, const char *name)
{
    size_t d = distance(word, name);
    if (d <= 1 + strlen(word) / 3 && (!best->name || d < best->distance))
        *best = (struct nearest){name, d};
}

static int refuse(const char *what, const char *word, const struct nearest *best, const char *help)
{
    if (best->name)
        cli_complain("there is no %s \"%s\": did you mean \"%s\"?", what, word, best->name);
    else
        cli_complain("there is no %s \"%s\": %s lists them", what, word, help);
    return EXIT_USAGE;
}

/* ---- flags ------------------------------------------------------------------------------------------------------- */

static bool flag_is(const char *word, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(word, name, length) && (!word[length] || word[length] == '=');
}

/* FLAG_COUNT when there is none of that name. */
static int flag_find(const char *word)
{
    for (size_t i = 0; i < BRIEFS; i++)
        if (!strcmp(word, briefs[i].brief))
            return (int)briefs[i].id;
    int id = 0;
    while (id < FLAG_COUNT && !flag_is(word, flags[id].name))
        id++;
    return id;
}

static int refuse_flag(const char *word, const struct verb *verb)
{
    struct nearest best = {0};
    unsigned allowed = verb ? verb->flags | FLAGS_ALWAYS : ~0u;
    for (int id = 0; id < FLAG_COUNT; id++)
        if (allowed & FLAG_BIT(id))
            consider(&best, word, flags[id].name);
    struct text help = {0};
    text_printf(&help, "mlp %s%s--help", verb ? verb->name : "", verb ? " " : "");
    int status = refuse("flag", word, &best, text_string(&help));
    text_free(&help);
    return status;
}

/* Reads the flag at words[*at], and its value. */
static int take_flag(struct cli *cli, char **words, int count, int *at)
{
    const char *word = words[*at], *equals = strchr(word, '=');
    int id = flag_find(word);
    if (id == FLAG_COUNT)
        return refuse_flag(word, NULL);
    if (cli->flag[id] && flags[id].value) {
        cli_complain("%s is given twice", flags[id].name);
        return EXIT_USAGE;
    }
    if (!flags[id].value && equals) {
        cli_complain("%s takes no value", flags[id].name);
        return EXIT_USAGE;
    }
    if (!flags[id].value)
        cli->flag[id] = "";
    else if (equals)
        cli->flag[id] = equals + 1;
    else if (*at + 1 < count)
        cli->flag[id] = words[++*at];
    else {
        cli_complain("%s needs a value: %s %s", flags[id].name, flags[id].name, flags[id].value);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

/* How many of the words the verb's name takes; 0: it is another verb. */
static int verb_words(const struct verb *verb, const char *const *words, int count)
{
    const char *space = strchr(verb->name, ' ');
    size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);
    if (!count || strlen(words[0]) != first || strncmp(words[0], verb->name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return count > 1 && !strcmp(words[1], space + 1) ? 2 : 0;
}

/* "data" alone or with a foreign word is answered with what may follow it. */
static int refuse_verb(const struct verb *verbs, const char *const *words, int count)
{
    struct nearest best = {0};
    struct text word = {0}, choices = {0};
    size_t length = strlen(words[0]);
    text_puts(&word, words[0]);
    for (const struct verb *v = verbs; v->name; v++) {
        consider(&best, words[0], v->name);
        if (!strncmp(v->name, words[0], length) && v->name[length] == ' ')
            text_printf(&choices, "%s%s", choices.size ? ", " : "", v->name + length + 1);
    }
    if (choices.size && count > 1) {
        text_printf(&word, " %s", words[1]);
        for (const struct verb *v = verbs; v->name; v++)
            consider(&best, text_string(&word), v->name);
    }
    if (choices.size && !best.name)
        cli_complain("%s needs one of: %s", words[0], text_string(&choices));
    else
        refuse("verb", text_string(&word), &best, "mlp --help");
    text_free(&word);
    text_free(&choices);
    return EXIT_USAGE;
}

static int check(const struct cli *cli, int words)
{
    const struct verb *verb = cli->verb;
    for (int id = 0; id < FLAG_COUNT; id++)
        if (cli->flag[id] && !((verb->flags | FLAGS_ALWAYS) & FLAG_BIT(id))) {
            cli_complain("%s takes no %s: see mlp %s --help", verb->name, flags[id].name, verb->name);
            return EXIT_USAGE;
        }
    /* A run named by --run stands for the argument. */
    int given = words + (cli->flag[FLAG_RUN] ? 1 : 0);
    if (cli->flag[FLAG_HELP] || (given >= verb->least && given <= verb->most))
        return EXIT_FINE;
    cli_complain("%s: usage: mlp %s %s", given < verb->least ? "something is missing" : "too many arguments",
                 verb->name, verb->arguments);
    return EXIT_USAGE;
}

int options_parse(struct cli *cli, const struct verb *verbs, int count, char **words)
{
    const char *plain[ARGUMENTS_MAX + 2] = {0};
    int plains = 0, status;
    bool only_arguments = false;
    for (int i = 1; i < count; i++) {
        if (!only_arguments && !strcmp(words[i], "--"))
            only_arguments = true;
        else if (!only_arguments && words[i][0] == '-' && words[i][1]) {
            if ((status = take_flag(cli, words, count, &i)))
                return status;
        } else if (plains < ARGUMENTS_MAX + 2)
            plain[plains++] = words[i];
    }
    const char *const *words_left = plain;
    if (plains && !strcmp(plain[0], "help")) { /* as people are used to */
        cli->flag[FLAG_HELP] = "";
        words_left++;
        plains--;
    }
    if (!plains && (cli->flag[FLAG_HELP] || cli->flag[FLAG_VERSION]))
        return EXIT_FINE;
    if (!plains) {
        cli_complain("what is to be done? mlp --help lists the verbs");
        return EXIT_USAGE;
    }
    int taken = 0;
    for (cli->verb = verbs; cli->verb->name && !(taken = verb_words(cli->verb, words_left, plains));)
        cli->verb++;
    if (!taken)
        return refuse_verb(verbs, words_left, plains);
    for (int i = taken; i < plains && cli->arguments < ARGUMENTS_MAX; i++)
        cli->argument[cli->arguments++] = words_left[i];
    return check(cli, plains - taken);
}
