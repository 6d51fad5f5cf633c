// Columns of epochs into lines of a chart. Pure.

/** Colors of the style sheet and dashes: lines differ in both, so that neither is needed to tell them apart. */
const COLORS = 8;
const DASHES = [[], [9, 4], [2, 3], [9, 3, 2, 3]];

/** The look of the nth line: {color: "--line-3", dash: [9, 4]}; 32 differ. */
export function look(n) {
    const color = n % COLORS;
    return { color: `--line-${color + 1}`, dash: DASHES[(color + Math.floor(n / COLORS)) % DASHES.length] };
}

/**
 * Exponential average with the bias of its start taken out (as of Adam's moments): weight 0 is the values themselves,
 * near 1 is smooth. Values that are absent stay absent and do not count.
 */
export function smooth(values, weight) {
    let sum = 0,
        counted = 1;
    return values.map((value) => {
        if (value === null || value === undefined) return value;
        sum = weight * sum + (1 - weight) * value;
        counted *= weight;
        return sum / (1 - counted);
    });
}

/** Where on the axis the rows of `columns` lie: mode is "epoch", "update" or "time" (seconds of training). */
export function axisOf(columns, mode) {
    return columns[{ epoch: 'epoch', update: 'weight_updates', time: 'elapsed_seconds' }[mode]];
}

/**
 * The epochs that a part from..to of the axis covers, by what is known of the run: {from, to}, both whole and never too
 * narrow. `whole` are columns of the whole run, thinned or not.
 */
export function epochsBetween(whole, mode, from, to) {
    if (mode === 'epoch') return { from: Math.max(1, Math.floor(from)), to: Math.max(1, Math.ceil(to)) };
    const at = axisOf(whole, mode),
        last = at.length - 1;
    let first = 0,
        end = last;
    while (first < last && at[first + 1] <= from) first++;
    while (end > 0 && at[end - 1] >= to) end--;
    return { from: whole.epoch[first] ?? 1, to: Math.max(whole.epoch[first] ?? 1, whole.epoch[end] ?? 1) };
}

/** The index of the lowest value, -1 when there is none. */
export function lowest(values) {
    let best = -1;
    values.forEach((value, i) => {
        if (value !== null && value !== undefined && (best < 0 || value < values[best])) best = i;
    });
    return best;
}

export function lastKnown(values) {
    for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return i;
    return -1;
}

/**
 * One axis for lines that have points in different places: [x, y1, y2, ...]. Where a line has no point there is
 * undefined (the line goes on); where it has one that is not finite there is null (the line breaks).
 */
export function align(lines) {
    if (lines.length > 0 && lines.every(({ x }) => x === lines[0].x)) return [lines[0].x, ...lines.map(({ y }) => y)];
    const places = [...new Set(lines.flatMap(({ x }) => x))].sort((a, b) => a - b);
    const index = new Map(places.map((place, i) => [place, i]));
    return [
        places,
        ...lines.map(({ x, y }) => {
            const column = new Array(places.length);
            x.forEach((place, i) => {
                column[index.get(place)] = y[i];
            });
            return column;
        }),
    ];
}

/** The places where a line's value is not a finite number. */
export function broken({ x, y }) {
    return x.filter((_, i) => y[i] === null);
}

/** A range that is narrowed or widened about its middle, or moved: pure arithmetic of the zoom keys. */
export function zoomed({ from, to }, whole, { factor = 1, shift = 0 }) {
    const width = Math.min(whole.to - whole.from, (to - from) * factor),
        middle = (from + to) / 2 + shift * (to - from);
    const start = Math.min(Math.max(whole.from, middle - width / 2), whole.to - width);
    return { from: start, to: start + width };
}

/** Rows as CSV (RFC 4180), a header first; names null: without one. */
export function csv(names, columns) {
    const cell = (value) => {
        const text = value === null || value === undefined ? '' : String(value);
        return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const rows = (columns[0] ?? []).map((_, i) => columns.map((column) => cell(column[i])).join(','));
    return [...(names ? [names.map(cell).join(',')] : []), ...rows, ''].join('\n');
}
