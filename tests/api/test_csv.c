/* How CSV files are read: delimiters, decimal marks, quotes, what is missing, types; and bad files, which are refused with
 * their place and leave nothing behind. */
#include "support/api.h"

#define NAMES "/v1/datasets?name=csv"

/* Bytes with a NUL inside: their length is the array's. */
#define BYTES(literal) literal, sizeof literal - 1

/* ---- good files --------------------------------------------------------------------------------------------------- */

static const struct good {
    const char *what, *query, *csv;
    size_t length;
    const char *columns; /* n or c each */
    const char *rows;    /* as the preview shows them */
} good[] = {
    {"plain", "", BYTES("a,b\n1,x\n2,y\n"), "nc", "[[1,\"x\"],[2,\"y\"]]"},
    {"no last newline", "", BYTES("a,b\n1,x"), "nc", "[[1,\"x\"]]"},
    {"CR LF", "", BYTES("a,b\r\n1,x\r\n2,y\r\n"), "nc", "[[1,\"x\"],[2,\"y\"]]"},
    {"BOM", "", BYTES("\xef\xbb\xbf" "a,b\n1,x\n"), "nc", "[[1,\"x\"]]"},
    {"BOM and quotes", "", BYTES("\xef\xbb\xbf\"a\",b\n1,x\n"), "nc", "[[1,\"x\"]]"},
    {"empty lines", "", BYTES("a,b\n\n1,x\n\n\n2,y\n\n"), "nc", "[[1,\"x\"],[2,\"y\"]]"},
    {"one column", "", BYTES("a\n1\n2\n"), "n", "[[1],[2]]"},
    {"semicolon", "", BYTES("a;b\n1;x\n2;y\n"), "nc", "[[1,\"x\"],[2,\"y\"]]"},
    {"tab", "", BYTES("a\tb\n1\tx\n"), "nc", "[[1,\"x\"]]"},
    {"bar", "", BYTES("a|b\n1|x\n"), "nc", "[[1,\"x\"]]"},
    {"commas inside semicolons", "", BYTES("a;b\n1;x,y\n2;z,w\n"), "nc", "[[1,\"x,y\"],[2,\"z,w\"]]"},
    {"decimal comma", "", BYTES("a;b\n1,5;x\n-2,25e3;y\n"), "nc", "[[1.5,\"x\"],[-2250,\"y\"]]"},
    {"decimal point with semicolons", "", BYTES("a;b\n1.5;1,5\n2.5;x\n"), "nc", "[[1.5,\"1,5\"],[2.5,\"x\"]]"},
    {"decimal comma in quotes", "&decimal=,", BYTES("a,b\n\"1,5\",x\n"), "nc", "[[1.5,\"x\"]]"},
    {"no decimal comma", "&decimal=.", BYTES("a;b\n1,5;x\n"), "cc", "[[\"1,5\",\"x\"]]"},
    {"semicolon given", "&delimiter=;", BYTES("a,b;c\n1;2\n"), "nn", "[[1,2]]"},
    {"semicolon given, encoded", "&delimiter=%3B", BYTES("a;b\n1;2\n"), "nn", "[[1,2]]"},
    {"tab given", "&delimiter=tab", BYTES("a,b\tc\n1\t2\n"), "nn", "[[1,2]]"},
    {"tab given, encoded", "&delimiter=%09", BYTES("a,b\tc\n1\t2\n"), "nn", "[[1,2]]"},
    {"comma given", "&delimiter=,", BYTES("a;b\n1;2\n"), "c", "[[\"1;2\"]]"},
    {"bar given, encoded", "&delimiter=%7C", BYTES("a|b\n1|2\n"), "nn", "[[1,2]]"},
    {"quotes", "", BYTES("\"a\",\"b \"\"q\"\"\"\n1,\"x\ny, \"\"z\"\"\"\n"), "nc", "[[1,\"x\\ny, \\\"z\\\"\"]]"},
    {"quoted numbers", "", BYTES("a,b\n\"1\",\"2.5\"\n"), "nn", "[[1,2.5]]"},
    {"a quote inside a cell", "", BYTES("a,b\n5\" disk,1\n"), "cn", "[[\"5\\\" disk\",1]]"},
    {"UTF-8", "", BYTES("gr\xc3\xb6\xc3\x9f" "e,b\n1,\xe2\x82\xac\n2,\xf0\x9f\x90\xa7\n"), "nc",
     "[[1,\"\xe2\x82\xac\"],[2,\"\xf0\x9f\x90\xa7\"]]"},
    {"blanks around names and numbers", "", BYTES(" a , b\n 1 , x\n2 ,y\n"), "nc", "[[1,\" x\"],[2,\"y\"]]"},
    {"what is missing", "", BYTES("a,b\n,\nNA,NA\nNaN,NaN\nnull,null\n?,?\n1,x\n"), "nc",
     "[[null,null],[null,null],[null,null],[null,null],[null,null],[1,\"x\"]]"},
    {"missing in quotes", "", BYTES("a,b\n\"\",\"\"\n1,x\n"), "nc", "[[null,null],[1,\"x\"]]"},
    {"nearly missing", "", BYTES("a,b\nna,N/A\nNULL,nan\n"), "cc", "[[\"na\",\"N/A\"],[\"NULL\",\"nan\"]]"},
    {"missing replaced", "&missing=-,n/a", BYTES("a,b\n-,n/a\n1,NA\n"), "nc", "[[null,null],[1,\"NA\"]]"},
    {"missing replaced by a number", "&missing=-999", BYTES("a,b\n-999,1\n5,-999\n"), "nn", "[[null,1],[5,null]]"},
    {"nothing is missing", "&missing=", BYTES("a,b\n1,\n2,x\n"), "nc", "[[1,null],[2,\"x\"]]"},
    {"all missing", "", BYTES("a,b\n,x\nNA,y\n"), "nc", "[[null,\"x\"],[null,\"y\"]]"},
    {"late text", "", BYTES("a,b\n1,1\n2.50,2\nx,3\n"), "cn", "[[\"1\",1],[\"2.50\",2],[\"x\",3]]"},
    {"numbers as they are written", "", BYTES("a\n1e3\n+5\n-.5\n5.\n1E-2\n0010\n"), "n", "[[1000],[5],[-0.5],[5],[0.01],[10]]"},
    {"the ends of doubles", "", BYTES("a\n1.7976931348623157e308\n5e-324\n0.1\n123456789012345678\n"), "n",
     "[[1.7976931348623157e308],[5e-324],[0.1],[123456789012345680]]"},
    {"no numbers", "", BYTES("a,b,c,d\n0x10,inf,1e999,1 2\n"), "cccc", "[[\"0x10\",\"inf\",\"1e999\",\"1 2\"]]"},
    {"formulas and scripts are texts", "", BYTES("a,b\n=1+1,<script>alert(1)</script>\n"), "cc",
     "[[\"=1+1\",\"<script>alert(1)</script>\"]]"},
};

/* In one piece, and in chunks that cut it at every place. */
static size_t make_bytewise(void *context, char *out, size_t size)
{
    const char **at_byte = context;
    (void)size;
    if (at_byte[0] == at_byte[1])
        return 0;
    *out = *at_byte[0]++;
    return 1;
}

static struct reply *upload(const char *query, const char *csv, size_t length, bool bytewise)
{
    char path[200];
    const char *range[] = {csv, csv + length};
    snprintf(path, sizeof path, "%s%s", NAMES, query);
    struct request q = {.path = path, .type = "text/csv", .body = csv, .length = length};
    if (bytewise || !length)
        q = (struct request){.path = path, .type = "text/csv", .make = make_bytewise, .context = range};
    return http_send(&q);
}

static void check_good(const struct good *g)
{
    struct reply *r = upload(g->query, g->csv, g->length, false);
    if (r->status != 201)
        fail_reply(__FILE__, __LINE__, r, "%s", g->what);
    if (count(r, "/columns") != (int)strlen(g->columns))
        fail_reply(__FILE__, __LINE__, r, "%s: %d columns", g->what, count(r, "/columns"));
    for (int i = 0; g->columns[i]; i++)
        if (text(r, "/columns/%d/type", i)[0] != g->columns[i])
            fail_reply(__FILE__, __LINE__, r, "%s: the type of column %d", g->what, i);
    struct reply *preview = expect(http_get("/v1/datasets/csv/rows"), 200);
    cJSON *rows = cJSON_Parse(g->rows);
    if (!json_same(rows, at(preview, "/rows")))
        fail_reply(__FILE__, __LINE__, preview, "%s: other rows than %s", g->what, g->rows);
    cJSON_Delete(rows);
    struct reply *again = upload(g->query, g->csv, g->length, true);
    if (again->status != 200)
        fail_reply(__FILE__, __LINE__, again, "%s, byte by byte", g->what);
    expect(http_call("DELETE", "/v1/datasets/csv"), 204);
}

static void good_files_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        check_good(&good[i]);
}

/* A cell and a name of 64 KiB, 4096 columns: the limits themselves are fine. */
static void the_limits_themselves_are_fine(void **state)
{
    (void)state;
    char *csv = NULL, cell[65537];
    memset(cell, 'x', 65536);
    cell[65536] = '\0';
    append(&csv, "a,b\n1,%s\n2,\"%s\"\n", cell, cell);
    struct reply *r = expect(upload("", csv, strlen(csv), false), 201);
    assert_int_equal(count(r, "/columns/1/categories"), 1);
    expect(http_call("DELETE", "/v1/datasets/csv"), 204);
    free(csv);
    csv = NULL;
    for (int i = 1; i <= 4096; i++)
        append(&csv, "c%d%s", i, i < 4096 ? "," : "\n");
    for (int i = 1; i <= 4096; i++)
        append(&csv, "%d%s", i, i < 4096 ? "," : "\n");
    r = expect(upload("", csv, strlen(csv), false), 201);
    assert_true(number(r, "/columns/4095/mean") == 4096);
    expect(http_call("DELETE", "/v1/datasets/csv"), 204);
    free(csv);
}

/* Sums over what doubles can hold are told as null, not as infinite. */
static void statistics_that_overflow_are_null(void **state)
{
    (void)state;
    struct reply *r = expect(upload("", BYTES("a,b\n1.7e308,1\n1.7e308,2\n-1.7e308,\n1.7e308,6\n"), false), 201);
    assert_true(number(r, "/columns/0/min") == -1.7e308 && number(r, "/columns/0/max") == 1.7e308);
    assert_true(is_null(r, "/columns/0/standard_deviation"));
    assert_true(number(r, "/columns/1/mean") == 3);
    r = expect(http_get("/v1/datasets/csv/rows"), 200);
    assert_true(number(r, "/rows/2/0") == -1.7e308);
    expect(http_call("DELETE", "/v1/datasets/csv"), 204);
}

/* ---- bad files ---------------------------------------------------------------------------------------------------- */

static const struct bad {
    const char *what, *csv;
    size_t length;
    int line, column; /* 0: none to tell */
} bad[] = {
    {"nothing", BYTES(""), 0, 0},
    {"a BOM only", BYTES("\xef\xbb\xbf"), 0, 0},
    {"a header only", BYTES("a,b\n"), 2, 1},
    {"a header without its newline", BYTES("a,b"), 2, 1},
    {"a short row", BYTES("a,b\n1,2\n3\n"), 3, 1},
    {"a long row", BYTES("a,b\n1,2\n3,4\n5,6,7\n"), 4, 3},
    {"an unclosed quote", BYTES("a,b\n1,\"x\n2,y\n"), 2, 2},
    {"text behind a quote", BYTES("a,b\n1,\"x\"y\n"), 2, 2},
    {"two quotes and more", BYTES("a,b\n\"\"\"x,1\n"), 2, 1},
    {"a NUL", BYTES("a,b\n1,x\0y\n"), 2, 2},
    {"a NUL in quotes", BYTES("a,b\n1,y\n1,\"x\0y\"\n"), 3, 2},
    {"a NUL in the header", BYTES("a,b\0\n1,2\n"), 1, 2},
    {"no UTF-8", BYTES("a,b\n1,caf\xe9\n"), 2, 2},
    {"an overlong form", BYTES("a,b\n1,\xc0\xaf\n"), 2, 2},
    {"half a character at the end", BYTES("a,b\n1,x\n2,\xe2\x82"), 3, 2},
    {"no UTF-8 in the header", BYTES("a,\xff\n1,2\n"), 1, 2},
    {"UTF-16", BYTES("\xff\xfe" "a\0,\0b\0\n\0" "1\0,\0" "2\0\n\0"), 1, 1},
    {"UTF-16, big-endian", BYTES("\xfe\xff" "\0a\0,\0b\0\n\0" "1\0,\0" "2\0\n"), 1, 1},
    {"a name twice", BYTES("a,b,a\n1,2,3\n"), 1, 3},
    {"a name twice but for blanks", BYTES("a,b, a\n1,2,3\n"), 1, 3},
    {"an empty name", BYTES("a,,c\n1,2,3\n"), 1, 2},
    {"a blank name", BYTES("a, ,c\n1,2,3\n"), 1, 2},
    {"a delimiter too many in the header", BYTES("a,b,\n1,2,\n"), 1, 3},
    {"a quote over lines counts them", BYTES("a,b\n\"x\ny\nz\",1\n1,2,3\n"), 5, 3},
    {"CR LF counts once", BYTES("a,b\r\n1,2\r\n1\r\n"), 3, 1},
    {"gzip", BYTES("\x1f\x8b\x08\0\0\0\0\0\0\x03K\xd4I\xe2\x02\0"), 1, 1},
};

static struct reply *names_left(void)
{
    return expect(http_get("/v1/datasets"), 200);
}

static void check_refused(struct reply *r, const char *what, int line, int column, const char *list, size_t files)
{
    if (r->status != 422)
        fail_reply(__FILE__, __LINE__, r, "%s", what);
    expect_problem(r, 422, "validation");
    const cJSON *l = json_find(json_of(r), "/line"), *c = json_find(json_of(r), "/column");
    if ((l ? (int)l->valuedouble : 0) != line || (c ? (int)c->valuedouble : 0) != column)
        fail_reply(__FILE__, __LINE__, r, "%s: not line %d, column %d", what, line, column);
    if (strcmp(names_left()->body, list) != 0 || files_settled("datasets") != files)
        fail_reply(__FILE__, __LINE__, r, "%s: something is left behind", what);
}

static void bad_files_are_refused_with_their_place_and_leave_nothing(void **state)
{
    (void)state;
    expect(http_post_csv("/v1/datasets?name=other", "a,b\n1,2\n"), 201);
    const char *list = names_left()->body;
    size_t files = files_settled("datasets");
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_refused(upload("", bad[i].csv, bad[i].length, false), bad[i].what, bad[i].line, bad[i].column, list, files);
        check_refused(upload("", bad[i].csv, bad[i].length, true), bad[i].what, bad[i].line, bad[i].column, list, files);
    }
}

static void over_the_limits_is_refused(void **state)
{
    (void)state;
    const char *list = names_left()->body;
    size_t files = files_settled("datasets");
    char *csv = NULL, cell[65538];
    memset(cell, 'x', 65537);
    cell[65537] = '\0';
    append(&csv, "a,b\n1,%s\n", cell);
    check_refused(upload("", csv, strlen(csv), false), "a long cell", 2, 2, list, files);
    *csv = '\0';
    append(&csv, "a,b\n1,y\n2,\"%s\"\n", cell);
    check_refused(upload("", csv, strlen(csv), false), "a long cell in quotes", 3, 2, list, files);
    *csv = '\0';
    for (int i = 1; i <= 4097; i++)
        append(&csv, "c%d%s", i, i < 4097 ? "," : "\n");
    check_refused(upload("", csv, strlen(csv), false), "too many columns", 1, 4097, list, files);
    free(csv);
}

/* An error early in a body that is much longer: the rest is read, or the connection ends, but the answer comes. */
static size_t make_early_error(void *context, char *out, size_t size)
{
    size_t *left = context, n = *left < size ? *left : size;
    memset(out, '\n', n);
    for (size_t i = 0; i + 8 <= n; i += 8)
        memcpy(out + i, "1,2,3,4\n", 8);
    if (*left == 5000000)
        memcpy(out, "a,b,c,d\n1,2,3,\n1,2,3\n", 21);
    *left -= n;
    return n;
}

static void an_error_early_in_a_long_body_is_answered(void **state)
{
    (void)state;
    size_t left = 5000000;
    struct request q = {.path = NAMES, .type = "text/csv", .make = make_early_error, .context = &left};
    check_refused(http_send(&q), "an early error", 3, 3, names_left()->body, files_settled("datasets"));
}

/* The client goes away in mid-upload. */
static void a_broken_upload_leaves_nothing(void **state)
{
    (void)state;
    const char *list = names_left()->body;
    size_t files = files_settled("datasets");
    struct raw *c = raw_open();
    raw_send(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\na,b\n1,2\n", NAMES);
    while (files_now("datasets") == files)
        expect(http_get("/healthz"), 200);
    raw_close(c);
    while (files_now("datasets") != files)
        expect(http_get("/healthz"), 200);
    assert_string_equal(names_left()->body, list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_files_are_read),
        TEST(the_limits_themselves_are_fine),
        TEST(statistics_that_overflow_are_null),
        TEST(bad_files_are_refused_with_their_place_and_leave_nothing),
        TEST(over_the_limits_is_refused),
        TEST(an_error_early_in_a_long_body_is_answered),
        TEST(a_broken_upload_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, daemon_setup, daemon_teardown);
}
