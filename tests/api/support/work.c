#include "api.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- datasets ----------------------------------------------------------------------------------------------------- */

char *file_read(const char *path, size_t *ret_length)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        fail_msg("cannot read %s: run the tests in the top folder", path);
    char *bytes = test_malloc((size_t)info.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    bytes[info.st_size] = '\0';
    *ret_length = (size_t)info.st_size;
    return bytes;
}

char *penguins_csv(size_t *ret_length)
{
    return file_read("tests/data/penguins.csv", ret_length);
}

void upload_penguins(void)
{
    size_t length;
    char *csv = penguins_csv(&length);
    expect(http_post_csv("/v1/datasets?name=penguins", csv), 201);
    test_free(csv);
}

int daemon_setup_with_penguins(void **state)
{
    daemon_setup(state);
    upload_penguins();
    return http_forget(state);
}

int daemon_setup_one_worker_with_penguins(void **state)
{
    daemon_setup_one_worker(state);
    upload_penguins();
    return http_forget(state);
}

/* ---- jobs and runs ------------------------------------------------------------------------------------------------ */

static __attribute__((format(printf, 1, 0))) long start_with(const char *json, va_list arguments)
{
    char body[30000];
    int length = vsnprintf(body, sizeof body, json, arguments);
    assert_in_range(length, 1, sizeof body - 1);
    return whole(expect(http_post("/v1/jobs", "%s", body), 202), "/id");
}

long start_job(const char *json, ...)
{
    va_list arguments;
    va_start(arguments, json);
    long job = start_with(json, arguments);
    va_end(arguments);
    return job;
}

struct reply *job_get(long job)
{
    return expect(http_get("/v1/jobs/%ld", job), 200);
}

struct reply *run_get(long run)
{
    return expect(http_get("/v1/runs/%ld", run), 200);
}

struct reply *finish_job(long job)
{
    struct reply *r;
    do {
        r = expect(http_get("/v1/jobs/%ld?wait=20", job), 200);
    } while (!flag(r, "/terminal"));
    return r;
}

void await_epoch(long run, double epoch)
{
    struct reply *r = run_get(run);
    while (number(r, "/epoch") < epoch)
        r = expect(http_get("/v1/runs/%ld?wait=1", run), 200);
}

void await_status(long job, const char *status)
{
    struct reply *r = job_get(job);
    while (strcmp(text(r, "/status"), status) != 0) {
        if (flag(r, "/terminal"))
            fail_reply(__FILE__, __LINE__, r, "waited for %s", status);
        r = expect(http_get("/v1/jobs/%ld?wait=1", job), 200);
    }
}

long run_of(long job, int index)
{
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs?limit=200", job), 200);
    return whole(r, "/data/%d/id", index);
}

long train(const char *json, ...)
{
    va_list arguments;
    va_start(arguments, json);
    long job = start_with(json, arguments);
    va_end(arguments);
    struct reply *r = finish_job(job);
    if (strcmp(text(r, "/status"), "succeeded") != 0)
        fail_reply(__FILE__, __LINE__, r, "the job did not succeed");
    return run_of(job, 0);
}

void cancel_job(long job)
{
    expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
    struct reply *r = finish_job(job);
    if (strcmp(text(r, "/status"), "cancelled") != 0)
        fail_reply(__FILE__, __LINE__, r, "the job was not cancelled");
}

int cancel_all(void **state)
{
    static const char *const statuses[] = {"queued", "running", "paused"};
    for (size_t s = 0; s < COUNT(statuses); s++) {
        struct reply *r = expect(http_get("/v1/jobs?status=%s&limit=200", statuses[s]), 200);
        for (int i = 0; i < count(r, "/data"); i++)
            http_call("POST", "/v1/jobs/%.0f/cancel", number(r, "/data/%d/id", i));
    }
    return http_forget(state);
}

/* ---- bytes and texts ---------------------------------------------------------------------------------------------- */

void sha256_hex(const void *data, size_t length, char out[65])
{
    char path[200], command[300];
    directory_make(path, sizeof path - 8);
    size_t end = strlen(path);
    strcpy(path + end, "/bytes");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, "sha256sum '%s'", path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fread(out, 1, 64, p), 64);
    out[64] = '\0';
    char rest[300];
    while (fread(rest, 1, sizeof rest, p) > 0)
        ;
    assert_int_equal(pclose(p), 0);
    path[end] = '\0';
    directory_remove(path);
}

void append(char **whole, const char *format, ...)
{
    char *piece;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&piece, format, arguments);
    va_end(arguments);
    assert_true(length >= 0);
    size_t have = *whole ? strlen(*whole) : 0;
    *whole = realloc(*whole, have + (size_t)length + 1);
    assert_non_null(*whole);
    memcpy(*whole + have, piece, (size_t)length + 1);
    free(piece);
}
