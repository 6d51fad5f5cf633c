// What varies between the runs of a job: the lists of its grid, or the distributions of its search. Pure.

/** A list of values, or a range that a search draws from, evenly or by magnitude. */
export const axisKinds = ['choice', 'uniform', 'log_uniform'];

const places = (job) => job.search?.parameters ?? job.grid ?? {};

function asAxis(value) {
    if (Array.isArray(value)) return { kind: 'choice', values: value };
    const kind = axisKinds.find((name) => Array.isArray(value?.[name]));
    return kind ? { kind, values: value[kind] } : null;
}

/** {kind, values} of what varies at a pointer; null where all runs have the same. */
export function axisAt(job, pointer) {
    return Object.hasOwn(places(job), pointer) ? asAxis(places(job)[pointer]) : null;
}

/** [{pointer, kind, values}] */
export function axesOf(job) {
    return Object.entries(places(job))
        .map(([pointer, value]) => ({ pointer, ...asAxis(value) }))
        .filter(({ kind }) => kind);
}

/** Points that are drawn instead of every combination, or the other way round: then a range is a list of its ends. */
export function useSearch(job, on) {
    const axes = axesOf(job);
    if (on === Boolean(job.search)) return;
    delete job.grid;
    delete job.search;
    if (on) job.search = { parameters: {} };
    for (const { pointer, kind, values } of axes) setAxis(job, pointer, { kind: on ? kind : 'choice', values });
}

function drop(job, pointer) {
    delete job.grid?.[pointer];
    delete job.search?.parameters?.[pointer];
    if (job.grid && Object.keys(job.grid).length === 0) delete job.grid;
    const { parameters = {}, ...others } = job.search ?? {};
    if (Object.keys(parameters).length + Object.keys(others).length === 0) delete job.search;
}

/** axis null: nothing varies there any more. A range makes a search of the job. */
export function setAxis(job, pointer, axis) {
    if (!axis) return drop(job, pointer);
    if (axis.kind !== 'choice') useSearch(job, true);
    if (job.search) job.search.parameters[pointer] = { [axis.kind]: axis.values };
    else (job.grid ??= {})[pointer] = axis.values;
}

/** Of all that is under a pointer. */
export function dropAxes(job, pointer) {
    for (const axis of axesOf(job)) if (axis.pointer.startsWith(`${pointer}/`)) drop(job, axis.pointer);
}

/** As the other kind: the least and the most of the values, or the two ends. */
export function asKind({ values }, kind) {
    if (kind === 'choice') return { kind, values };
    const numbers = values.filter((value) => typeof value === 'number' && (kind === 'uniform' || value > 0));
    const low = numbers.length ? Math.min(...numbers) : 1,
        high = Math.max(low, ...numbers);
    return { kind, values: [low, high > low ? high : low === 0 ? 1 : low + 9 * Math.abs(low)] };
}

// ---- as it is typed
// -----------------------------------------------------------------------------------------------------

const RANGE = /^(log\s+)?(\S+?)\s*\.\.\s*(\S+)$/;
const isPlain = (value) =>
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    (typeof value === 'string' && /^[A-Za-z_][\w.-]*$/.test(value) && !/^(true|false|log)$/.test(value));

/** "0.1 0.2", "0.001..0.1", "log 0.001..0.1", or a list in JSON where blanks would not tell its values apart. */
export function axisText({ kind, values }) {
    if (kind !== 'choice') return `${kind === 'uniform' ? '' : 'log '}${values.join('..')}`;
    return values.length > 1 && values.every(isPlain) ? values.join(' ') : JSON.stringify(values);
}

function asList(text) {
    if (!text.startsWith('[')) return null;
    try {
        const values = JSON.parse(text);
        return Array.isArray(values) ? values : null;
    } catch {
        return null; // not yet whole
    }
}

function valueOfToken(token) {
    if (token === 'true' || token === 'false') return token === 'true';
    const value = Number(token);
    return Number.isFinite(value) ? value : token;
}

/**
 * Blanks, semicolons or commas part. comma: it parts decimals where nothing else can be meant ("0,5"). What is no
 * number stays a text, so that the daemon says what is wrong with it.
 */
export function parseTokens(text, { comma = false } = {}) {
    return text
        .split(/[\s;]+|,(?=\s)/)
        .flatMap((token) => (comma && /^-?\d*,\d+$/.test(token) ? [token.replace(',', '.')] : token.split(',')))
        .filter((token) => token !== '')
        .map(valueOfToken);
}

/** The values of an axis as they are typed where nothing but an axis is meant: a list of one has one value. */
export function parseValues(text, options) {
    return asList(text.trim()) ?? parseTokens(text, options);
}

/**
 * What was typed into a field: undefined for nothing, one value, or the axis {kind, values} of several. numeric: of a
 * field of numbers; the text of any other is one value, unless it is a list in JSON.
 */
export function parseTyped(text, { numeric = true, comma = false } = {}) {
    const list = asList(text.trim());
    if (list) return { kind: 'choice', values: list };
    if (!numeric) return text.trim() || undefined;
    const [, log, low, high] = RANGE.exec(text.trim()) ?? [];
    const ends = low === undefined ? [] : [low, high].flatMap((end) => parseTokens(end, { comma }));
    if (ends.length === 2 && ends.every((end) => typeof end === 'number'))
        return { kind: log ? 'log_uniform' : 'uniform', values: ends };
    const tokens = parseTokens(text, { comma });
    return tokens.length > 1 ? { kind: 'choice', values: tokens } : tokens[0];
}
