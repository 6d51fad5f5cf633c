// Runs as lines over parallel axes (Inselberg 1985): scales, ranges that filter, and which line is the nearest. Pure.
import { ticks } from './evaluation.js';

const LOG_RATIO = 30, // times: values that are further apart are placed by magnitude
    FEW = 8;

const key = (value) => JSON.stringify(value ?? null);

/** Different values in the order of their coming; numbers in their own. */
function distinct(values) {
    const found = [...new Map(values.map((value) => [key(value), value])).values()];
    return found.every((value) => typeof value === 'number') ? found.sort((a, b) => a - b) : found;
}

/**
 * Where values lie on an axis, 0 at its foot and 1 at its head: {kind: 'numbers' | 'names', log, values, place(value),
 * ticks}. place() is null of what is not on it, as absent values (null) among numbers are. log: whether numbers are
 * placed by magnitude; undefined: when they are far apart.
 */
export function scaleOf(all, log) {
    const known = all.filter((value) => value !== null && value !== undefined),
        values = distinct(known.every((value) => typeof value === 'number') ? known : all);
    if (values.length > 0 && typeof values[0] === 'number' && values.every((value) => typeof value === 'number'))
        return numbers(values, values[0] > 0 && (log ?? values.at(-1) >= LOG_RATIO * values[0]));
    const places = new Map(values.map((value, i) => [key(value), values.length > 1 ? i / (values.length - 1) : 0.5]));
    const step = Math.ceil(values.length / 24);
    return {
        kind: 'names',
        log: false,
        values,
        place: (value) => places.get(key(value)) ?? null,
        ticks: values.filter((_, i) => i % step === 0),
    };
}

function numbers(values, log) {
    const by = log ? Math.log : (value) => value,
        low = by(values[0]),
        high = by(values.at(-1));
    const place = (value) =>
        typeof value !== 'number' || (log && value <= 0) ? null : high > low ? (by(value) - low) / (high - low) : 0.5;
    return { kind: 'numbers', log, values, place, ticks: ticksOf(values, log, place) };
}

/** Of every power of ten from..to, its multiples by `digits`. */
function decadesOf(from, to, digits) {
    const found = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++)
        found.push(...digits.map((digit) => Number(`${digit}e${power}`)));
    return found.filter((value) => value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9));
}

/** The values themselves when they are few and apart; else powers of ten, or round steps. log: by magnitude. */
function ticksOf(values, log, place) {
    const from = values[0],
        to = values.at(-1);
    if (values.length <= FEW && values.every((value, i) => i === 0 || place(value) - place(values[i - 1]) > 0.055))
        return values;
    if (log) {
        const [tens, between] = [[1], [1, 2, 5]].map((digits) => decadesOf(from, to, digits));
        if (tens.length > 2) return tens.filter((_, i) => i % Math.ceil(tens.length / FEW) === 0);
        if (between.length > 1) return between;
    }
    return ticks(from, to, 6);
}

// ---- ranges
// -------------------------------------------------------------------------------------------------------------

/** Whether a value is between the two of a range, ends included. */
export function isWithin(scale, value, [low, high]) {
    const at = scale.place(value);
    return at !== null && at >= scale.place(low) - 1e-12 && at <= scale.place(high) + 1e-12;
}

/** The least range with all values between two places of the axis; null where there are none. */
export function rangeBetween(scale, a, b) {
    const inside = scale.values.filter((value) => {
        const at = scale.place(value);
        return at >= Math.min(a, b) && at <= Math.max(a, b);
    });
    return inside.length > 0 ? [inside[0], inside.at(-1)] : null;
}

/** One end (0 low, 1 high) of a range moved by so many values; the ends never cross. range null: the whole axis. */
export function stepped(scale, range, end, by) {
    const last = scale.values.length - 1,
        [low, high] = (range ?? [scale.values[0], scale.values[last]]).map((value) =>
            Math.max(
                0,
                scale.values.findIndex((other) => key(other) === key(value)),
            ),
        );
    const clamp = (value, from, to) => Math.min(to, Math.max(from, value));
    const next = end === 0 ? [clamp(low + by, 0, high), high] : [low, clamp(high + by, low, last)];
    return next.map((i) => scale.values[i]);
}

/** Without what filters nothing: {name: range}. */
export function kept(ranges, scales) {
    return Object.fromEntries(
        Object.entries(ranges).filter(([name, range]) => {
            const values = scales.get(name)?.values;
            return values?.length && !(key(range[0]) === key(values[0]) && key(range[1]) === key(values.at(-1)));
        }),
    );
}

/** Ranges of the address, {"/optimizer/momentum": [0, 0.9]} as JSON; {} for nonsense. */
export function parseRanges(text) {
    try {
        const given = JSON.parse(text ?? '{}');
        return Object.fromEntries(
            Object.entries(given ?? {}).filter(([, range]) => Array.isArray(range) && range.length === 2),
        );
    } catch {
        return {};
    }
}

// ---- lines
// --------------------------------------------------------------------------------------------------------------

/** The run whose line is the nearest above or below a point, within `reach`; xs: of the axes; lines: [{id, ys}]. */
export function nearest(lines, xs, x, y, reach) {
    const segment = Math.min(
        xs.length - 2,
        Math.max(
            0,
            xs.findLastIndex((at) => at <= x),
        ),
    );
    const share = Math.min(1, Math.max(0, (x - xs[segment]) / (xs[segment + 1] - xs[segment])));
    let best = null,
        least = reach;
    for (const { id, ys } of lines) {
        const [from, to] = [ys[segment], ys[segment + 1]];
        if (from === null || to === null) continue;
        const distance = Math.abs(from + share * (to - from) - y);
        if (distance <= least) {
            least = distance;
            best = id;
        }
    }
    return best;
}

/** Metrics of which more is better; of all others, which are losses and errors, less. */
export function moreIsBetter(metric) {
    return /accuracy|f1|auc|r2|precision|recall/.test(metric);
}
