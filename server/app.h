/* What the handlers share: the services that main.c starts and stops. All of it is set before the first request and
 * stays until the last one has ended. */
#pragma once

#include "core/base/fs.h"
#include "server/background.h"
#include "server/config.h"
#include "server/http/http.h"
#include "server/store/store.h"
#include "server/train/broadcast.h"
#include "server/train/hub.h"
#include "server/train/importances.h"
#include "server/train/model_cache.h"
#include "server/train/scheduler.h"
#include <stdatomic.h>

struct app {
    const struct config *config;
    struct store *store;
    struct hub *hub;
    struct broadcast *broadcast;
    struct scheduler *scheduler;
    struct model_cache *models;
    struct background *background;
    struct importances *importances;
    struct http_server *http;
    char datasets_dir[FS_PATH_MAX], models_dir[FS_PATH_MAX], checkpoints_dir[FS_PATH_MAX];
    int64_t started_at;
    atomic_bool stopping; /* refuse new jobs and uploads: 503 */
};
