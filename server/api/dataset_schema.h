/* A table's columns as JSON, stored with the dataset; and inline tables given as JSON, turned into the CSV bytes that
 * the table builder takes, so that both ways of uploading are one. */
#pragma once

#include "core/data/table.h"
#include "server/json/bind.h"

/* [{"name","type","missing","min","max","mean","standard_deviation"} or {...,"distinct","categories":[{"value","count"}]}]: of
 * more than 1000 categories, those with most rows. */
void dataset_schema_write(const struct table *t, struct json_writer *w);
/* What the upload's options were, as JSON, to tell whether a second upload under the name is the same. */
void dataset_options_write(const struct csv_options *o, struct json_writer *w);

/* An inline table: {"name","columns":[...],"rows":[[...]]}. Texts point into the document. */
struct inline_table {
    const char *name;
    const struct json *columns, *rows;
};
void inline_table_read(const struct json *body, struct inline_table *ret, struct violations *violations);
enum err_code inline_table_feed(const struct inline_table *inline_table, struct table_builder *b, struct err *err);
/* [A-Za-z0-9][A-Za-z0-9._-]{0,127}, not digits alone (those are ids). NULL when fine, else what is wrong. */
const char *dataset_name_fault(const char *name);
