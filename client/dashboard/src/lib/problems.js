// What the daemon says is wrong, in the reader's language where that is known; else as the daemon says it.
import { h } from './dom.js';
import { currentLanguage, problemTable } from './i18n.js';

/**
 * A sentence of the daemon in the words of a table (locales/es_problems.js), or null: of its rows the first whose
 * pattern is the whole text; $1 is what its first group found, %1 the same in the table's words.
 */
export function inOtherWords(table, text) {
    const other = (part) =>
        Object.hasOwn(table.words, part) ? table.words[part] : (inOtherWords(table, part) ?? part);
    for (const [pattern, words] of table?.details ?? []) {
        const found = new RegExp(`^${pattern}$`, 's').exec(text);
        if (found)
            return words.replace(/([$%])(\d)/g, (_, kind, n) => (kind === '%' ? other(found[n]) : (found[n] ?? '')));
    }
    return null;
}

/** A text of the daemon: a string, or where it stays English on a page that is not, an element that says so. */
function said(text, words) {
    if (words !== null && words !== undefined) return words;
    return currentLanguage() === 'en' ? text : h('span', { lang: 'en' }, text);
}

/** Of one violation, or of a run that failed: {detail}. */
export function problemText({ detail }) {
    return said(detail, inOtherWords(problemTable(), detail));
}

/** The same as a string. */
export function problemWords(detail) {
    return inOtherWords(problemTable(), detail) ?? detail;
}

/** Of a Problem: {title, message, type}. */
export function problemTitle({ title, type }) {
    return said(title, problemTable()?.titles[title] ?? problemTable()?.kinds[type]);
}

export function problemMessage({ message }) {
    return said(message, inOtherWords(problemTable(), message));
}
