// What an evaluation says, as figures to draw: counts at a threshold, bins of residuals. Pure.

const HUNDREDTHS = 100; // at each of them the curves are exact

/**
 * What can be looked at one at a time: the classes, each against the rest, or the numbers that were predicted:
 * [{kind: 'class' | 'number', name, ...}]. A class of which there are no curves is left out; of several targets of two
 * classes, the second of each can be looked at.
 */
export function entriesOf(evaluation) {
    const { rows, targets } = evaluation;
    if (!targets) return entriesOfOne(evaluation);
    return targets.flatMap((target) => {
        const entries = entriesOfOne({ ...target, task: 'binary', rows }),
            shown = target.residuals ? entries : entries.filter(({ first }) => first);
        return shown.map((entry) => ({
            ...entry,
            name: entry.name === null ? target.target : `${target.target}: ${entry.name}`,
        }));
    });
}

function entriesOfOne({ task, rows, per_class: classes, residuals }) {
    if (residuals) return [{ kind: 'number', name: null, residuals, rows }];
    const binary = task === 'binary';
    return (classes ?? [])
        .map((entry, i) => ({
            kind: 'class',
            name: entry.class,
            other: binary ? classes[1 - i].class : null,
            first: binary && i === 1, // the class whose probability the network gives
            positives: entry.rows,
            negatives: rows - entry.rows,
            ...(entry.roc && curvesOf(entry)),
        }))
        .filter(({ thresholds }) => thresholds?.length > 1);
}

function curvesOf({ roc, precision_recall: pr, roc_auc: area, average_precision: average }) {
    return {
        thresholds: roc.threshold,
        falseRate: roc.false_positive_rate,
        recall: pr.recall,
        precision: pr.precision,
        area,
        average,
    };
}

/** The entry that is shown until another is chosen. */
export function firstEntry(entries) {
    return entries.find(({ first }) => first) ?? entries[0];
}

/** The index of the last point at or above a threshold: the first point, which has none, is above all. */
export function pointAt({ thresholds }, threshold) {
    let at = thresholds.length - 1;
    while (at > 0 && thresholds[at] < threshold) at--;
    return at;
}

/** The nearest threshold of 0..1 at which the counts are known: a hundredth, or that of a point. */
export function knownThreshold({ thresholds }, wanted) {
    const hundredth = Math.round(Math.min(1, Math.max(0, wanted)) * HUNDREDTHS) / HUNDREDTHS;
    return thresholds.reduce(
        (best, value) => (value !== null && Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best),
        hundredth,
    );
}

/** Rows that count as the class at a threshold, and the others, right and wrong. */
export function countsAt(entry, threshold) {
    const at = pointAt(entry, threshold),
        right = Math.round(entry.recall[at] * entry.positives),
        wrong = Math.round(entry.falseRate[at] * entry.negatives);
    return { right, wrong, missed: entry.positives - right, spared: entry.negatives - wrong };
}

const share = (part, whole) => (whole > 0 ? part / whole : null);

/** Shares of counts; null where they are 0/0. */
export function figuresOf({ right, wrong, missed, spared }) {
    return {
        precision: share(right, right + wrong),
        recall: share(right, right + missed),
        false_positive_rate: share(wrong, wrong + spared),
        f1: share(2 * right, 2 * right + wrong + missed),
        accuracy: share(right + spared, right + wrong + missed + spared),
    };
}

/** The highest threshold of a point with the best F1. */
export function bestThreshold(entry) {
    const scores = entry.thresholds.map((threshold) =>
        threshold === null ? -1 : (figuresOf(countsAt(entry, threshold)).f1 ?? -1),
    );
    return entry.thresholds[scores.indexOf(Math.max(...scores))];
}

/** Precision by recall as average precision adds it up: each stretch of recall has the precision at its end. */
export function steps({ recall, precision }) {
    const points = [[recall[0], precision[0]]];
    for (let i = 1; i < recall.length; i++) points.push([recall[i - 1], precision[i]], [recall[i], precision[i]]);
    return points;
}

// ---- numbers
// ---------------------------------------------------------------------------------------------------------

/** 1, 2 or 5 times a power of ten, so that about `count` of them fit. */
export function niceStep(width, count) {
    const rough = width / count,
        power = 10 ** Math.floor(Math.log10(rough));
    const times = rough / power;
    return (times < Math.SQRT2 ? 1 : times < Math.sqrt(10) ? 2 : times < Math.sqrt(50) ? 5 : 10) * power;
}

/** Round values from..to, about `count` of them, each as exact as its digits. */
export function ticks(from, to, count = 5) {
    const step = niceStep(to - from, count),
        digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)),
        values = [];
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-9; k++)
        values.push(Number((k * step).toFixed(Math.min(digits, 100))));
    return values;
}

/** Least and greatest with a margin; never of no width. */
export function extent(values, margin = 0.04) {
    const least = values.reduce((a, b) => Math.min(a, b), Infinity),
        most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const width = most > least ? (most - least) * margin : Math.abs(least) / 2 || 1;
    return [least - width, most + width];
}

/** Counts in about `count` bins of equal, round width: [{from, to, count}]; a value at an edge is in the higher one. */
export function bins(values, count) {
    const [least, most] = extent(values, 0),
        step = niceStep(most - least, count),
        first = Math.floor(least / step + 1e-9),
        last = Math.max(first + 1, Math.floor(most / step + 1e-9) + 1);
    const all = Array.from({ length: last - first }, (_, i) => ({
        from: (first + i) * step,
        to: (first + i + 1) * step,
        count: 0,
    }));
    for (const value of values) all[Math.min(all.length - 1, Math.floor(value / step + 1e-9) - first)].count++;
    return all;
}

/** The size that this share of the values does not exceed: 0.5 is the median of their magnitudes. */
export function within(values, part) {
    const sizes = values.map(Math.abs).sort((a, b) => a - b);
    return sizes[Math.max(0, Math.ceil(part * sizes.length) - 1)];
}
