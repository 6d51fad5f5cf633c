#include "importances.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define JSON_MAX ((size_t)64 << 20)
#define NICENESS 10 /* as the run workers */

enum state { FREE, WAITING, UNDER_WAY, DONE, FAILED };

struct entry {
    enum state state;
    struct importance_request request;
    uint64_t tick; /* of the request while it waits, then of the last use */
    char *json;
    struct err err;
};

struct importances {
    struct store *store;
    struct hub *hub;
    struct model_cache *models;
    char datasets_dir[FS_PATH_MAX];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct entry entry[IMPORTANCES_MAX];
    uint64_t tick;
    atomic_int stop;
    atomic_uint features, done; /* of the one that is under way */
};

/* ---- one of them ------------------------------------------------------------------------------------------------- */

/* What is read of a run. */
struct subject {
    struct job_spec spec;
    struct table *table;
    struct model *model;
};

static void subject_done(struct subject *s)
{
    job_spec_done(&s->spec);
    if (s->table)
        table_unref(s->table);
    model_unref(s->model);
}

static enum err_code read_spec(const struct store_run *run, struct job_spec *ret, struct err *err)
{
    cleanup(json_freep) struct json *body = NULL;
    cleanup(mem_freep) struct violations *violations = mem_zalloc(sizeof *violations);
    enum err_code code = violations ? json_parse(run->spec, strlen(run->spec), &body, err) : err_no_memory(err);
    if (!code)
        code = job_spec_bind(body, true, ret, violations, err);
    if (!code && violations->count)
        code = err_set(err, ERR_INVALID, "%s: %s", violations->item[0].pointer, violations->item[0].detail);
    return code;
}

/* The table that holds the run's validation rows. */
static enum err_code open_table(struct importances *s, struct store_reader *reader, int64_t job, bool own_dataset,
                                struct table **ret, struct err *err)
{
    struct store_job j = {0};
    struct store_dataset dataset = {0};
    char key[32], path[FS_PATH_MAX];
    enum err_code code = store_job_get(reader, job, &j, err);
    int64_t id = own_dataset ? j.validation_dataset : j.dataset;
    if (!code && !id)
        code = own_dataset ? err_set(err, ERR_CONFLICT, "the dataset with the validation rows was deleted")
                           : err_set(err, ERR_CONFLICT, "the dataset \"%.100s\" was deleted, and with it the validation rows",
                                     j.dataset_name);
    snprintf(key, sizeof key, "%lld", (long long)id);
    if (!code)
        code = store_dataset_find(reader, key, &dataset, err);
    if (!code)
        code = fs_join(path, s->datasets_dir, dataset.file, err);
    if (!code)
        code = table_open(path, ret, err);
    store_dataset_done(&dataset);
    store_job_done(&j);
    return code;
}

static enum err_code read_subject(struct importances *s, int64_t id, struct subject *ret, struct err *err)
{
    struct store_run run = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(s->store);
    enum err_code code = store_run_get(reader, id, &run, err);
    if (!code)
        code = read_spec(&run, &ret->spec, err);
    if (!code)
        code = open_table(s, reader, run.job, ret->spec.validation.dataset != NULL, &ret->table, err);
    store_run_done(&run);
    return code ? code : model_cache_get(s->models, id, &ret->model, err);
}

static enum err_code work_out(struct importances *s, const struct importance_request *request, char **ret_json,
                              struct err *err)
{
    struct subject subject = {0};
    struct buf out;
    buf_init(&out, JSON_MAX);
    enum err_code code = read_subject(s, request->run, &subject, err);
    if (!code)
        code = importance_json(request, &subject.spec, subject.table, subject.model, &s->stop, &s->features, &s->done,
                               &out, err);
    if (!code && !(*ret_json = buf_steal(&out, NULL)))
        code = err_no_memory(err);
    buf_done(&out);
    subject_done(&subject);
    return code;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static struct entry *first_locked(struct importances *s, enum state state)
{
    struct entry *first = NULL;
    for (size_t i = 0; i < IMPORTANCES_MAX; i++) {
        struct entry *e = &s->entry[i];
        if (e->state == state && (!first || e->tick < first->tick))
            first = e;
    }
    return first;
}

static void *work(void *context)
{
    struct importances *s = context;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->stop)) {
        struct entry *e = first_locked(s, WAITING);
        if (!e) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        struct importance_request request = e->request;
        struct err err = {0};
        char *json = NULL;
        e->state = UNDER_WAY;
        atomic_store(&s->features, 0);
        atomic_store(&s->done, 0);
        pthread_mutex_unlock(&s->lock);
        enum err_code code = work_out(s, &request, &json, &err);
        pthread_mutex_lock(&s->lock);
        e->state = code ? FAILED : DONE;
        e->json = json;
        e->err = err;
        e->tick = ++s->tick;
        pthread_mutex_unlock(&s->lock);
        hub_publish(s->hub, request.run, 0);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum err_code importances_start(const struct importances_options *o, struct importances **ret, struct err *err)
{
    struct importances *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(err);
    s->store = o->store;
    s->hub = o->hub;
    s->models = o->models;
    snprintf(s->datasets_dir, sizeof s->datasets_dir, "%s", o->datasets_dir);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    errno = pthread_create(&s->thread, NULL, work, s);
    if (errno) {
        mem_free(s);
        return err_errno(err, "starting the thread of importances");
    }
    *ret = s;
    return ERR_OK;
}

void importances_stop(struct importances *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stop, 1);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
}

void importances_free(struct importances *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < IMPORTANCES_MAX; i++)
        mem_free(s->entry[i].json);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    mem_free(s);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static struct entry *find_locked(struct importances *s, const struct importance_request *q)
{
    for (size_t i = 0; i < IMPORTANCES_MAX; i++) {
        struct entry *e = &s->entry[i];
        if (e->state != FREE && e->request.run == q->run && e->request.repeats == q->repeats &&
            e->request.seed == q->seed)
            return e;
    }
    return NULL;
}

/* A place for one more: a free one, or that of the one that was not used for longest. NULL when too many wait. */
static struct entry *place_locked(struct importances *s)
{
    size_t waiting = 0;
    for (size_t i = 0; i < IMPORTANCES_MAX; i++)
        waiting += s->entry[i].state == WAITING;
    if (waiting >= IMPORTANCES_WAITING_MAX)
        return NULL;
    static const enum state order[] = {FREE, FAILED, DONE};
    struct entry *e = NULL;
    for (size_t i = 0; !e && i < sizeof order / sizeof *order; i++)
        e = first_locked(s, order[i]);
    mem_free(e->json);
    *e = (struct entry){.state = FREE};
    return e;
}

static enum err_code answer_locked(struct importances *s, struct entry *e, struct importances_answer *ret,
                                   struct err *err)
{
    if (e->state == FAILED) {
        e->state = FREE;
        return err_set(err, e->err.code, "%s", e->err.message);
    }
    struct importances_answer answer = {0};
    if (e->state == DONE) {
        e->tick = ++s->tick;
        if (!(answer.json = mem_strdup(e->json)))
            return err_no_memory(err);
    }
    if (e->state == UNDER_WAY) {
        answer.features = atomic_load(&s->features);
        answer.done = atomic_load(&s->done);
    }
    *ret = answer;
    return ERR_OK;
}

enum err_code importances_get(struct importances *s, const struct importance_request *request,
                              struct importances_answer *ret, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    struct entry *e = find_locked(s, request);
    if (!e && (e = place_locked(s))) {
        *e = (struct entry){.state = WAITING, .request = *request, .tick = ++s->tick};
        pthread_cond_signal(&s->changed);
    }
    enum err_code code =
        e ? answer_locked(s, e, ret, err)
          : err_set(err, ERR_UNAVAILABLE, "%d importances wait already: try again later", IMPORTANCES_WAITING_MAX);
    pthread_mutex_unlock(&s->lock);
    return code;
}
