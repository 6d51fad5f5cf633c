/* A team of threads that share the pieces of one piece of work after another, for work of microseconds: helpers spin a little
 * before they sleep, and nothing is allocated or locked on the way. Each thread does the piece of its own number when it can, but
 * any may do any, so pieces must not depend on each other. A team belongs to the one thread that runs it. */
#pragma once

#include "err.h"
#include <stddef.h>

#define TEAM_PIECES_MAX 32u

struct team;

/* threads: with the caller's own, 1 to TEAM_PIECES_MAX. */
enum err_code team_new(unsigned threads, struct team **ret_team, struct err *err);
void team_free(struct team *t); /* NULL is fine */
unsigned team_threads(const struct team *t); /* 1 for NULL */
/* Calls piece(context, i, thread) once for every i below `pieces` (at most TEAM_PIECES_MAX), on this thread (number 0) and the
 * helpers (1 ..), and returns when all are done. A NULL team does them here, in order. */
void team_run(struct team *t, size_t pieces, void (*piece)(void *context, size_t index, unsigned thread), void *context);
