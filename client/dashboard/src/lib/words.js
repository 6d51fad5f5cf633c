// What a chart shows, in a sentence or two: for who cannot see it, and for who would rather read.
import { lastKnown, lowest } from './curves.js';
import { figure, whole } from './format.js';
import { t } from './i18n.js';

const RISEN = 1.1; // times the lowest: more than the noise of a few rows

/** Of one run: where its losses came from, where they are, and whether the validation loss has turned. */
export function lossWords(columns) {
    const { epoch, train_loss: train, valid_loss: valid } = columns,
        last = lastKnown(train);
    if (last < 0) return t('words.nothing');
    const first = train.findIndex((value) => value !== null);
    const parts = [
        t('words.train', {
            first: figure(train[first]),
            start: whole(epoch[first]),
            last: figure(train[last]),
            end: whole(epoch[last]),
        }),
    ];
    const best = lowest(valid),
        end = lastKnown(valid);
    if (best >= 0) {
        parts.push(t('words.valid', { loss: figure(valid[best]), epoch: whole(epoch[best]) }));
        // What that means is for lib/advice.js to say, which looks at more.
        if (best < end && valid[end] > RISEN * valid[best]) parts.push(t('words.risen', { loss: figure(valid[end]) }));
    }
    return parts.join(' ');
}

/** Of one run and any other figure. */
export function metricWords(columns, metric) {
    const values = columns[metric] ?? [],
        first = values.findIndex((value) => value !== null),
        last = lastKnown(values);
    return last < 0
        ? t('words.nothing')
        : t('words.metric', {
              metric,
              first: figure(values[first]),
              start: whole(columns.epoch[first]),
              last: figure(values[last]),
              end: whole(columns.epoch[last]),
          });
}

/** Of several: [{label, columns}] by the figure that is drawn. */
export function runsWords(runs, metric) {
    const ends = runs
        .map(({ label, columns }) => ({ label, value: columns[metric]?.[lastKnown(columns[metric] ?? [])] }))
        .filter(({ value }) => value !== undefined && value !== null)
        .sort((a, b) => a.value - b.value);
    if (ends.length === 0) return t('words.nothing');
    const low = ends[0],
        high = ends.at(-1);
    return t('words.runs', {
        n: whole(ends.length),
        metric,
        low: figure(low.value),
        least: low.label,
        high: figure(high.value),
        most: high.label,
    });
}
