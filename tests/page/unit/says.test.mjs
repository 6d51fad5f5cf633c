// What the daemon can say to a client, as its sources have it: each sentence has Spanish words.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import problems from '../../../client/dashboard/src/locales/es_problems.js';
import { inOtherWords } from '../../../client/dashboard/src/lib/problems.js';

const top = new URL('../../../', import.meta.url);

function sources(directory) {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? sources(new URL(`${entry.name}/`, directory)) : [new URL(entry.name, directory)],
    );
}

/** Where texts are for who starts the daemon, or for its log. */
const OWN = /server\/(main|config|token|http\/(server|connection)|store\/(migrate|store))\.c|core\/base\//;
const code = [...sources(new URL('server/', top)), ...sources(new URL('core/', top))]
    .filter(({ pathname }) => pathname.endsWith('.c') && !OWN.test(pathname))
    .map((file) => readFileSync(file, 'utf8').replace(/\/\*.*?\*\//gs, ''))
    .join('\n');

/** The end of the literal of C, " or ', that starts here. */
function endOfLiteral(text, start) {
    let at = start + 1;
    while (text[at] !== text[start]) at += text[at] === '\\' ? 2 : 1;
    return at;
}

/** The arguments of every call of a function, as they are written. */
function calls(name) {
    return [...code.matchAll(new RegExp(`\\b${name}\\(`, 'g'))].map(({ index }) => {
        const parts = [''];
        let at = index + name.length + 1;
        for (let depth = 1; ; at++) {
            const c = code[at],
                from = at;
            if (c === '"' || c === "'") at = endOfLiteral(code, at);
            if ('([{'.includes(c)) depth++;
            if (')]}'.includes(c)) depth--;
            if (depth === 0) return parts;
            if (c === ',' && depth === 1) parts.push('');
            else parts[parts.length - 1] += code.slice(from, at + 1);
        }
    });
}

/** The texts of an argument: one, or those of a choice. */
function texts(argument = '') {
    return [...argument.replaceAll(/"\s*"/g, '').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
        text.replaceAll(/\\(.)/g, '$1'),
    );
}

/** Such a text with something in each place of printf. */
const filled = (text) =>
    text.replaceAll(/%([-+0-9.*]*)(?:ll|z)?([a-zA-Z])/g, (_, __, kind) => (kind === 's' ? 'word' : '7'));

/** What stands in %s where only some words do. */
const special = {
    'must be %s %s, not %s': ['must be above 0, not -1', 'must be at least 1, not 0'],
    'must be %s %s and at most %s, not %s': ['must be above 0 and at most 1, not 2'],
    'must have at least %s %s, not %zu': ['must have at least 1 items, not 0'],
    'must have %s to %s %s, not %zu': ['must have 1 to 200 characters, not 201'],
    'the dataset "%s"%s was deleted meanwhile': ['the dataset "a" was deleted meanwhile'],
    'there is no %s %s': ['there is no run 7'],
    'there is no %s "%.100s": ids are whole numbers': ['there is no run "x": ids are whole numbers'],
    'sample_weight: "%s" is %s in row %u: weights are 0 or more': [
        'sample_weight: "a" is missing in row 7: weights are 0 or more',
    ],
    '%s': [],
    '%s: %s': ['/epochs: is required'],
    'name %s': ['name must have 1..128 characters'],
    'the column "%.80s" has no "%.60s", but "%.40s"%s%.40s%s': ['the column "a" has no "b", but "c", "d" and others'],
    'the target "%.100s" holds texts such as "%.40s", regression needs numbers: %s': [
        'the target "a" holds texts such as "b", regression needs numbers: leave it out, or predict it alone',
        'the target "a" holds texts such as "b", regression needs numbers: use the task "binary"',
    ],
    'the target "%.100s" has %u distinct value%s: two are needed at least': [
        'the target "a" has 1 distinct value: two are needed at least',
    ],
    '"%s"%s is missing in %llu row%s: each needs a weight': ['"a" is missing in 1 row: each needs a weight'],
    '"%s" is %s: it cannot be a feature too': ['"a" is the target: it cannot be a feature too'],
};
const categories =
    'the column "%.80s" has %u categories%s, more than the limit of %u: give it the role "ignore", ' +
    'fold the rare ones by min_frequency, or raise category_limit';
special[categories] = ['', ' (3 of them not rare)'].map((rare) => filled(categories.replace('%s,', `${rare},`)));
for (const whose of ['', ' of this dataset'])
    for (const [head, tail] of [
        ['"%s"%s is categorical', ': weights are numbers'],
        ['"%s"%s goes down to %g', ': weights are 0 or more'],
        ['"%s"%s is 0 in every row', ': one that counts needs a weight above 0'],
    ])
        (special[head + tail] ??= []).push((head + tail).replace('"%s"%s', `"a"${whose}`).replace('%g', '-1'));
for (const verb of ['cannot mark rows too', 'cannot be a weight too'])
    special[`"%s" is %s target: it ${verb}`] = ['a', 'the'].map((which) => `"b" is ${which} target: it ${verb}`);
special['"%s" is %s target, and no feature: leave it out'] = ['"a" is the target, and no feature: leave it out'];

const samples = (text) => special[text] ?? [filled(text)];
const without = (list) => [...new Set(list)].flatMap(samples).filter((text) => inOtherWords(problems, text) === null);

test('what can be wrong with a field has Spanish words', () => {
    const said = calls('violation_add').flatMap((parts) => texts(parts[3]));
    assert.ok(said.length > 120, String(said.length));
    assert.deepEqual(without(said), []);
});

test('what a request or a run fails by has Spanish words', () => {
    const told = /ERR_(MALFORMED|INVALID|NOT_FOUND|CONFLICT|TOO_LARGE|UNAVAILABLE|DIVERGED)/;
    // What core/nn/spec.c says by the name of a field, the fields' own limits have said before.
    const again = /^(%s must be|\w+\.[\w.]+(:| must be) |task must be |target_deviations)/;
    const said = [
        ...calls('err_set').map((parts) => [parts[1], parts[2]]),
        ...calls('err_set_at').map((parts) => [parts[1], parts[4]]),
    ]
        .filter(([kind]) => told.test(kind))
        .flatMap(([, format]) => texts(format))
        .filter((text) => !again.test(text));
    assert.ok(said.length > 90, String(said.length));
    assert.deepEqual(without(said), []);
});

test('what a request is refused by has a Spanish title and sentence', () => {
    const refused = calls('http_problem').filter((parts) => texts(parts[2]).length > 0);
    assert.ok(refused.length > 20, String(refused.length));
    const titles = refused.flatMap((parts) => texts(parts[2]).map((kind) => [kind, texts(parts[3])[0]]));
    assert.deepEqual(
        titles.filter(([kind, title]) => !(problems.titles[title] ?? problems.kinds[kind])),
        [],
    );
    assert.deepEqual(without(refused.flatMap((parts) => texts(parts[4]))), []);
});

test('what a run can fail by has a name on the page in both languages', async () => {
    const kinds = readFileSync(new URL('core/base/err.c', top), 'utf8');
    const names = [...kinds.matchAll(/\[ERR_\w+\] = "(\w+)"/g)].map(([, name]) => name),
        wanted = [...names.filter((name) => name !== 'ok' && name !== 'stopped'), 'poison'];
    for (const language of ['en', 'es']) {
        const { default: table } = await import(`../../../client/dashboard/src/locales/${language}.js`);
        assert.deepEqual(
            wanted.filter((name) => !(`failure.${name}` in table)),
            [],
        );
    }
});
