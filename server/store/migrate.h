/* The migrations of the database, embedded at build time from migrations/NNNN_name.sql. Only while a store opens. */
#pragma once

#include "core/base/err.h"
#include <stddef.h>

struct migration {
    int number; /* ascending from 1; the database's user_version once it is applied */
    const char *name;
    const char *sql;
};
extern const struct migration migrations[];
extern const size_t migrations_count;

struct connection;
/* "mlpd" */
#define STORE_APPLICATION_ID 0x6d6c7064

/* Looks at the file without writing to it: ERR_CONFLICT when it is another program's or of a version above the table's
 * last, ERR_CORRUPT when it is damaged. A file that is not there or empty is fine. */
enum err_code migrate_look(const char *path, const struct migration *table, size_t count, struct err *err);
/* Before the first migration of a database that has something in it: the whole of it, as it is, into PATH.version-N beside it.
 * Once there, it stays until it is deleted by hand or the same version is upgraded again. */
enum err_code migrate_backup(struct connection *c, const char *path, const struct migration *table, size_t count,
                             struct err *err);
/* Applies what is missing, each migration in one transaction with its user_version: there whole, or not at all. */
enum err_code migrate_apply(struct connection *c, const struct migration *table, size_t count, struct err *err);
