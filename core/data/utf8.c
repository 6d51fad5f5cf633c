#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the valid sequence at s, 0 when there is none. */
static size_t sequence(const unsigned char *s, size_t left)
{
    size_t more = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 1 : s[0] < 0xF0 ? 2 : s[0] < 0xF5 ? 3 : 0;
    if (!more || left <= more)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return more + 1;
}

size_t utf8_valid(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t at = 0;
    while (at < length) {
        uint64_t eight;
        if (length - at >= 8 && (memcpy(&eight, s + at, 8), !(eight & 0x8080808080808080u))) {
            at += 8;
        } else if (s[at] < 0x80) {
            at++;
        } else {
            size_t n = sequence(s + at, length - at);
            if (!n)
                return at;
            at += n;
        }
    }
    return at;
}
