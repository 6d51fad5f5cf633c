/* Loaded models by run id, shared by all HTTP threads, dropped least recently used first above a number and a sum of
 * bytes. Any thread may call any of these. */
#pragma once

#include "core/base/fs.h"
#include "core/nn/model.h"

struct model_cache;

enum err_code model_cache_new(const char *dir, struct model_cache **ret_cache, struct err *err);
void model_cache_free(struct model_cache *c);
/* The model of a run from its file DIR/<run>.model; the caller owns a reference (model_unref). ERR_IO when the file is not there. */
enum err_code model_cache_get(struct model_cache *c, int64_t run, struct model **ret_model, struct err *err);
void model_cache_forget(struct model_cache *c, int64_t run);
/* The path of a run's model file. */
enum err_code model_path(const char *dir, int64_t run, char path[FS_PATH_MAX], struct err *err);
