/* The daemon under test: started on a free loopback port over a data directory of its own. Its stderr goes to a file, of
 * which every line must be one JSON object. One at a time; the program is in the environment variable MLPD. */
#pragma once

#include <stddef.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
/* How long anything may take before it counts as hanging. */
#define HANG_SECONDS (SANITIZED ? 240 : 40)

/* Group set-ups: fresh directory, two workers or one. Teardown stops the daemon and asserts exit status 0. */
int daemon_setup(void **state);
int daemon_setup_one_worker(void **state);
int daemon_teardown(void **state);

/* NAME=VALUE of the daemons that are started from here on, ended by NULL, which keep it; NULL: the usual, in which it is
 * called mlpd, and x. */
void daemon_environment(const char *const *variables);
/* A fresh data directory; `workers` as the flag wants it. */
void daemon_start(const char *workers);
/* The same directory once more, after daemon_stop or daemon_kill. */
void daemon_start_again(void);
/* Sends SIGTERM or SIGINT, waits, and asserts exit status 0 and a log of JSON lines. */
void daemon_stop(int signal);
/* The same in two steps, so that a test can do something in between. */
void daemon_tell(int signal);
void daemon_wait(void);
void daemon_kill(void); /* SIGKILL */
void daemon_remove(void); /* the data directory of a daemon that has ended */

unsigned daemon_port(void);
const char *daemon_dir(void);  /* its data directory */
const char *daemon_line(void); /* what it wrote to stdout */
/* Files in DIR/datasets or DIR/models: now, or once no request is under way (an upload tidies up behind its answer). */
size_t files_now(const char *subdirectory);
size_t files_settled(const char *subdirectory);
char *daemon_log(void); /* test_free */

/* Runs the program to its end: for command lines that are refused. */
struct outcome {
    int status; /* exit status */
    char out[8192], err[8192];
};
/* Both lists end with NULL; the environment is NAME=VALUE, MLPD_... of our own are never passed on. */
struct outcome program_run(const char *const *arguments, const char *const *environment);
/* A fresh directory in $TMPDIR; removed by directory_remove. */
void directory_make(char *path, size_t size);
void directory_remove(const char *path);
