#include "api.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    pid_t pid;
    int out; /* the reading end of its stdout */
    unsigned port;
    char home[128], dir[160], log[160], line[200], workers[16];
    const char *const *environment; /* NULL: the usual */
} the_daemon;

/* ---- directories and files ---------------------------------------------------------------------------------------- */

void directory_make(char *path, size_t size)
{
    const char *top = getenv("TMPDIR");
    snprintf(path, size, "%s/mlpd-api.XXXXXX", top && *top ? top : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void directory_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

size_t files_now(const char *subdirectory)
{
    char path[300];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", the_daemon.dir, subdirectory);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

size_t files_settled(const char *subdirectory)
{
    raw_wait_for_silence();
    return files_now(subdirectory);
}

static size_t read_file(int fd, char *out, size_t size)
{
    size_t have = 0;
    for (ssize_t n; have < size - 1 && (n = pread(fd, out + have, size - 1 - have, (off_t)have)) > 0;)
        have += (size_t)n;
    out[have] = '\0';
    return have;
}

char *daemon_log(void)
{
    int fd = open(the_daemon.log, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t size = (size_t)lseek(fd, 0, SEEK_END) + 1;
    char *text = test_malloc(size);
    read_file(fd, text, size);
    close(fd);
    return text;
}

/* ---- processes ---------------------------------------------------------------------------------------------------- */

static const char *program(void)
{
    const char *path = getenv("MLPD");
    return path && *path ? path : "build/mlpd";
}

/* It dies with us, so that a test that is killed leaves nothing behind. */
static pid_t spawn(const char *const *arguments, const char *const *environment, int out, int err)
{
    static const char *const ours[] = {"MLPD_LISTEN", "MLPD_DATA_DIR", "MLPD_WORKERS", "MLPD_HTTP_THREADS",
                                       "MLPD_LOG_LEVEL", "MLPD_HOST", "MLPD_TOKEN", "MLPD_TOKEN_FILE"};
    const char *argv[16] = {program()};
    for (size_t i = 0; arguments && arguments[i]; i++)
        argv[i + 1] = arguments[i];
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(126);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        unsetenv(ours[i]);
    for (size_t i = 0; environment && environment[i]; i++)
        putenv((char *)(uintptr_t)environment[i]);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Waits for the end of its stdout, which the end of the process brings. */
static int wait_for(pid_t pid, int out)
{
    char waste[256];
    struct pollfd end = {.fd = out, .events = POLLIN};
    int status = 0;
    do {
        if (poll(&end, 1, HANG_SECONDS * 1000) <= 0) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            fail_msg("mlpd did not end within %d s", HANG_SECONDS);
        }
    } while (read(out, waste, sizeof waste) > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

struct outcome program_run(const char *const *arguments, const char *const *environment)
{
    struct outcome o = {0};
    char path[160];
    int pipes[2], out;
    directory_make(path, sizeof path);
    strncat(path, "/out", sizeof path - strlen(path) - 1);
    out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(out >= 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = spawn(arguments, environment, out, pipes[1]);
    close(pipes[1]);
    struct pollfd more = {.fd = pipes[0], .events = POLLIN};
    size_t have = 0;
    while (poll(&more, 1, HANG_SECONDS * 1000) > 0) {
        ssize_t n = read(pipes[0], o.err + have, sizeof o.err - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    int status = wait_for(pid, pipes[0]);
    read_file(out, o.out, sizeof o.out);
    close(out);
    close(pipes[0]);
    *strrchr(path, '/') = '\0';
    directory_remove(path);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

/* ---- start -------------------------------------------------------------------------------------------------------- */

static void show_log(void)
{
    char *text = daemon_log();
    size_t length = strlen(text);
    print_error("the end of mlpd's log:\n%s\n", length > 3000 ? text + length - 3000 : text);
    test_free(text);
}

static void read_line(void)
{
    size_t have = 0;
    struct pollfd more = {.fd = the_daemon.out, .events = POLLIN};
    while (!memchr(the_daemon.line, '\n', have)) {
        ssize_t n = poll(&more, 1, HANG_SECONDS * 1000) > 0
                        ? read(the_daemon.out, the_daemon.line + have, sizeof the_daemon.line - 1 - have) : 0;
        if (n <= 0) {
            show_log();
            fail_msg("mlpd said nothing on stdout");
        }
        have += (size_t)n;
    }
    the_daemon.line[have] = '\0';
}

void daemon_environment(const char *const *variables)
{
    the_daemon.environment = variables;
}

void daemon_start_again(void)
{
    static const char *const usual[] = {"MLPD_HOST=mlpd,x", NULL};
    const char *arguments[] = {"--listen", "127.0.0.1:0", "--data-dir", the_daemon.dir, "--workers", the_daemon.workers, NULL};
    int pipes[2];
    assert_int_equal(the_daemon.pid, 0);
    int log = open(the_daemon.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(log >= 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    the_daemon.pid = spawn(arguments, the_daemon.environment ? the_daemon.environment : usual, pipes[1], log);
    close(pipes[1]);
    close(log);
    the_daemon.out = pipes[0];
    read_line();
    const char *address = strstr(the_daemon.line, "http://127.0.0.1:");
    assert_non_null(address);
    the_daemon.port = (unsigned)strtoul(address + strlen("http://127.0.0.1:"), NULL, 10);
    assert_true(the_daemon.port > 0);
}

void daemon_start(const char *workers)
{
    signal(SIGPIPE, SIG_IGN);
    directory_make(the_daemon.home, sizeof the_daemon.home);
    snprintf(the_daemon.dir, sizeof the_daemon.dir, "%s/data", the_daemon.home);
    snprintf(the_daemon.log, sizeof the_daemon.log, "%s/log", the_daemon.home);
    snprintf(the_daemon.workers, sizeof the_daemon.workers, "%s", workers);
    daemon_start_again();
}

unsigned daemon_port(void)
{
    return the_daemon.port;
}

const char *daemon_dir(void)
{
    return the_daemon.dir;
}

const char *daemon_line(void)
{
    return the_daemon.line;
}

/* ---- stop --------------------------------------------------------------------------------------------------------- */

/* One JSON object a line, whatever clients wrote. A sanitizer speaks in its own way. */
static void check_log(void)
{
    char *text = daemon_log(), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line || strncmp(line, "==", 2) == 0)
            continue;
        cJSON *object = cJSON_Parse(line);
        if (!cJSON_IsObject(object))
            fail_msg("a line of the log is no JSON object: %s", line);
        cJSON_Delete(object);
    }
    test_free(text);
}

static int wait_status(void)
{
    int status = wait_for(the_daemon.pid, the_daemon.out);
    close(the_daemon.out);
    the_daemon.pid = 0;
    return status;
}

void daemon_tell(int signal)
{
    assert_true(the_daemon.pid > 0);
    assert_int_equal(kill(the_daemon.pid, signal), 0);
}

void daemon_wait(void)
{
    int status = wait_status();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        show_log();
        fail_msg("mlpd ended with wait status %#x instead of exit status 0", (unsigned)status);
    }
    check_log();
}

void daemon_stop(int signal)
{
    daemon_tell(signal);
    daemon_wait();
}

void daemon_kill(void)
{
    daemon_tell(SIGKILL);
    assert_true(WIFSIGNALED(wait_status()));
}

void daemon_remove(void)
{
    directory_remove(the_daemon.home);
}

/* ---- for groups of tests ------------------------------------------------------------------------------------------ */

int daemon_setup(void **state)
{
    (void)state;
    daemon_start("2");
    return 0;
}

int daemon_setup_one_worker(void **state)
{
    (void)state;
    daemon_start("1");
    return 0;
}

int daemon_teardown(void **state)
{
    http_forget(state);
    if (the_daemon.pid)
        daemon_stop(SIGTERM);
    daemon_remove();
    return 0;
}
