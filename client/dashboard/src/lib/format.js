// Figures as people read them, in the language that setFormatLanguage said last. By hand, since the first Intl object
// of a process takes 30 to 50 ms, for which the first list would wait; the tests compare the two.

const ways = {
    en: {
        decimal: '.',
        group: ',',
        grouped: 4, // digits from which on they are
        percent: '%',
        ago: (n, unit) => `${n} ${unit} ago`,
        now: 'now',
        yesterday: 'yesterday',
        days: 'days',
    },
    es: {
        decimal: ',',
        group: '.',
        grouped: 5,
        percent: '\u00a0%',
        ago: (n, unit) => `hace ${n} ${unit}`,
        now: 'ahora',
        yesterday: 'ayer',
        days: 'días',
    },
};
let language = 'en';

export function setFormatLanguage(name) {
    language = name;
}

/** The shortest text of a number below 1e21, with the marks of the language. */
function written(value) {
    const { decimal, group, grouped } = ways[language];
    const [, sign, before, behind] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
    if (before === undefined) return String(value).replace('.', decimal);
    const groups = before.length < grouped ? before : before.replace(/\B(?=(\d{3})+$)/g, group);
    return sign + groups + (behind ? decimal + behind : '');
}

/** 12 345 */
export function whole(value) {
    return value === null || value === undefined ? '–' : written(Number(value.toFixed(3)));
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
            .replace('.', ways[language].decimal);
    return written(Number(value.toPrecision(digits)));
}

/** 0.934 -> 93.4 % */
export function percent(value, digits = 1) {
    return value === null || value === undefined
        ? '–'
        : written(Number((100 * value).toFixed(digits))) + ways[language].percent;
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

/** "3 min ago", of two times in milliseconds. */
export function ago(then, now) {
    const seconds = Math.max(0, Math.floor((now - then) / 1000)),
        words = ways[language];
    if (seconds === 0) return words.now;
    if (seconds < 60) return words.ago(seconds, 's');
    if (seconds < 3600) return words.ago(Math.floor(seconds / 60), 'min');
    if (seconds < 86400) return words.ago(Math.floor(seconds / 3600), 'h');
    const days = Math.floor(seconds / 86400);
    return days === 1 ? words.yesterday : words.ago(whole(days), words.days);
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
