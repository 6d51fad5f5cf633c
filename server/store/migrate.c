#include "internal.h"

#include "core/base/fs.h"
#include <stdio.h>

/* quick_check reads the whole file: above this it would keep a start waiting, and damage shows when it is touched. */
#define CHECK_MAX_BYTES (8u << 20)

static enum err_code judge(struct connection *c, const char *path, int last, struct err *err)
{
    int64_t application = 0, version = 0, objects = 0;
    enum err_code code = connection_integer(c, "PRAGMA application_id", &application, err);
    if (!code)
        code = connection_integer(c, "PRAGMA user_version", &version, err);
    if (!code)
        code = connection_integer(c, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (code)
        return code;
    if (application != STORE_APPLICATION_ID && (application || version || objects))
        return err_set(err, ERR_CONFLICT, "%s is not a database of mlpd (application_id %lld): move it away, or choose "
                                          "another data directory", path, (long long)application);
    if (version > last)
        return err_set(err, ERR_CONFLICT, "%s has schema version %lld and this mlpd knows %d: use a newer mlpd", path,
                       (long long)version, last);
    return ERR_OK;
}

static enum err_code check(struct connection *c, const char *path, uint64_t bytes, struct err *err)
{
    if (bytes > CHECK_MAX_BYTES)
        return ERR_OK;
    int64_t sound = 0;
    enum err_code code = connection_integer(c, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &sound, err);
    if (!code && !sound)
        code = err_set(err, ERR_CORRUPT, "%s is damaged: restore a backup", path);
    return code;
}

enum err_code migrate_look(const char *path, const struct migration *table, size_t count, struct err *err)
{
    uint64_t bytes;
    if (!fs_exists(path))
        return ERR_OK;
    enum err_code code = fs_size(path, &bytes, err);
    if (code || !bytes)
        return code;
    struct connection c;
    code = connection_open(&c, path, SQLITE_OPEN_READONLY, err);
    if (code)
        return code;
    sqlite3_db_config(c.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    code = judge(&c, path, count ? table[count - 1].number : 0, err);
    if (!code)
        code = check(&c, path, bytes, err);
    connection_close(&c);
    return code;
}

static enum err_code apply(struct connection *c, const struct migration *m, struct err *err)
{
    char version[100];
    snprintf(version, sizeof version, "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT", m->number,
             STORE_APPLICATION_ID);
    struct err why = {0};
    enum err_code code = connection_execute(c, "BEGIN IMMEDIATE", &why);
    if (!code)
        code = connection_execute(c, m->sql, &why);
    if (!code)
        code = connection_execute(c, version, &why);
    if (!code)
        return ERR_OK;
    (void)connection_execute(c, "ROLLBACK", NULL);
    return err_set(err, code, "migration %d (%s) failed and was undone: %s", m->number, m->name, why.message);
}

enum err_code migrate_backup(struct connection *c, const char *path, const struct migration *table, size_t count,
                             struct err *err)
{
    char to[FS_PATH_MAX], sql[2 * FS_PATH_MAX + 32];
    struct err why = {0};
    int64_t version = 0;
    enum err_code code = connection_integer(c, "PRAGMA user_version", &version, err);
    if (code || !version || !count || version >= table[count - 1].number)
        return code;
    if (snprintf(to, sizeof to, "%s.version-%lld", path, (long long)version) >= (int)sizeof to)
        return err_set(err, ERR_INVALID, "%s: the path is too long for a backup beside it", path);
    if ((code = fs_remove(to, err))) /* of an upgrade that was interrupted */
        return code;
    sqlite3_snprintf(sizeof sql, sql, "VACUUM INTO %Q", to);
    int attached = sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 1); /* the backup is one while it is written */
    code = connection_execute(c, sql, &why);
    sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, attached);
    if (!code)
        return ERR_OK;
    (void)fs_remove(to, NULL);
    return err_set(err, code, "the database is not upgraded, since there is no backup of it in %s: %s", to, why.message);
}

enum err_code migrate_apply(struct connection *c, const struct migration *table, size_t count, struct err *err)
{
    int64_t version = 0;
    enum err_code code = connection_integer(c, "PRAGMA user_version", &version, err);
    for (size_t i = 0; !code && i < count; i++)
        if (table[i].number > version)
            code = apply(c, &table[i], err);
    return code;
}
