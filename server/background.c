#include "background.h"

#include "core/base/mem.h"
#include <errno.h>
#include <pthread.h>

struct background {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct background_work *first, **last;
    bool stopping;
};

static struct background_work *take(struct background *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->first && !b->stopping)
        pthread_cond_wait(&b->changed, &b->lock);
    struct background_work *w = b->first;
    if (w && !(b->first = w->next))
        b->last = &b->first;
    pthread_mutex_unlock(&b->lock);
    return w;
}

static void *work(void *context)
{
    for (struct background_work *w; (w = take(context));)
        w->run(w);
    return NULL;
}

enum err_code background_start(struct background **ret_background, struct err *err)
{
    struct background *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_no_memory(err);
    b->last = &b->first;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    errno = pthread_create(&b->thread, NULL, work, b);
    if (errno) {
        mem_free(b);
        return err_errno(err, "starting the background thread");
    }
    *ret_background = b;
    return ERR_OK;
}

bool background_add(struct background *b, struct background_work *w)
{
    pthread_mutex_lock(&b->lock);
    bool taken = !b->stopping;
    if (taken) {
        w->next = NULL;
        *b->last = w;
        b->last = &w->next;
        pthread_cond_signal(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    return taken;
}

void background_stop(struct background *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
}

void background_free(struct background *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->changed);
    mem_free(b);
}
