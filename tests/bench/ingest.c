/* Ingest: CSV -> table, on one thread.
 *   make KIND ROWS         writes such a CSV to the standard output: pixels, decimals, mixed or tall (short numbers)
 *   read FILE DIRECTORY    a side of make bench: the file through a table_builder that works in the directory, and what
 *                          bounds it: the same bytes read, counted by lines, hashed, and written to a file
 *   once FILE DIRECTORY    the same without bounds, once: for the peak of a process that did nothing else */
#include "bench.h"
#include "core/base/sha256.h"
#include "core/data/table.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 18)

static char piece[PIECE];

/* ---- making ----------------------------------------------------------------------------------------------------------- */

static void put_header(const char *first, unsigned columns, const char *last)
{
    printf("%s", first);
    for (unsigned c = 0; c < columns; c++)
        printf("%sx%u", c || *first ? "," : "", c);
    printf(",%s\n", last);
}

/* As MNIST: a class, and 784 numbers from 0 to 255, four of five of them 0. */
static void put_pixels(void)
{
    printf("%u", bench_random() % 10);
    for (unsigned c = 0; c < 784; c++) {
        uint32_t r = bench_random();
        if (r % 5)
            fwrite(",0", 1, 2, stdout);
        else
            printf(",%u", r >> 24);
    }
    putchar('\n');
}

/* As sensors: 30 numbers with six decimals, and a class. */
static void put_decimals(void)
{
    for (unsigned c = 0; c < 30; c++)
        printf("%s%u.%06u,", bench_random() & 1 ? "-" : "", bench_random() % 100, bench_random() % 1000000);
    printf("%s\n", bench_random() & 1 ? "yes" : "no");
}

/* As diamonds: carat, three categories, six more numbers. */
static void put_mixed(void)
{
    static const char *const cut[] = {"Fair", "Good", "Very Good", "Premium", "Ideal"};
    static const char *const clarity[] = {"I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"};
    printf("%u.%02u,%s,%c,%s,%u.%u,%u,%u,%u.%02u,%u.%02u,%u.%02u\n", bench_random() % 3, bench_random() % 100,
           cut[bench_random() % 5], (char)('D' + bench_random() % 7), clarity[bench_random() % 8], 55 + bench_random() % 15,
           bench_random() % 10, 50 + bench_random() % 20, 300 + bench_random() % 18000, 3 + bench_random() % 7,
           bench_random() % 100, 3 + bench_random() % 7, bench_random() % 100, 2 + bench_random() % 4, bench_random() % 100);
}

/* 30 short numbers: a byte each in the table, four as a network takes them. */
static void put_tall(void)
{
    char row[] = "0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,"
                 "0.0,a\n";
    for (unsigned c = 0; c < 30; c++)
        row[4 * c + 2] = (char)('1' + bench_random() % 9);
    row[120] = (char)('a' + bench_random() % 2);
    fwrite(row, 1, sizeof row - 1, stdout);
}

static int make(const char *kind, long rows)
{
    static const struct {
        const char *name, *first, *last;
        unsigned columns;
        void (*put)(void);
    } kinds[] = {{"pixels", "class", "x783", 783, put_pixels},
                 {"decimals", "", "class", 30, put_decimals},
                 {"mixed", "carat,cut,color,clarity,depth,table,price,x,y", "z", 0, put_mixed},
                 {"tall", "", "class", 30, put_tall}};
    static char buffer[PIECE];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        put_header(kinds[i].first, kinds[i].columns, kinds[i].last);
        while (rows-- > 0 && !ferror(stdout))
            kinds[i].put();
        return fflush(stdout) != 0;
    }
    return 1;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

/* Calls each(context, piece, length) for the whole file; its bytes. */
static double each_piece(const char *file, void (*each)(void *context, const char *data, size_t length), void *context)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    double bytes = 0;
    if (fd < 0)
        bench_fail(strerror(errno));
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0; bytes += (double)n)
        each(context, piece, (size_t)n);
    close(fd);
    return bytes;
}

static void feed(void *builder, const char *data, size_t length)
{
    struct err err = {0};
    if (table_builder_feed(builder, data, length, &err))
        bench_fail(err.message);
}

static double ingest(const char *file, const char *directory)
{
    struct csv_options options = {0};
    struct table_builder *b;
    struct err err = {0};
    char path[4096], sha256[65];
    snprintf(path, sizeof path, "%s/table", directory);
    if (table_builder_new(path, &options, &b, &err))
        bench_fail(err.message);
    double bytes = each_piece(file, feed, b);
    if (table_builder_finish(b, sha256, &err))
        bench_fail(err.message);
    table_builder_free(b);
    unlink(path);
    return bytes;
}

static void look(void *lines, const char *data, size_t length)
{
    (void)length;
    *(uint64_t *)lines += (uint8_t)data[0];
}

static void count(void *lines, const char *data, size_t length)
{
    for (const char *at = data, *end = data + length; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        ++*(uint64_t *)lines;
}

static void hash(void *sha256, const char *data, size_t length)
{
    sha256_add(sha256, data, length);
}

static void spool(void *fd, const char *data, size_t length)
{
    if (write(*(int *)fd, data, length) != (ssize_t)length)
        bench_fail(strerror(errno));
}

static double speed(const char *file, void (*each)(void *, const char *, size_t), void *context)
{
    double started = bench_seconds(), bytes = each_piece(file, each, context);
    return bytes / (bench_seconds() - started) * 1e-6;
}

static void bounds(const char *file, const char *directory)
{
    struct sha256 sha256;
    char path[4096];
    uint64_t lines = 0;
    sha256_start(&sha256);
    snprintf(path, sizeof path, "%s/spool", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    printf("\"read\": %.6g, \"lines\": %.6g, \"sha256\": %.6g, \"spool\": %.6g, ", speed(file, look, &lines),
           speed(file, count, &lines), speed(file, hash, &sha256), speed(file, spool, &fd));
    close(fd);
    unlink(path);
}

static unsigned long peak_kb(void)
{
    char line[256];
    unsigned long kb = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lu", &kb) == 1)
            break;
    if (status)
        fclose(status);
    return kb;
}

static void measure(const char *file, const char *directory, bool with_bounds)
{
    printf("{");
    if (with_bounds)
        bounds(file, directory);
    double wall = bench_seconds(), cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID), bytes = ingest(file, directory);
    printf("\"mb_per_second\": %.6g, \"mb_per_cpu_second\": %.6g, \"peak_kb\": %lu}\n",
           bytes / (bench_seconds() - wall) * 1e-6, bytes / (bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e-6, peak_kb());
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: make KIND ROWS | read FILE DIRECTORY | once FILE DIRECTORY");
    if (!strcmp(argv[1], "make"))
        return make(argv[2], atol(argv[3]));
    bool once = !strcmp(argv[1], "once");
    printf("{\"name\": \"mlpd's table_builder\"}\n");
    while (bench_go())
        measure(argv[2], argv[3], !once);
}
