/* Datasets, jobs and runs that many tests need. */
#pragma once

#include "http.h"

/* Trains on the penguins for hours, many updates a second: what can be stopped at any time. */
#define ENDLESS_NETWORK "\"network\":{\"hidden\":[{\"units\":128},{\"units\":128}]},\"batch_size\":1,\"epochs\":1000000"
#define ENDLESS "{\"dataset\":\"penguins\",\"target\":\"species\"," ENDLESS_NETWORK "}"
/* Ends with a loss that is not finite. */
#define DIVERGING                                                                                                            \
    "{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":50,"                                                    \
    "\"network\":{\"hidden\":[{\"units\":8,\"activation\":\"identity\"}]},"                                                  \
    "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1000}}"

char *file_read(const char *path, size_t *ret_length); /* test_free */
/* tests/data/penguins.csv: 344 rows; species, island, bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g, sex,
 * year. Uploaded as "penguins". */
char *penguins_csv(size_t *ret_length);
void upload_penguins(void);
int daemon_setup_with_penguins(void **state);
int daemon_setup_one_worker_with_penguins(void **state);

/* POST /v1/jobs: 202; returns its id. */
long start_job(const char *json, ...) __attribute__((format(printf, 1, 2)));
/* The job once it is terminal, or once it has this status (fails when it ends otherwise). */
struct reply *finish_job(long job);
void await_status(long job, const char *status);
void await_epoch(long run, double epoch); /* this one or a later one is stored: it has trained, and not only begun */
struct reply *job_get(long job);
struct reply *run_get(long run);
long run_of(long job, int index); /* of the job's runs, by number, from 0 */
/* Starts a job, waits until it has succeeded, returns its first run. */
long train(const char *json, ...) __attribute__((format(printf, 1, 2)));
void cancel_job(long job); /* and waits for its end */
int cancel_all(void **state); /* a test's teardown: every job under way, then http_forget */

/* The lower-case SHA-256 of bytes, by sha256sum. */
void sha256_hex(const void *data, size_t length, char out[65]);
/* A text that grows; free() what it points at. */
void append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
