/* Cursors: ORDER~d~KEY~ID (a: ascending). KEY is 16 hexadecimal digits of a number's bits, t and the bytes of a text in
 * hexadecimal, or - for none. */
#include "internal.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_MAX 4000
#define HEX "0123456789abcdef"

void place_done(struct place *p)
{
    mem_free(p->text);
    *p = (struct place){0};
}

static void key_write(const struct place *p, struct buf *b)
{
    uint64_t bits;
    memcpy(&bits, &p->number, sizeof bits);
    if (p->text)
        buf_putc(b, 't');
    for (const char *c = p->text; c && *c; c++)
        buf_printf(b, "%02x", (unsigned char)*c);
    if (!p->text && isnan(p->number))
        buf_putc(b, '-');
    else if (!p->text)
        buf_printf(b, "%016" PRIx64, bits);
}

bool cursor_write(const char *order, bool descending, const struct place *p, char **ret)
{
    struct buf b;
    buf_init(&b, CURSOR_MAX);
    buf_printf(&b, "%s~%c~", order, descending ? 'd' : 'a');
    key_write(p, &b);
    buf_printf(&b, "~%" PRId64, p->id);
    char *text = buf_steal(&b, NULL);
    if (text)
        *ret = text;
    return text != NULL;
}

static unsigned digit(char c)
{
    return (unsigned)(strchr(HEX, c) - HEX);
}

static bool text_read(const char **at, struct place *ret)
{
    size_t length = strspn(++*at, HEX);
    if (length % 2 || !(ret->text = mem_array(length / 2 + 1, 1)))
        return false;
    for (size_t i = 0; i < length / 2; i++, *at += 2)
        ret->text[i] = (char)(digit((*at)[0]) << 4 | digit((*at)[1]));
    return strlen(ret->text) == length / 2;
}

static bool key_read(const char **at, bool is_text, struct place *ret)
{
    char *end;
    ret->number = NAN;
    if (**at == '-') {
        ++*at;
        return true;
    }
    if (is_text)
        return **at == 't' && text_read(at, ret);
    if (strspn(*at, HEX) != 16)
        return false;
    uint64_t bits = strtoull(*at, &end, 16);
    memcpy(&ret->number, &bits, sizeof bits);
    *at = end;
    return isfinite(ret->number);
}

enum err_code cursor_read(const char *cursor, const char *order, bool is_text, bool descending, struct place *ret,
                          struct err *err)
{
    size_t length = strlen(order);
    const char *at = cursor + length + 3;
    *ret = (struct place){0};
    if (strncmp(cursor, order, length) || strncmp(cursor + length, descending ? "~d~" : "~a~", 3))
        return err_set(err, ERR_MALFORMED, "cursor does not belong to this order: pass the \"next\" of the same list");
    if (!key_read(&at, is_text, ret) || *at++ != '~' || !*at || strspn(at, "0123456789") != strlen(at) || strlen(at) > 18)
        return err_set(err, ERR_MALFORMED, "cursor is damaged: pass the \"next\" of a list unchanged");
    ret->id = strtoll(at, NULL, 10);
    return ERR_OK;
}
