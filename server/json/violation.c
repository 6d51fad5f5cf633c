#include "bind_internal.h"

#include "scan.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The longest prefix of at most `size` bytes that does not cut a character in two. */
static size_t whole_characters(const char *text, size_t size)
{
    size_t length = strnlen(text, size + 1);
    if (length <= size)
        return length;
    for (length = size; length && ((unsigned char)text[length] & 0xc0) == 0x80;)
        length--;
    return length;
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = whole_characters(text, size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

void violation_add(struct violations *v, const char *pointer, const char *code, const char *format, ...)
{
    if (v->count++ >= VIOLATIONS_MAX)
        return;
    struct violation *item = &v->item[v->count - 1];
    char detail[2 * sizeof item->detail];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    copy_text(item->detail, sizeof item->detail, detail);
    copy_text(item->pointer, sizeof item->pointer, pointer);
    item->code = code;
}

void violation_write(const char *pointer, const char *code, const char *detail, struct json_writer *w)
{
    json_object(w);
    json_field_string(w, "pointer", pointer);
    json_field_string(w, "code", code);
    json_field_string(w, "detail", detail);
    json_object_end(w);
}

void violations_write(const struct violations *v, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < v->count && i < VIOLATIONS_MAX; i++)
        violation_write(v->item[i].pointer, v->item[i].code, v->item[i].detail, w);
    json_array_end(w);
}

const char *pointer_member(char out[POINTER_SIZE], const char *parent, const char *key)
{
    size_t at = (size_t)snprintf(out, POINTER_SIZE, "%s/", parent);
    if (at >= POINTER_SIZE - 1)
        return out;
    while (*key) {
        size_t bytes = json_utf8((const unsigned char *)key, strlen(key));
        bytes = bytes ? bytes : 1;
        bool escape = *key == '~' || *key == '/';
        if (at + bytes + escape >= POINTER_SIZE)
            break;
        if (escape) {
            out[at++] = '~';
            out[at++] = *key == '~' ? '0' : '1';
        } else {
            memcpy(out + at, key, bytes);
            at += bytes;
        }
        key += bytes;
    }
    out[at] = '\0';
    return out;
}

const char *pointer_element(char out[POINTER_SIZE], const char *parent, size_t index)
{
    snprintf(out, POINTER_SIZE, "%s/%zu", parent, index);
    return out;
}

const char *quoted(char out[QUOTED_SIZE], const char *text)
{
    size_t room = QUOTED_SIZE - sizeof "\"...\"";
    size_t length = whole_characters(text, room);
    snprintf(out, QUOTED_SIZE, "\"%.*s%s\"", (int)length, text, text[length] ? "..." : "");
    return out;
}

const char *listed(char out[LIST_SIZE], const char *const *names, size_t count)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (at + length + sizeof ", , ..." > LIST_SIZE) {
            snprintf(out + at, LIST_SIZE - at, ", ...");
            break;
        }
        at += (size_t)snprintf(out + at, LIST_SIZE - at, "%s%s", at ? ", " : "", names[i]);
    }
    return out;
}
