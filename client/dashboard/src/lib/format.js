// Figures as people read them. Pure: the language is a parameter, or what setFormatLanguage said last.

let language = 'en';

export function setFormatLanguage(name) {
    language = name;
}

const formats = new Map(); // making one takes longer than using it many times

function number(options) {
    const key = `${language} ${JSON.stringify(options)}`;
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, options));
    return formats.get(key);
}

/** 12 345 */
export function whole(value) {
    return value === null || value === undefined ? '–' : number().format(value);
}

/** Four significant digits: 0.09508, 1.235e-7, 12,350; "–" for none. */
export function figure(value, digits = 4) {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6))
        return value
            .toExponential(digits - 1)
            .replace(/\.?0+e/, 'e')
            .replace('e+', 'e')
            .replace('.', decimalMark());
    return number({ maximumSignificantDigits: digits }).format(value);
}

function decimalMark() {
    return number().format(0.5)[1];
}

/** 0.934 -> 93.4 % */
export function percent(value, digits = 1) {
    return value === null || value === undefined
        ? '–'
        : number({ style: 'percent', maximumFractionDigits: digits }).format(value);
}

/** 75.2 s, 3 min 20 s, 5 h 2 min */
export function duration(seconds) {
    if (seconds === null || seconds === undefined) return '–';
    if (seconds < 0.1) return `${figure(seconds * 1000, 2)} ms`;
    if (seconds < 60) return `${figure(seconds, 3)} s`;
    const units = [
        ['d', 86400],
        ['h', 3600],
        ['min', 60],
        ['s', 1],
    ];
    const first = units.findIndex(([, size]) => seconds >= size);
    const [name, size] = units[first],
        rest = units[first + 1];
    const lower = rest ? Math.floor((seconds % size) / rest[1]) : 0;
    return `${Math.floor(seconds / size)} ${name}` + (lower ? ` ${lower} ${rest[0]}` : '');
}

/** "3 minutes ago", of two times in milliseconds. */
export function ago(then, now) {
    const seconds = Math.max(0, (now - then) / 1000);
    const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
    for (const [unit, size] of [
        ['day', 86400],
        ['hour', 3600],
        ['minute', 60],
    ])
        if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
    return format.format(-Math.floor(seconds), 'second');
}

/** 1.5 MB */
export function bytes(value) {
    if (value === null || value === undefined) return '–';
    const units = ['B', 'kB', 'MB', 'GB', 'TB'];
    const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
    return `${figure(value / 1000 ** power, 3)} ${units[power]}`;
}

/** A date and time of day in the reader's own place. */
export function moment(time) {
    return time ? new Date(time).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'medium' }) : '–';
}
