// What the daemon says is wrong, in the reader's language where that is known; else as the daemon says it.
import { h } from './dom.js';
import { currentLanguage, problemTable } from './i18n.js';

/**
 * detail in the words of a table (locales/es_problems.js), or null: of the rows of its code the first whose pattern is
 * the whole text; $1 is what its first group found, %1 the table's word for it.
 */
export function inOtherWords(table, code, detail) {
    for (const [pattern, words] of table?.details[code] ?? []) {
        const found = new RegExp(`^${pattern}$`, 's').exec(detail);
        if (found)
            return words.replace(/([$%])(\d)/g, (_, kind, n) =>
                kind === '%' && Object.hasOwn(table.words, found[n]) ? table.words[found[n]] : (found[n] ?? ''),
            );
    }
    return null;
}

/** A text of the daemon: a string, or where it stays English on a page that is not, an element that says so. */
function said(text, words) {
    if (words !== null && words !== undefined) return words;
    return currentLanguage() === 'en' ? text : h('span', { lang: 'en' }, text);
}

/** Of one violation: {code, detail}. */
export function problemText({ code, detail }) {
    return said(detail, inOtherWords(problemTable(), code, detail));
}

/** Of a Problem: {title, message, type}. */
export function problemTitle({ title, type }) {
    return said(title, problemTable()?.titles[title] ?? problemTable()?.kinds[type]);
}

export function problemMessage({ message, type }) {
    return said(message, inOtherWords(problemTable(), type, message));
}
