// A row to predict, from what a model says of its columns. Pure.

const PARTS = 10; // of the spread of a column: a press of a key is worth less than one, and more than a tenth of one
const BARS = 20;

/** The power of ten that a number of this column is changed by. */
function stepOf({ mean, shift, scale }) {
    const size = shift === 0 && scale === 1 ? Math.abs(mean) : Math.abs(scale);
    return size > 0 && Number.isFinite(size) ? Number(`1e${Math.floor(Math.log10(size / PARTS))}`) : 1;
}

function rounded(value, step) {
    const digits = Math.min(20, Math.max(0, Math.round(-Math.log10(step))));
    return Number((Math.round(value / step) * step).toFixed(digits));
}

/**
 * Features of /v1/runs/{run}/features as fields: {name, kind: 'number', step, initial} with the mean, or {name, kind:
 * 'choice', choices, rare, initial} with the first category, the middle one of those that have an order.
 */
export function fieldsOf(features) {
    return features.map((feature) => {
        const { name, encoding, mean, categories, rare_categories: rare = [] } = feature;
        if (encoding === 'number') {
            const step = stepOf(feature);
            return { name, kind: 'number', step, mean, initial: mean === null ? null : rounded(mean, step) };
        }
        const at = encoding === 'ordinal' ? Math.round(mean ?? 0) : 0;
        return { name, kind: 'choice', choices: categories, rare, initial: categories[at] ?? rare[0] ?? null };
    });
}

export function initialRow(fields) {
    return Object.fromEntries(fields.map(({ name, initial }) => [name, initial]));
}

/** The row of an address: what it does not say is as at first; what no column can be is left out. */
export function readRow(text, fields) {
    const row = initialRow(fields);
    let said = {};
    try {
        said = JSON.parse(text || '{}') ?? {};
    } catch {
        return row;
    }
    for (const { name, kind } of fields) {
        if (!Object.hasOwn(said, name)) continue;
        const value = said[name];
        if (value === null || typeof value === (kind === 'number' ? 'number' : 'string')) row[name] = value;
    }
    return row;
}

/** What the address says of a row: only what is not as at first; undefined when all of it is. */
export function writeRow(row, fields) {
    const changed = fields.filter(({ name, initial }) => row[name] !== initial);
    return changed.length
        ? JSON.stringify(Object.fromEntries(changed.map(({ name }) => [name, row[name]])))
        : undefined;
}

/** A number of a field as it is sent; null where there is none. */
export function numberOf(text) {
    const value = Number(text.trim().replace(',', '.'));
    return text.trim() === '' || !Number.isFinite(value) ? null : value;
}

/** What a prediction says of each of the targets, as if it were alone. */
export function answersOf(targets, prediction) {
    if (targets.length === 1) return [prediction];
    return targets.map(({ name, classes }) => {
        if (!classes) return prediction[name];
        const share = prediction.probabilities[name];
        return { class: prediction.classes[name], probabilities: { [classes[0]]: 1 - share, [classes[1]]: share } };
    });
}

/** Probabilities as bars [{name, share, best}] in the order of the classes; of many the largest: `left` are not. */
export function barsOf({ class: best, probabilities }) {
    const all = Object.entries(probabilities).map(([name, share]) => ({ name, share, best: name === best }));
    if (all.length <= BARS) return { bars: all, left: 0 };
    return { bars: all.sort((a, b) => b.share - a.share).slice(0, BARS), left: all.length - BARS };
}
