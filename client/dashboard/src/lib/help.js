// What the schema says of each field, in the reader's language.
import { currentLanguage } from './i18n.js';

const loaders = { es: () => import('../locales/es_schema.js') };
let table = {};

/** Before a form is made. */
export async function loadHelp() {
    table = (await loaders[currentLanguage()]?.())?.default ?? {};
}

/** "/network/hidden/3/units" with a star for the 3: the fields of all layers, and of all columns, are the same. */
export function helpPath(pointer) {
    return pointer.replace(/^(\/network\/hidden|\/columns)\/[^/]+/, '$1/*');
}

/** {text, lang}: lang is null in the reader's own language. */
export function helpOf(pointer, english) {
    const text = table[helpPath(pointer)];
    if (text !== undefined) return { text, lang: null };
    return { text: english, lang: currentLanguage() === 'en' ? null : 'en' };
}
