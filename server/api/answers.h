/* What a network's outputs say of a row: in the words and units of the targets, as JSON or as a line of CSV. */
#pragma once

#include "core/data/encoder.h"
#include "server/json/write.h"

/* Of classes {"class","probabilities"}; of regression a number. Of several targets, an object by their names: of regression their
 * numbers; of multilabel {"classes","probabilities"}, the probability being that of the second of the target's two classes. */
void answer_json(const struct encoder *e, const real *out, struct json_writer *w);
/* The same as a line. Its columns: "class" and each class; "prediction"; of several targets their names, and of multilabel then
 * "P(name=class)" for each. */
void answer_csv_header(const struct encoder *e, struct buf *line);
void answer_csv(const struct encoder *e, const real *out, struct buf *line);
