/* One 64-bit ticket says everything that a claim depends on: which work (a generation), and which of its pieces are left (a bit
 * each). A claim is one compare-and-swap on it, so a helper that comes late cannot take a piece of work that it has not seen.
 * The work's function is read after the claim: it stays until the claimed piece is done. A thread takes the piece of its own
 * number first: what it needs may be in its caches, from the piece of that number before. */
#include "team.h"

#include "mem.h"
#include "subnormal.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SPINS      4000 /* looks at the ticket before a helper sleeps: some tens of microseconds */

struct team {
    _Alignas(64) _Atomic uint64_t ticket; /* generation | pieces left */
    _Alignas(64) _Atomic size_t done;     /* pieces of this work */
    void (*piece)(void *context, size_t index, unsigned thread);
    void *context;
    uint32_t generation;
    _Atomic unsigned sleeping;
    atomic_bool ending;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned helpers;
    struct helper {
        pthread_t thread;
        struct team *team;
        unsigned number;
    } helper[];
};

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t pieces_left(uint64_t ticket)
{
    return (uint32_t)ticket;
}

/* Does pieces until none is left. */
static void take_pieces(struct team *t, unsigned thread)
{
    uint64_t ticket = atomic_load_explicit(&t->ticket, memory_order_acquire);
    while (pieces_left(ticket)) {
        uint32_t left = pieces_left(ticket), own = left >> thread & 1;
        unsigned index = own ? thread : (unsigned)__builtin_ctz(left);
        if (!atomic_compare_exchange_weak_explicit(&t->ticket, &ticket, ticket & ~((uint64_t)1 << index), memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        t->piece(t->context, index, thread);
        atomic_fetch_add_explicit(&t->done, 1, memory_order_release);
        ticket = atomic_load_explicit(&t->ticket, memory_order_acquire);
    }
}

static void sleep_until_work(struct team *t)
{
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->sleeping, 1);
    while (!pieces_left(atomic_load(&t->ticket)) && !atomic_load(&t->ending))
        pthread_cond_wait(&t->wake, &t->lock);
    atomic_fetch_sub(&t->sleeping, 1);
    pthread_mutex_unlock(&t->lock);
}

static void *help(void *context)
{
    const struct helper *helper = context;
    struct team *t = helper->team;
    subnormal_flush(); /* as the thread that has the work done, or bits would differ */
    while (!atomic_load_explicit(&t->ending, memory_order_relaxed)) {
        int spins = 0;
        while (spins++ < SPINS && !pieces_left(atomic_load_explicit(&t->ticket, memory_order_relaxed)))
            pause_a_little();
        if (spins > SPINS)
            sleep_until_work(t);
        take_pieces(t, helper->number);
    }
    return NULL;
}

static void wake_sleepers(struct team *t)
{
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

enum err_code team_new(unsigned threads, struct team **ret_team, struct err *err)
{
    struct team *t = mem_aligned(sizeof *t + threads * sizeof *t->helper);
    if (!t)
        return err_no_memory(err);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    for (; t->helpers + 1 < threads; t->helpers++) {
        struct helper *helper = &t->helper[t->helpers];
        helper->team = t;
        helper->number = t->helpers + 1;
        errno = pthread_create(&helper->thread, NULL, help, helper);
        if (errno) {
            enum err_code code = err_errno(err, "starting a thread of a run");
            team_free(t);
            return code;
        }
    }
    *ret_team = t;
    return ERR_OK;
}

void team_free(struct team *t)
{
    if (!t)
        return;
    atomic_store(&t->ending, true);
    wake_sleepers(t);
    for (unsigned i = 0; i < t->helpers; i++)
        pthread_join(t->helper[i].thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->wake);
    mem_free(t);
}

unsigned team_threads(const struct team *t)
{
    return t ? t->helpers + 1 : 1;
}

void team_run(struct team *t, size_t pieces, void (*piece)(void *context, size_t index, unsigned thread), void *context)
{
    if (!t || !t->helpers || pieces < 2) {
        for (size_t i = 0; i < pieces; i++)
            piece(context, i, 0);
        return;
    }
    t->piece = piece;
    t->context = context;
    atomic_store_explicit(&t->done, 0, memory_order_relaxed);
    /* Sequentially consistent, as the helpers' counting before they look again: either they see it, or we see them asleep. */
    atomic_store(&t->ticket, (uint64_t)++t->generation << 32 | UINT32_MAX >> (TEAM_PIECES_MAX - pieces));
    if (atomic_load(&t->sleeping))
        wake_sleepers(t);
    take_pieces(t, 0);
    for (int spins = 0; atomic_load_explicit(&t->done, memory_order_acquire) < pieces; spins++) {
        if (spins < SPINS)
            pause_a_little();
        else
            sched_yield(); /* the helper that we wait for may want this core */
    }
}
