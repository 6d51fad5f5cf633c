/* Requests that libcurl cannot send, and requests that are left waiting while others are made: bytes on a socket. */
#pragma once

#include "http.h"

struct raw; /* a connection */

struct raw *raw_open(void);
bool raw_refused(void); /* whether a new connection is refused */
void raw_close(struct raw *c);
void raw_send(struct raw *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void raw_send_bytes(struct raw *c, const void *data, size_t length);
/* The next reply, not checked; NULL when the connection ended before a whole one. The method is the request's. */
struct reply *raw_read(struct raw *c, const char *method);
bool raw_ended(struct raw *c); /* no more bytes, and closed */
/* One request on a connection of its own; the text lacks the empty line behind the headers. */
struct reply *raw_ask(const char *request);
struct reply *raw_ask_bytes(const char *request, size_t length);

/* A GET that is left waiting; raw_read and raw_close end it. etag: for If-None-Match, or NULL. */
struct raw *raw_get(const char *etag, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* Returns once so many requests, beside the one that asks, are under way in the daemon. */
void raw_wait_for_requests(unsigned wanted);
/* Returns once no other is. */
void raw_wait_for_silence(void);
