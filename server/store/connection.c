#include "internal.h"

#include "core/base/mem.h"
#include <assert.h>
#include <errno.h>
#include <math.h>

#define BUSY_TIMEOUT_MS 5000

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

static const struct {
    int code; /* primary */
    enum err_code is;
} meanings[] = {
    {SQLITE_FULL, ERR_NO_SPACE},        {SQLITE_NOMEM, ERR_NO_MEMORY},  {SQLITE_CORRUPT, ERR_CORRUPT},
    {SQLITE_NOTADB, ERR_CORRUPT},       {SQLITE_BUSY, ERR_UNAVAILABLE}, {SQLITE_LOCKED, ERR_UNAVAILABLE},
    {SQLITE_CONSTRAINT, ERR_CONFLICT},  {SQLITE_IOERR, ERR_IO},         {SQLITE_CANTOPEN, ERR_IO},
    {SQLITE_READONLY, ERR_IO},          {SQLITE_PERM, ERR_IO},          {SQLITE_TOOBIG, ERR_TOO_LARGE},
};

static bool is_fatal(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || code == SQLITE_IOERR_FSYNC ||
           code == SQLITE_IOERR_DIR_FSYNC;
}

enum err_code connection_error(struct connection *c, int code, struct err *err)
{
    enum err_code is = ERR_INTERNAL;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == (code & 0xff))
            is = meanings[i].is;
    if (code == SQLITE_IOERR_NOMEM)
        is = ERR_NO_MEMORY;
    else if (is == ERR_IO && c->db && sqlite3_system_errno(c->db) == ENOSPC)
        is = ERR_NO_SPACE;
    if (is_fatal(code))
        c->fatal = true;
    const char *message = c->db && (sqlite3_errcode(c->db) & 0xff) == (code & 0xff) ? sqlite3_errmsg(c->db) : sqlite3_errstr(code);
    return err_set(err, is, "the database: %s (%d)", message, code);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static int configure(sqlite3 *db)
{
    static const struct {
        int option, value;
    } options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                   {SQLITE_DBCONFIG_DQS_DML, 0},
                   {SQLITE_DBCONFIG_DQS_DDL, 0},
                   {SQLITE_DBCONFIG_ENABLE_FKEY, 1}};
    int code = SQLITE_OK;
    for (size_t i = 0; !code && i < sizeof options / sizeof *options; i++)
        code = sqlite3_db_config(db, options[i].option, options[i].value, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    return code ? code : sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
}

enum err_code connection_open(struct connection *c, const char *path, int flags, struct err *err)
{
    *c = (struct connection){.side = flags & SQLITE_OPEN_READONLY ? SQL_READER : SQL_WRITER};
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* no lock around each allocation; too late for any but the first */
    int code = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (c->db)
        sqlite3_extended_result_codes(c->db, 1);
    if (!code)
        code = configure(c->db);
    if (!code)
        code = epoch_figure_register(c->db);
    if (!code)
        code = sqlite3_exec(c->db, "PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL);
    if (!code)
        return ERR_OK;
    (void)connection_error(c, code, err);
    connection_close(c);
    return err ? err->code : ERR_IO;
}

void connection_close(struct connection *c)
{
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(c->statement[i]);
    sqlite3_close(c->db);
    *c = (struct connection){0};
}

enum err_code connection_execute(struct connection *c, const char *sql, struct err *err)
{
    int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return code ? connection_error(c, code, err) : ERR_OK;
}

enum err_code connection_integer(struct connection *c, const char *sql, int64_t *ret, struct err *err)
{
    struct query q = query_compose(c, sql);
    int64_t value = query_row(&q) ? query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (!code)
        *ret = value;
    return code;
}

/* ---- queries --------------------------------------------------------------------------------------------------------- */

struct query query_start(struct connection *c, enum sql s)
{
    assert(sql_texts[s].sides & (unsigned)c->side);
    struct query q = {.connection = c};
    if (!c->statement[s])
        q.code = sqlite3_prepare_v3(c->db, sql_texts[s].text, -1, SQLITE_PREPARE_PERSISTENT, &c->statement[s], NULL);
    q.statement = c->statement[s];
    return q;
}

struct query query_compose(struct connection *c, const char *text)
{
    struct query q = {.connection = c, .composed = true};
    q.code = sqlite3_prepare_v2(c->db, text, -1, &q.statement, NULL);
    return q;
}

static void keep(struct query *q, int code)
{
    if (!q->code)
        q->code = code;
}

void query_put_integer(struct query *q, int64_t value)
{
    keep(q, sqlite3_bind_int64(q->statement, ++q->parameter, value));
}

void query_put_real(struct query *q, double value)
{
    q->parameter++;
    keep(q, isfinite(value) ? sqlite3_bind_double(q->statement, q->parameter, value)
                            : sqlite3_bind_null(q->statement, q->parameter));
}

void query_put_text(struct query *q, const char *text)
{
    keep(q, sqlite3_bind_text(q->statement, ++q->parameter, text, -1, SQLITE_STATIC));
}

void query_put_blob(struct query *q, const void *data, size_t size)
{
    keep(q, sqlite3_bind_blob64(q->statement, ++q->parameter, data, size, SQLITE_STATIC));
}

bool query_row(struct query *q)
{
    q->column = 0;
    if (q->code || q->no_memory)
        return false;
    int code = sqlite3_step(q->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        q->code = code;
    return code == SQLITE_ROW;
}

int64_t query_integer(struct query *q)
{
    return sqlite3_column_int64(q->statement, q->column++);
}

double query_real(struct query *q)
{
    int column = q->column++;
    return sqlite3_column_type(q->statement, column) == SQLITE_NULL ? (double)NAN
                                                                     : sqlite3_column_double(q->statement, column);
}

char *query_text(struct query *q)
{
    int column = q->column++;
    if (sqlite3_column_type(q->statement, column) == SQLITE_NULL)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(q->statement, column);
    char *copy = text ? mem_strndup(text, (size_t)sqlite3_column_bytes(q->statement, column)) : NULL;
    if (!copy)
        q->no_memory = true;
    return copy;
}

const void *query_blob(struct query *q, size_t *ret_size)
{
    int column = q->column++;
    const void *data = sqlite3_column_blob(q->statement, column);
    *ret_size = (size_t)sqlite3_column_bytes(q->statement, column);
    return data;
}

enum err_code query_end(struct query *q, struct err *err)
{
    enum err_code code = ERR_OK;
    if (q->code)
        code = connection_error(q->connection, q->code, err);
    else if (q->no_memory)
        code = err_no_memory(err);
    if (q->composed) {
        sqlite3_finalize(q->statement);
    } else if (q->statement) {
        sqlite3_reset(q->statement);
        sqlite3_clear_bindings(q->statement);
    }
    q->statement = NULL;
    return code;
}

enum err_code query_run(struct query *q, uint64_t *ret_changes, struct err *err)
{
    sqlite3 *db = q->connection->db;
    while (query_row(q))
        ;
    enum err_code code = query_end(q, err);
    if (!code && ret_changes)
        *ret_changes = (uint64_t)sqlite3_changes64(db);
    return code;
}
