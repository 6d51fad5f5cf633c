#include "checkpoints.h"

#include "core/base/sections.h"
#include "server/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((size_t)16 << 30)

enum section { SECTION_HEAD, SECTION_TRAINER, SECTIONS };
static const struct sections_format format = {"MLPDSAVE", "checkpoint file", 1, SECTIONS};

/* ---- names ---------------------------------------------------------------------------------------------------------- */

enum err_code checkpoint_path(const char *dir, int64_t run, unsigned part, char path[FS_PATH_MAX], struct err *err)
{
    char name[40];
    snprintf(name, sizeof name, "%lld.%u", (long long)run, part);
    return fs_join(path, dir, name, err);
}

bool checkpoint_name(const char *name, int64_t *ret_run)
{
    int64_t run = strtoll(name, NULL, 10);
    for (unsigned part = 0; part < CHECKPOINT_FILES; part++) {
        char path[FS_PATH_MAX];
        if (!checkpoint_path("", run, part, path, NULL) && !strcmp(path + 1, name)) {
            *ret_run = run;
            return true;
        }
    }
    return false;
}

enum err_code checkpoints_init(struct checkpoints *c, const char *dir, int64_t run, struct err *err)
{
    *c = (struct checkpoints){.run = run};
    enum err_code code = ERR_OK;
    for (unsigned i = 0; !code && i < CHECKPOINT_FILES; i++)
        code = checkpoint_path(dir, run, i, c->path[i], err);
    return code;
}

/* ---- write ---------------------------------------------------------------------------------------------------------- */

static bool pack(const struct checkpoints *c, const struct mlp_trainer *t, const struct worker_progress *p, struct buf *out)
{
    struct sections_out file;
    sections_start(&file, &format, out);
    pack_u64(out, (uint64_t)c->run);
    pack_u64(out, c->sequence + 1);
    pack_u32(out, p->epoch);
    pack_f64(out, p->training_seconds);
    sections_next(&file);
    bool fine = mlp_trainer_save(t, out);
    sections_next(&file);
    return fine && sections_finish(&file);
}

enum err_code checkpoints_write(struct checkpoints *c, const struct mlp_trainer *t, const struct worker_progress *p,
                                struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, MAX_BYTES);
    enum err_code code = pack(c, t, p, &bytes) ? fs_write_atomic(c->path[c->next], bytes.data, bytes.length, err)
                                               : err_no_memory(err);
    buf_done(&bytes);
    if (code)
        return code;
    c->there[c->next] = true;
    c->next = (c->next + 1) % CHECKPOINT_FILES;
    c->sequence++;
    return ERR_OK;
}

/* ---- restore -------------------------------------------------------------------------------------------------------- */

struct file {
    void *data;
    size_t size;
    uint64_t sequence; /* 0: not to be used */
    struct worker_progress progress;
    struct unpack trainer;
};

static enum err_code read_file(const struct checkpoints *c, unsigned part, uint32_t most, struct file *f, struct err *err)
{
    struct unpack section[SECTIONS] = {0};
    enum err_code code = fs_map(c->path[part], &f->data, &f->size, err);
    if (!code)
        code = sections_open(&format, f->data, f->size, section, err);
    if (code)
        return code;
    struct unpack *head = &section[SECTION_HEAD];
    int64_t run = (int64_t)unpack_u64(head);
    uint64_t sequence = unpack_u64(head);
    f->progress.epoch = unpack_u32(head);
    f->progress.training_seconds = unpack_f64(head);
    f->trainer = section[SECTION_TRAINER];
    if (head->failed || head->at != head->end || !sequence)
        return err_set(err, ERR_CORRUPT, "the checkpoint file is damaged: its head is wrong");
    if (run != c->run)
        return err_set(err, ERR_CORRUPT, "the checkpoint file is of run %lld", (long long)run);
    if (f->progress.epoch > most)
        return err_set(err, ERR_CONFLICT, "the checkpoint is of epoch %u, and %u are stored", (unsigned)f->progress.epoch,
                       (unsigned)most);
    f->sequence = sequence;
    return ERR_OK;
}

static void tell_bad(const struct checkpoints *c, unsigned part, const struct err *why)
{
    log_event(LOG_WARNING, "checkpoint passed over", "run", LOG_N(c->run), "file", c->path[part], "reason", why->message, NULL);
}

static bool use(const struct checkpoints *c, unsigned part, struct file *f, struct mlp_trainer *t)
{
    struct err why = {0};
    uint32_t epoch = 0;
    enum err_code code = mlp_trainer_restore(t, f->trainer.at, (size_t)(f->trainer.end - f->trainer.at), &epoch, &why);
    if (code)
        tell_bad(c, part, &why);
    return !code;
}

static unsigned newest(const struct file f[CHECKPOINT_FILES])
{
    return f[1].sequence > f[0].sequence ? 1 : 0;
}

bool checkpoints_restore(struct checkpoints *c, struct mlp_trainer *t, uint32_t most, struct worker_progress *ret)
{
    struct file f[CHECKPOINT_FILES] = {0};
    for (unsigned i = 0; i < CHECKPOINT_FILES; i++) {
        struct err why = {0};
        c->there[i] = fs_exists(c->path[i]);
        if (c->there[i] && read_file(c, i, most, &f[i], &why))
            tell_bad(c, i, &why);
    }
    bool used = false;
    for (unsigned tried = 0; !used && tried < CHECKPOINT_FILES; tried++) {
        unsigned i = newest(f);
        if (!f[i].sequence)
            break;
        if ((used = use(c, i, &f[i], t))) {
            *ret = f[i].progress;
            c->sequence = f[i].sequence;
            c->next = (i + 1) % CHECKPOINT_FILES;
        }
        f[i].sequence = 0;
    }
    for (unsigned i = 0; i < CHECKPOINT_FILES; i++)
        fs_unmap(f[i].data, f[i].size);
    return used;
}

/* ---- remove --------------------------------------------------------------------------------------------------------- */

void checkpoints_remove(struct checkpoints *c)
{
    for (unsigned i = 0; i < CHECKPOINT_FILES; i++)
        if (c->there[i] && !fs_remove(c->path[i], NULL))
            c->there[i] = false;
}

void checkpoints_remove_run(const char *dir, int64_t run)
{
    struct checkpoints c;
    if (checkpoints_init(&c, dir, run, NULL))
        return;
    c.there[0] = c.there[1] = true;
    checkpoints_remove(&c);
}
