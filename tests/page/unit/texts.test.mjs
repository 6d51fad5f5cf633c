import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import en from '../../../client/dashboard/src/locales/en.js';
import es from '../../../client/dashboard/src/locales/es.js';
import problems from '../../../client/dashboard/src/locales/es_problems.js';
import { inOtherWords } from '../../../client/dashboard/src/lib/problems.js';
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

test('what the daemon says is said in Spanish where every part of it is known', () => {
    const said = (detail) => inOtherWords(problems, detail);
    assert.equal(
        said('must be at least 1 and at most 65536, not 0'),
        'debe ser como mínimo 1 y como máximo 65536, no 0',
    );
    assert.equal(said('must be a number or null, not a string'), 'debe ser un número, o null, no un texto');
    assert.equal(
        said('the dataset has no column "specis"; did you mean "species"?'),
        'el conjunto de datos no tiene la columna "specis"; ¿quería decir "species"?',
    );
    // A name is a name, also when it is a word of the daemon's or looks like a pattern.
    assert.equal(said('"running" is the target, and no feature: leave it out').slice(0, 9), '"running"');
    assert.equal(said('the dataset has no column "$1 %1"').slice(-7), '"$1 %1"');
    assert.equal(said('must be something else altogether'), null);
    // A part that is a sentence of its own is translated too.
    const nul = 'line 3, column 2: a NUL byte: is this a text file in UTF-8?';
    assert.equal(said(nul), 'línea 3, columna 2: hay un byte NUL: ¿es un archivo de texto en UTF-8?');
});

test('a translation of what the daemon says has every figure and name of it', () => {
    for (const [pattern, words] of problems.details) {
        const groups = new RegExp(`^${pattern}|`).exec('').length - 1,
            used = [...words.matchAll(/[$%](\d)/g)].map(([, n]) => Number(n));
        assert.ok(Math.max(0, ...used) <= groups, pattern);
    }
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
