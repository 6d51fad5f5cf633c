#include "bad.h"

#include "api.h"

static bool is_right(struct reply *r, const struct bad_input *row)
{
    if (r->status != row->status)
        return false;
    const cJSON *body = json_of(r), *type = json_find(body, "/type"), *errors = json_find(body, "/errors");
    if (r->status != 422)
        return !row->where || strcmp(type->valuestring + strlen("/problems/"), row->where) == 0;
    return strcmp(type->valuestring, "/problems/validation") == 0 && cJSON_GetArraySize(errors) == 1 &&
           strcmp(json_find(errors, "/0/pointer")->valuestring, row->where) == 0 &&
           strcmp(json_find(errors, "/0/code")->valuestring, row->code) == 0;
}

void check_bad_inputs(const struct bad_input *rows, size_t rows_count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < rows_count; i++) {
        const struct bad_input *row = &rows[i];
        struct reply *r = http_send(&(struct request){.method = row->method, .path = row->path, .type = row->type,
                                                      .body = row->body, .length = row->length, .header = {row->header}});
        if (is_right(r, row))
            continue;
        print_error("%s\n  %.*s\n  %.700s\n  instead of %d %s %s\n", r->about, (int)strcspn(r->head, "\r"), r->head, r->body,
                    row->status, row->where ? row->where : "", row->code ? row->code : "");
        wrong++;
    }
    print_message("%zu bad inputs\n", rows_count);
    if (wrong)
        fail_msg("%zu of %zu bad inputs were answered otherwise", wrong, rows_count);
}
