/* What the files of server/store share, and nobody else includes. A connection and the queries on it belong to one
 * thread at a time: the writer's to the writer thread, a reader's to whoever took it. */
#pragma once

#include "core/base/buf.h"
#include "server/store/migrate.h"
#include "server/store/sql.h"
#include "server/store/store.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* ---- connections (connection.c) -------------------------------------------------------------------------------------- */

struct connection {
    sqlite3 *db;
    enum sql_side side;
    sqlite3_stmt *statement[SQL_COUNT]; /* NULL until it is asked for: most of them never are, and each takes 10 KB */
    bool fatal;    /* an fsync failed, or the file is damaged: nothing may be written any more */
    int wal_pages; /* in the WAL after the last commit of this connection */
};

/* flags: SQLITE_OPEN_*. On failure c is closed again. */
enum err_code connection_open(struct connection *c, const char *path, int flags, struct err *err);
void connection_close(struct connection *c); /* zeroed or closed is fine */
enum err_code connection_execute(struct connection *c, const char *sql, struct err *err);
enum err_code connection_integer(struct connection *c, const char *sql, int64_t *ret, struct err *err);
/* Maps a result code of SQLite, with the connection's message; notes what is fatal. */
enum err_code connection_error(struct connection *c, int code, struct err *err);

/* One execution of a statement. Values are put in the order of the parameters, and taken in the order of the columns;
 * failures are kept until query_end, which must follow in any case. Texts and blobs that are put must live until then. */
struct query {
    struct connection *connection;
    sqlite3_stmt *statement;
    int parameter, column; /* the next */
    int code;
    bool composed, no_memory;
};

struct query query_start(struct connection *c, enum sql s); /* one of the connection's side */
struct query query_compose(struct connection *c, const char *text); /* a text that is not in the table */
void query_put_integer(struct query *q, int64_t value);
void query_put_real(struct query *q, double value); /* NULL unless finite */
void query_put_text(struct query *q, const char *text);
void query_put_blob(struct query *q, const void *data, size_t size);
bool query_row(struct query *q);          /* false: no more rows, or failed */
int64_t query_integer(struct query *q);   /* 0 for NULL */
double query_real(struct query *q);       /* NAN for NULL */
char *query_text(struct query *q);        /* a copy (mem_free); NULL for NULL */
const void *query_blob(struct query *q, size_t *ret_size); /* valid until the next row */
enum err_code query_end(struct query *q, struct err *err);
/* What a reader sees between these does not change. read_end follows in any case. */
enum err_code read_begin(struct connection *c, struct err *err);
void read_end(struct connection *c);
/* Steps to the end, and ends. ret_changes, may be NULL: the rows it changed. */
enum err_code query_run(struct query *q, uint64_t *ret_changes, struct err *err);
/* All rows' first column (mem_free); NULL without rows. */
enum err_code query_ids(struct query *q, int64_t **ret_ids, size_t *ret_count, struct err *err);
/* Room for one more zeroed element behind count; false when out of memory. */
bool list_grow(void *pointer_to_items, size_t count, size_t *capacity, size_t size);

/* ---- the store (store.c, readers.c) ------------------------------------------------------------------------------------ */

struct store_tx {
    struct connection connection;
};

struct store_reader {
    struct connection connection;
    struct store *store;
    struct store_reader *next; /* of those that are free */
};

struct readers {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct store_reader *all, *free; /* free: under lock */
    unsigned count;
};

struct store {
    char *path; /* of the database */
    int directory_lock;
    void (*on_fatal)(void *context, const struct err *err);
    void *context;
    struct readers readers;

    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t work, room;
    struct store_op *head, *tail;
    size_t queued;
    bool stopping;

    pthread_mutex_t listener_lock;
    void (*committed)(void *context);
    void *committed_context;

    pthread_t writer; /* the rest belongs to its thread */
    bool writer_runs;
    struct store_tx tx;
    struct err fatal;  /* code is not 0 once storing cannot go on */
    size_t last_group; /* ops in it */
    int checkpointed;  /* pages of the WAL that are in the database already */
    _Atomic uint64_t commits, ops;
};

void readers_init(struct store *s);
enum err_code readers_open(struct store *s, unsigned count, struct err *err);
void readers_close(struct store *s);

/* ---- rows of entities (rows.c) ------------------------------------------------------------------------------------- */

/* A list that a query fills: every row into one item of `size` bytes, zeroed before. On failure what is there is done and
 * freed. */
enum err_code query_list(struct query *q, size_t size, void (*read)(struct query *q, void *item), void (*done)(void *item),
                         void *ret_items, size_t *ret_count, struct err *err);
/* The one row of a query; ERR_NOT_FOUND with "there is no WHAT KEY" when there is none. */
enum err_code query_one(struct query *q, size_t size, void (*read)(struct query *q, void *item), void (*done)(void *item),
                        void *ret_item, const char *what, const char *key, struct err *err);

/* ---- pages of ordered lists (list_cursor.c) ---------------------------------------------------------------------------- */

/* A page's last item: its key and its id. The next page begins behind them, whatever was inserted meanwhile. */
struct place {
    int64_t id;
    double number; /* NAN, and no text: it has no key */
    char *text;
};
void place_done(struct place *p);
/* A text that a URL takes; false when out of memory. */
bool cursor_write(const char *order, bool descending, const struct place *p, char **ret);
/* ERR_MALFORMED when it is not one of this order, whose keys are texts or numbers. place_done in every case. */
enum err_code cursor_read(const char *cursor, const char *order, bool is_text, bool descending, struct place *ret,
                          struct err *err);

/* ---- epochs (packed_epochs.c) ----------------------------------------------------------------------------------------- */

#define EPOCH_BLOCK 64 /* epochs that lie in one row once all are there: block 0 has 1..64 */

#define EPOCH_BLOCKS_MAX (INT64_C(1) << 26) /* of a run, whose epochs are counted in 32 bits */

/* The columns of a packed block. */
enum {
    EPOCH_WEIGHT_UPDATES, EPOCH_LEARNING_RATE, EPOCH_SECONDS, EPOCH_METRICS,
    EPOCH_COLUMNS = EPOCH_METRICS + METRIC_COUNT,
    EPOCH_ELAPSED = EPOCH_COLUMNS /* is none: it follows from the seconds */
};

struct epoch_row {
    uint32_t epoch;
    uint64_t weight_updates;
    double learning_rate, seconds, elapsed_seconds, metric[METRIC_COUNT]; /* NAN where absent */
    const void *layers; /* layers_size bytes: layers x 4 float32, not aligned; when read, until the next row */
    size_t layers_size;
};

/* Epochs on their way into a row. */
struct epoch_block {
    uint32_t count, layer_count;
    double elapsed_seconds; /* of the first */
    uint64_t word[EPOCH_COLUMNS][EPOCH_BLOCK];
    struct buf layers; /* buf_init before, buf_done behind */
};
void epoch_block_start(struct epoch_block *b);
void epoch_block_add(struct epoch_block *b, const struct epoch_row *row);
/* Once it has all of them. */
enum err_code epoch_block_insert(struct connection *c, int64_t run, uint32_t block, const struct epoch_block *b, struct err *err);

/* A row, taken apart; lives as long as its bytes. */
struct epoch_pack {
    unsigned char kind[EPOCH_COLUMNS];
    const unsigned char *column[EPOCH_COLUMNS], *layers; /* layers: NULL for none */
    size_t layers_size;                                  /* of one epoch */
    double elapsed_seconds[EPOCH_BLOCK];
};
double epoch_pack_real(const struct epoch_pack *p, unsigned column, uint32_t slot);

struct epoch_range {
    int64_t run;
    uint32_t from, to;
};
struct query epoch_range_query(struct connection *c, enum sql s, const struct epoch_range *range);
/* One of SQL_EPOCHS_RANGE or SQL_EPOCH_GET. */
void epoch_row_take(struct query *q, struct epoch_row *ret);

/* The epochs of a range, ascending, however they lie. One at a time on a connection:
 *   for (e = epochs_open(c, &range, false); epochs_next(&e, &row);) ...; code = epochs_close(&e, err); */
struct epoch_cursor {
    struct epoch_range range;
    struct query rows, blocks;
    struct epoch_row row; /* the next single one */
    struct epoch_pack pack;
    uint32_t block, slot; /* the next packed one */
    bool with_layers, single, packed; /* the last two: there is such a one */
    bool taken, damaged;
};
/* Without layers those of packed epochs are not read. */
struct epoch_cursor epochs_open(struct connection *c, const struct epoch_range *range, bool with_layers);
bool epochs_next(struct epoch_cursor *e, struct epoch_row *ret);
enum err_code epochs_close(struct epoch_cursor *e, struct err *err);
/* Calls `take` for each of these epochs, ascending, that is there. */
enum err_code epochs_get(struct connection *c, int64_t run, const uint32_t *epochs, size_t count, bool with_layers,
                         void (*take)(void *context, const struct epoch_row *row), void *context, struct err *err);
/* SQL's epoch_figure(data, slot, column), for statements that look into packed blocks. */
int epoch_figure_register(sqlite3 *db);

/* ---- thinning (epoch_blocks.c) --------------------------------------------------------------------------------------- */

#define EXTREMES      4 /* rows that a bucket gives: minimum and maximum of two losses */
#define EPOCHS_EVENLY 4 /* rows that a thinned range has always: both ends and two between */

/* Notes the extremes of a block that has become whole. */
enum err_code epoch_extremes_insert(struct connection *c, int64_t run, uint32_t block, const struct epoch_block *b,
                                    struct err *err);
/* The epochs of a thinned range of `total`; kept has room for (buckets + 1) x EXTREMES, in no order. */
enum err_code epochs_choose(struct connection *c, const struct epoch_range *range, uint64_t total, uint64_t buckets,
                            uint32_t *kept, size_t *ret_count, struct err *err);
