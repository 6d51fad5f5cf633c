/* A picture that is drawn again in its place, below what the terminal showed before. */
#include "verbs.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void screen_measure(struct screen *s)
{
    struct winsize size = {0};
    bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 && size.ws_row > 1;
    s->columns = known ? size.ws_col : 80;
    s->rows = known ? size.ws_row : 24;
}

/* Rows that the lines on the screen take, which is more than one each after the terminal has become narrower. */
static size_t rows_taken(const struct screen *s)
{
    size_t rows = 0;
    for (const char *at = text_string(&s->shown); *at;) {
        size_t length = strcspn(at, "\n");
        struct text line = {0};
        text_add(&line, at, length);
        size_t columns = text_columns(text_string(&line));
        rows += columns ? (columns + s->columns - 1) / s->columns : 1;
        text_free(&line);
        at += length + (at[length] == '\n');
    }
    return rows;
}

void screen_draw(struct screen *s, const struct text *lines, bool all)
{
    struct text out = {0};
    size_t up = rows_taken(s), row = 0;
    if (up)
        text_printf(&out, "\033[%zuA\r", up);
    text_clear(&s->shown);
    for (const char *at = text_string(lines); *at && (all || row + 1 < s->rows); row++) {
        size_t length = strcspn(at, "\n");
        text_cut(&s->shown, at, length, all ? SIZE_MAX : s->columns - 1);
        text_puts(&s->shown, "\n");
        text_cut(&out, at, length, all ? SIZE_MAX : s->columns - 1);
        text_puts(&out, up ? "\033[K\n" : "\n"); /* nothing is behind a line that is new */
        at += length + (at[length] == '\n');
    }
    text_puts(&out, up ? "\033[J" : "");
    print_text(&out);
    fflush(stdout);
    text_free(&out);
}
