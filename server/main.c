/* mlpd: the order in which everything starts and stops, and nothing else.
 *
 * start: configuration -> directories -> token -> store (recovers runs that were running) -> stray files -> hub,
 *        broadcast, model cache, background, scheduler -> HTTP -> the line on stdout
 * stop:  refuse new jobs -> stop taking connections -> stop the workers (their runs leave checkpoints) -> finish
 *        uploads -> wake the waiting polls -> end the streams -> HTTP -> store */
#include "server/api/api.h"
#include "server/token.h"

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "server/train/checkpoints.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTIONS 4096 /* so that BROADCAST_STREAMS_MAX streams are a quarter of them */
#define OTHER_FILES 256

enum { EXIT_USAGE = 2, EXIT_CORRUPT = 65, EXIT_CANNOT_START = 1, EXIT_FATAL = 70 };

static void on_fatal(void *context, const struct err *err)
{
    (void)context;
    log_event(LOG_ERROR, "storing cannot go on: exiting, so that the next start recovers", "reason", err->message, NULL);
    _exit(EXIT_FATAL);
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

static enum err_code make_directories(struct app *app, struct err *err)
{
    const char *dir = app->config->data_dir;
    enum err_code code = fs_make_dir(dir, err);
    if (!code)
        code = fs_join(app->datasets_dir, dir, "datasets", err);
    if (!code)
        code = fs_join(app->models_dir, dir, "models", err);
    if (!code)
        code = fs_join(app->checkpoints_dir, dir, "checkpoints", err);
    if (!code)
        code = fs_make_dir(app->datasets_dir, err);
    if (!code)
        code = fs_make_dir(app->models_dir, err);
    return code ? code : fs_make_dir(app->checkpoints_dir, err);
}

struct recover_op {
    struct store_op op;
    struct store_recovered recovered;
};

static enum err_code recover_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    return store_recover(tx, clock_wall_ms(), &((struct recover_op *)op)->recovered, err);
}

static enum err_code recover(struct app *app, struct err *err)
{
    struct recover_op o = {.op.run = recover_run};
    enum err_code code = store_execute(app->store, &o.op, err);
    if (!code && o.recovered.went_on)
        log_event(LOG_INFO, "runs that were running go on", "runs", LOG_N(o.recovered.went_on), NULL);
    if (!code && o.recovered.poisoned)
        log_event(LOG_ERROR, "runs that ended the daemon again and again have failed", "runs", LOG_N(o.recovered.poisoned), NULL);
    return code;
}

/* Files that no row names: an upload or a result that a crash cut short. */
struct sweep {
    struct store_reader *reader;
    const char *dir;
    bool (*used)(struct store_reader *reader, const char *name);
};

static bool dataset_used(struct store_reader *reader, const char *name)
{
    bool used = true;
    return store_dataset_file_used(reader, name, &used, NULL) || used;
}

static bool model_used(struct store_reader *reader, const char *name)
{
    struct store_run run = {0};
    char *end;
    long long id = strtoll(name, &end, 10);
    if (strcmp(end, ".model") != 0)
        return false;
    enum err_code code = store_run_get(reader, id, &run, NULL);
    bool used = code ? code != ERR_NOT_FOUND : run.model_sha256 != NULL;
    store_run_done(&run);
    return used;
}

static bool checkpoint_used(struct store_reader *reader, const char *name)
{
    struct store_run run = {0};
    int64_t id;
    if (!checkpoint_name(name, &id))
        return false;
    enum err_code code = store_run_get(reader, id, &run, NULL);
    bool used = code ? code != ERR_NOT_FOUND : !store_status_terminal(run.status);
    store_run_done(&run);
    return used;
}

static enum err_code sweep_one(const char *name, void *context, struct err *err)
{
    const struct sweep *s = context;
    char path[FS_PATH_MAX];
    enum err_code code = ERR_OK;
    if (!s->used(s->reader, name) && !(code = fs_join(path, s->dir, name, err)) && !(code = fs_remove(path, err)))
        log_event(LOG_INFO, "stray file removed", "file", name, NULL);
    return code;
}

static enum err_code sweep_files(struct app *app, struct err *err)
{
    struct store_reader *reader = store_reader_take(app->store);
    struct sweep datasets = {reader, app->datasets_dir, dataset_used}, models = {reader, app->models_dir, model_used},
                 checkpoints = {reader, app->checkpoints_dir, checkpoint_used};
    enum err_code code = fs_list(app->datasets_dir, sweep_one, &datasets, err);
    if (!code)
        code = fs_list(app->models_dir, sweep_one, &models, err);
    if (!code)
        code = fs_list(app->checkpoints_dir, sweep_one, &checkpoints, err);
    store_reader_give(reader);
    return code;
}

static enum err_code start_training(struct app *app, struct err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum err_code code = hub_new(&app->hub, err);
    if (!code)
        code = broadcast_new(app->store, &app->broadcast, err);
    if (!code)
        code = model_cache_new(app->models_dir, &app->models, err);
    if (!code)
        code = background_start(&app->background, err);
    if (!code)
        code = importances_start(&(struct importances_options){app->store, app->hub, app->models, app->datasets_dir},
                                 &app->importances, err);
    if (code)
        return code;
    struct scheduler_options o = {.store = app->store, .hub = app->hub, .models = app->models, .cores = cores > 0 ? (unsigned)cores : 1,
                                  .datasets_dir = app->datasets_dir, .models_dir = app->models_dir,
                                  .checkpoints_dir = app->checkpoints_dir};
    o.workers = app->config->workers ? app->config->workers : o.cores;
    return scheduler_start(&o, &app->scheduler, err);
}

/* How many connections there may be: each is a descriptor, of which a process may open few unless it asks for more. */
static unsigned connection_limit(void)
{
    struct rlimit files = {0};
    if (getrlimit(RLIMIT_NOFILE, &files))
        return 0;
    rlim_t wanted = CONNECTIONS + OTHER_FILES;
    if (files.rlim_cur < wanted) {
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)getrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur < wanted ? (unsigned)(files.rlim_cur / 2) : CONNECTIONS;
}

static enum err_code start(struct app *app, struct err *err)
{
    char token[CONFIG_TOKEN_MAX + 1] = "";
    enum err_code code = make_directories(app, err);
    if (!code)
        code = token_load(app->config, token, err);
    if (!code)
        code = store_open(app->config->data_dir, 8, on_fatal, NULL, &app->store, err);
    if (!code)
        code = recover(app, err);
    if (!code)
        code = sweep_files(app, err);
    if (!code)
        code = start_training(app, err);
    if (code)
        return code;
    struct http_options o = {.address = app->config->address, .port = app->config->port,
                             .threads = app->config->http_threads, .connections = connection_limit(),
                             .routes = api_routes, .app = app, .hosts = app->config->hosts, .token = token};
    return http_start(&o, &app->http, err);
}

/* ---- stop ----------------------------------------------------------------------------------------------------------- */

static void stop(struct app *app)
{
    atomic_store(&app->stopping, true);
    if (app->http)
        http_quiesce(app->http);
    scheduler_stop(app->scheduler);
    background_stop(app->background);
    importances_stop(app->importances);
    if (app->hub)
        hub_close(app->hub);
    if (app->broadcast)
        broadcast_close(app->broadcast);
    if (app->http)
        http_stop(app->http);
    broadcast_free(app->broadcast);
    store_close(app->store);
    scheduler_free(app->scheduler);
    background_free(app->background);
    importances_free(app->importances);
    model_cache_free(app->models);
    hub_free(app->hub);
}

/* A second signal exits at once. */
static void exit_now(int signal)
{
    (void)signal;
    _exit(EXIT_FATAL);
}

static void wait_for_signal(const sigset_t *signals)
{
    int signal = 0;
    while (sigwait(signals, &signal) != 0)
        ;
    log_event(LOG_INFO, "stopping", "signal", LOG_N(signal), NULL);
    struct sigaction again = {.sa_handler = exit_now};
    sigaction(SIGTERM, &again, NULL);
    sigaction(SIGINT, &again, NULL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static void announce(const struct app *app)
{
    bool v6 = strchr(app->config->address, ':') != NULL;
    printf("mlpd %s listening on http://%s%s%s:%u\n", MLPD_VERSION, v6 ? "[" : "", app->config->address, v6 ? "]" : "",
           http_port(app->http));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct config config;
    static struct app app;
    struct err err = {0};
    if (config_read(argc, argv, &config, &err)) {
        fprintf(stderr, "mlpd: %s\nTry 'mlpd --help'.\n", err.message);
        return EXIT_USAGE;
    }
    if (config.help || config.version) {
        if (config.help)
            config_help();
        else
            printf("mlpd %s\n", MLPD_VERSION);
        return 0;
    }
    log_set_level(config.log_level);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);
    app.config = &config;
    app.started_at = clock_wall_ms();
    enum err_code code = start(&app, &err);
    if (code) {
        fprintf(stderr, "mlpd: %s\n", err.message);
        stop(&app);
        return code == ERR_CORRUPT ? EXIT_CORRUPT : EXIT_CANNOT_START;
    }
    announce(&app);
    wait_for_signal(&signals);
    stop(&app);
    return 0;
}
