// Spanish and English. A text is a string with {names}, or {one, other} chosen by {n}.

const loaders = {
    en: () => Promise.all([import('../locales/en.js')]),
    es: () => Promise.all([import('../locales/es.js'), import('../locales/es_problems.js')]),
};
let texts = {},
    problems = null,
    language = 'en',
    plural = null; // made when it is needed: the first of a process takes its time

export const languages = Object.keys(loaders);

export function currentLanguage() {
    return language;
}

/** The stored choice, else the first of the browser's languages that there is. */
export function preferredLanguage() {
    const wanted = [localStorage.getItem('mlpd.language'), ...navigator.languages].map((name) => name?.slice(0, 2));
    return wanted.find((name) => name in loaders) ?? 'en';
}

export async function useLanguage(name) {
    const [words, said] = await loaders[name]();
    texts = words.default;
    problems = said?.default ?? null; // the daemon speaks English
    language = name;
    plural = null;
    document.documentElement.lang = name;
}

/** What the daemon says, in this language: see locales/es_problems.js; null in its own. */
export function problemTable() {
    return problems;
}

export function translate(table, rules, key, values = {}) {
    let entry = table[key];
    if (entry && typeof entry === 'object') entry = entry[rules.select(Number(values.n))] ?? entry.other;
    if (entry === undefined) return key;
    return entry.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** t('jobs.title'), t('runs.count', {n: 3}) */
export function t(key, values) {
    return translate(texts, { select: (n) => (plural ??= new Intl.PluralRules(language)).select(n) }, key, values);
}

export function known(key) {
    return key in texts;
}
