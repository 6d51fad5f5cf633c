#include "internal.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define GATHER_NS 2000000L      /* the longest wait for more ops of a group */
#define CHECKPOINT_PAGES 1000   /* of the WAL: a checkpoint when so many are not in the database yet */
#define WAL_PAGES_MAX 16384     /* above this a checkpoint waits for the readers, so that the WAL can start over */

/* ---- one group of ops ------------------------------------------------------------------------------------------------ */

static enum err_code execute(struct connection *c, enum sql s, struct err *err)
{
    struct query q = query_start(c, s);
    return query_run(&q, NULL, err);
}

/* An error here means that the whole transaction is lost; the op's own failure is in op->code. */
static enum err_code run_op(struct store *s, struct store_op *op, struct err *err)
{
    struct connection *c = &s->tx.connection;
    op->err = (struct err){0};
    enum err_code code = execute(c, SQL_SAVEPOINT, err);
    if (code)
        return code;
    op->code = op->run(&s->tx, op, &op->err);
    /* A full disk or a lack of memory can make SQLite roll everything back by itself. */
    if (sqlite3_get_autocommit(c->db)) {
        if (!op->code)
            return err_set(err, ERR_INTERNAL, "the transaction ended inside an operation");
        *err = op->err;
        return err->code = op->code;
    }
    if (op->code && (code = execute(c, SQL_ROLLBACK_TO, err)))
        return code;
    return execute(c, SQL_RELEASE, err);
}

static enum err_code run_group(struct store *s, struct store_op *first, uint64_t *ret_count, struct err *err)
{
    struct connection *c = &s->tx.connection;
    if (s->fatal.code) {
        *err = s->fatal;
        return err->code;
    }
    uint64_t count = 0;
    enum err_code code = execute(c, SQL_BEGIN, err);
    for (struct store_op *op = first; !code && op; op = op->next, count++)
        code = run_op(s, op, err);
    if (!code)
        code = execute(c, SQL_COMMIT, err);
    if (code && !sqlite3_get_autocommit(c->db))
        (void)execute(c, SQL_ROLLBACK, NULL);
    *ret_count = count;
    return code;
}

void store_listen(struct store *s, void (*committed)(void *context), void *context)
{
    pthread_mutex_lock(&s->listener_lock);
    s->committed = committed;
    s->committed_context = context;
    pthread_mutex_unlock(&s->listener_lock);
}

static void tell_listener(struct store *s)
{
    pthread_mutex_lock(&s->listener_lock);
    if (s->committed)
        s->committed(s->committed_context);
    pthread_mutex_unlock(&s->listener_lock);
}

static void commit_group(struct store *s, struct store_op *first)
{
    struct err err = {0};
    uint64_t count = 0;
    enum err_code code = run_group(s, first, &count, &err);
    if (!code) {
        atomic_fetch_add(&s->commits, 1);
        atomic_fetch_add(&s->ops, count);
    }
    for (struct store_op *op = first, *next; op; op = next) {
        next = op->next;
        op->next = NULL;
        if (code) {
            op->code = code;
            op->err = err;
        }
        if (op->done)
            op->done(op);
    }
    if (!code)
        tell_listener(s);
}

/* Once an fsync failed, nobody knows what the disk holds: the next start reads it anew. */
static void notice_fatal(struct store *s)
{
    if (!s->tx.connection.fatal || s->fatal.code)
        return;
    err_set(&s->fatal, ERR_IO, "storing has stopped, since an fsync failed or the database is damaged (%s): restart mlpd",
            sqlite3_errmsg(s->tx.connection.db));
    if (s->on_fatal)
        s->on_fatal(s->context, &s->fatal);
}

static int note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    struct connection *c = context;
    (void)db;
    (void)name;
    c->wal_pages = pages;
    return SQLITE_OK;
}

static void checkpoint_when_due(struct store *s)
{
    struct connection *c = &s->tx.connection;
    if (c->wal_pages < s->checkpointed) /* the WAL has started over */
        s->checkpointed = 0;
    if (s->fatal.code || c->wal_pages - s->checkpointed < CHECKPOINT_PAGES)
        return;
    int mode = c->wal_pages > WAL_PAGES_MAX ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, written = 0;
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, mode, NULL, &written);
    if (code)
        (void)connection_error(c, code, NULL);
    s->checkpointed = mode == SQLITE_CHECKPOINT_TRUNCATE && !code ? 0 : written > 0 ? written : 0;
    if (mode == SQLITE_CHECKPOINT_TRUNCATE && !code)
        c->wal_pages = 0;
}

/* ---- the writer thread ----------------------------------------------------------------------------------------------- */

/* More ops are on their way when the last group had more than are here: clients that all wait for their commit come back
 * together. A single client never waits. */
static void gather_locked(struct store *s)
{
    if (s->stopping || s->queued >= s->last_group)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    while (!s->stopping && s->queued < s->last_group && !pthread_cond_timedwait(&s->work, &s->lock, &until))
        ;
}

/* All that is queued; NULL when stopping and nothing is. */
static struct store_op *take_group(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->head && !s->stopping)
        pthread_cond_wait(&s->work, &s->lock);
    if (s->head)
        gather_locked(s);
    struct store_op *group = s->head;
    s->last_group = s->queued;
    s->head = s->tail = NULL;
    s->queued = 0;
    pthread_cond_broadcast(&s->room);
    pthread_mutex_unlock(&s->lock);
    return group;
}

static void *write_groups(void *context)
{
    struct store *s = context;
    for (struct store_op *group; (group = take_group(s));) {
        commit_group(s, group);
        checkpoint_when_due(s);
        notice_fatal(s);
    }
    return NULL;
}

/* ---- submitting ------------------------------------------------------------------------------------------------------ */

static enum err_code enqueue(struct store *s, struct store_op *op, bool wait, struct err *err)
{
    enum err_code code = ERR_OK;
    op->next = NULL;
    pthread_mutex_lock(&s->lock);
    while (wait && !s->stopping && s->queued >= STORE_QUEUE_MAX)
        pthread_cond_wait(&s->room, &s->lock);
    if (s->stopping) {
        code = err_set(err, ERR_UNAVAILABLE, "the daemon is stopping");
    } else if (s->queued >= STORE_QUEUE_MAX) {
        code = err_set(err, ERR_UNAVAILABLE, "%d operations wait to be stored: try again", STORE_QUEUE_MAX);
    } else {
        if (s->tail)
            s->tail->next = op;
        else
            s->head = op;
        s->tail = op;
        s->queued++;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return code;
}

enum err_code store_submit(struct store *s, struct store_op *op, struct err *err)
{
    return enqueue(s, op, false, err);
}

enum err_code store_submit_blocking(struct store *s, struct store_op *op, struct err *err)
{
    return enqueue(s, op, true, err);
}

/* An op in an envelope that somebody waits for. */
struct waited_op {
    struct store_op op;
    struct store_op *inner;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool is_finished;
};

static enum err_code run_inner(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct store_op *inner = ((struct waited_op *)op)->inner;
    return inner->run(tx, inner, err);
}

static void wake(struct store_op *op)
{
    struct waited_op *w = (struct waited_op *)op;
    w->inner->code = op->code;
    w->inner->err = op->err;
    if (w->inner->done)
        w->inner->done(w->inner);
    pthread_mutex_lock(&w->lock);
    w->is_finished = true;
    pthread_cond_signal(&w->finished);
    pthread_mutex_unlock(&w->lock);
}

enum err_code store_execute(struct store *s, struct store_op *op, struct err *err)
{
    struct waited_op w = {.op = {.run = run_inner, .done = wake}, .inner = op};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.finished, NULL);
    enum err_code code = store_submit_blocking(s, &w.op, &op->err);
    if (code) {
        op->code = code;
        w.op.err = op->err;
    } else {
        pthread_mutex_lock(&w.lock);
        while (!w.is_finished)
            pthread_cond_wait(&w.finished, &w.lock);
        pthread_mutex_unlock(&w.lock);
        code = w.op.code;
    }
    pthread_cond_destroy(&w.finished);
    pthread_mutex_destroy(&w.lock);
    if (code && err)
        *err = w.op.err;
    return code;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static enum err_code lock_directory(struct store *s, const char *dir, struct err *err)
{
    char path[FS_PATH_MAX];
    enum err_code code = fs_join(path, dir, "lock", err);
    if (code || (code = fs_create(path, &s->directory_lock, err)))
        return code;
    if (!flock(s->directory_lock, LOCK_EX | LOCK_NB))
        return ERR_OK;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_CONFLICT, "another mlpd uses the data directory %s: stop it, or choose another directory",
                       dir);
    return err_errno(err, path);
}

static enum err_code open_writer(struct store *s, const char *dir, struct err *err)
{
    struct connection *c = &s->tx.connection;
    char path[FS_PATH_MAX];
    enum err_code code = fs_join(path, dir, "mlpd.db", err);
    if (code)
        return code;
    if (!(s->path = mem_strdup(path)))
        return err_no_memory(err);
    if ((code = migrate_look(path, migrations, migrations_count, err)))
        return code;
    if ((code = connection_open(c, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err)))
        return code;
    code = connection_execute(c, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                                 "PRAGMA journal_size_limit = 67108864", err);
    if (!code)
        code = migrate_backup(c, path, migrations, migrations_count, err);
    if (!code)
        code = migrate_apply(c, migrations, migrations_count, err);
    if (!code)
        sqlite3_wal_hook(c->db, note_wal_pages, c);
    return code ? code : fs_sync_dir(dir, err);
}

static enum err_code start_writer(struct store *s, struct err *err)
{
    int failed = pthread_create(&s->writer, NULL, write_groups, s);
    if (failed) {
        errno = failed;
        return err_errno(err, "the store's thread");
    }
    s->writer_runs = true;
    return ERR_OK;
}

static void init_queue(struct store *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->listener_lock, NULL);
    pthread_cond_init(&s->work, &monotonic);
    pthread_cond_init(&s->room, NULL);
    pthread_condattr_destroy(&monotonic);
}

enum err_code store_open(const char *dir, unsigned readers, void (*on_fatal)(void *context, const struct err *err),
                         void *context, struct store **ret_store, struct err *err)
{
    struct store *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(err);
    s->directory_lock = -1;
    s->on_fatal = on_fatal;
    s->context = context;
    init_queue(s);
    readers_init(s);
    enum err_code code = lock_directory(s, dir, err);
    if (!code)
        code = open_writer(s, dir, err);
    if (!code)
        code = readers_open(s, readers, err);
    if (!code)
        code = start_writer(s, err);
    if (code) {
        store_close(s);
        return code;
    }
    *ret_store = s;
    return ERR_OK;
}

static void stop_writer(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->room);
    pthread_mutex_unlock(&s->lock);
    if (s->writer_runs)
        pthread_join(s->writer, NULL);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    stop_writer(s);
    readers_close(s);
    if (s->tx.connection.db && !s->fatal.code)
        sqlite3_wal_checkpoint_v2(s->tx.connection.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    else if (s->tx.connection.db)
        sqlite3_db_config(s->tx.connection.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    connection_close(&s->tx.connection);
    if (s->directory_lock >= 0)
        fs_close(s->directory_lock);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->listener_lock);
    mem_free(s->path);
    mem_free(s);
}
