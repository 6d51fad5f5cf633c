import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import en from '../../../client/dashboard/src/locales/en.js';
import es from '../../../client/dashboard/src/locales/es.js';
import { translate } from '../../../client/dashboard/src/lib/i18n.js';

const forms = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry));
const names = (text) =>
    [...text.matchAll(/\{(\w+)\}/g)]
        .map(([, name]) => name)
        .sort()
        .join();

test('both languages have the same texts, with the same names in them', () => {
    assert.deepEqual(Object.keys(es).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en))
        assert.deepEqual(new Set(forms(es[key]).map(names)), new Set(forms(en[key]).map(names)), key);
});

function sources(directory) {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? sources(new URL(`${entry.name}/`, directory)) : [new URL(entry.name, directory)],
    );
}

const code = sources(new URL('../../../client/dashboard/src/', import.meta.url))
    .filter(({ pathname }) => pathname.endsWith('.js') && !pathname.includes('/locales/'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');

test('every text that the page asks for is there', () => {
    const asked = [...code.matchAll(/\bt\('([\w.]+)'/g)].map(([, key]) => key);
    assert.ok(asked.length > 100);
    assert.deepEqual(
        asked.filter((key) => !(key in en)),
        [],
    );
});

test('no text is kept that the page never asks for', () => {
    const prefixes = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, prefix]) => prefix);
    const unused = Object.keys(en).filter(
        (key) => !code.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)),
    );
    assert.deepEqual(unused, []);
});

test('plural forms follow the language', () => {
    const rules = new Intl.PluralRules('en'),
        table = { runs: { one: '{n} run', other: '{n} runs' } };
    assert.equal(translate(table, rules, 'runs', { n: 1 }), '1 run');
    assert.equal(translate(table, rules, 'runs', { n: 2 }), '2 runs');
    assert.equal(translate(table, rules, 'nothing'), 'nothing');
});

test('no source makes markup from a text', () => {
    assert.ok(!/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/.test(code));
});
