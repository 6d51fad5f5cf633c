/* Permutation importances, worked out one after the other on a thread of their own behind all others, and kept in
 * memory: the last IMPORTANCES_MAX of them, since they can be had again. Any thread may call any of these. */
#pragma once

#include "hub.h"
#include "importance_json.h"
#include "model_cache.h"
#include "server/store/store.h"

#define IMPORTANCES_MAX         64
#define IMPORTANCES_WAITING_MAX 16

struct importances;

struct importances_options {
    struct store *store;
    struct hub *hub;
    struct model_cache *models;
    const char *datasets_dir;
};

enum err_code importances_start(const struct importances_options *o, struct importances **ret, struct err *err);
/* What is under way ends within a block of rows; others may still call the rest. NULL is fine. */
void importances_stop(struct importances *s);
void importances_free(struct importances *s); /* after importances_stop, when nobody calls any more; NULL is fine */

struct importances_answer {
    char *json;              /* mem_free; NULL: it is under way */
    unsigned features, done; /* how far it is */
};
/* The importance that the request asks for, which begins with the first call; those who watch the run are woken when it
 * is there. Why it failed is told once, then it begins again. ERR_UNAVAILABLE when IMPORTANCES_WAITING_MAX wait
 * already. */
enum err_code importances_get(struct importances *s, const struct importance_request *request,
                              struct importances_answer *ret, struct err *err);
