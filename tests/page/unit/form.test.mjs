import assert from 'node:assert/strict';
import test from 'node:test';
import {
    asKind,
    axesOf,
    axisText,
    dropAxes,
    parseTyped,
    parseValues,
    setAxis,
    useSearch,
} from '../../../client/dashboard/src/lib/axes.js';
import {
    assign,
    changeRule,
    cloned,
    errorField,
    fieldOf,
    fieldText,
    setField,
    valueOf,
} from '../../../client/dashboard/src/lib/form.js';

const list = (...values) => ({ kind: 'choice', values });

test('a number, several of them, and what is none of both', () => {
    assert.equal(parseTyped('  '), undefined);
    assert.equal(parseTyped('0.5'), 0.5);
    assert.deepEqual(parseTyped('0 0.5; 1e-3'), list(0, 0.5, 0.001));
    assert.deepEqual(parseTyped('0.1,0.2, 3'), list(0.1, 0.2, 3));
    assert.equal(parseTyped('0,5', { comma: true }), 0.5);
    assert.deepEqual(parseTyped('0,5 0,25', { comma: true }), list(0.5, 0.25));
    assert.equal(parseTyped('full'), 'full');
    assert.deepEqual(parseTyped('[null, 0.1]'), list(null, 0.1));
    assert.equal(parseTyped('[0.5'), '[0.5'); // not yet whole
});

test('a range is drawn from evenly, or by magnitude', () => {
    assert.deepEqual(parseTyped('0.001..0.1'), { kind: 'uniform', values: [0.001, 0.1] });
    assert.deepEqual(parseTyped('log 1e-4 .. 1'), { kind: 'log_uniform', values: [0.0001, 1] });
    assert.deepEqual(parseTyped('0,5..1,5', { comma: true }), { kind: 'uniform', values: [0.5, 1.5] });
    assert.equal(parseTyped('0.001..'), '0.001..'); // not yet whole: a text, of which the daemon says what is wrong
});

test('the text of a field that has no numbers is one value, unless it is a list', () => {
    assert.equal(parseTyped('two words', { numeric: false }), 'two words');
    assert.deepEqual(parseTyped('["two words", "b"]', { numeric: false }), list('two words', 'b'));
});

test('every axis is shown as it is typed', () => {
    for (const axis of [
        list(0.1, 0.2),
        list(0.1),
        list('relu', 'tanh'),
        list('full', 32, 1),
        list(null, 'balanced'),
        list('New York', 'a,b'),
        list('2019', '2020'),
        list(['a'], ['b', 'c']),
        { kind: 'uniform', values: [-1, 1] },
        { kind: 'log_uniform', values: [0.0001, 0.1] },
    ])
        assert.deepEqual(parseTyped(axisText(axis)), axis);
    assert.deepEqual(parseValues('0.5'), [0.5]);
    assert.deepEqual(parseValues('true false'), [true, false]);
});

test('one value stands in the job, several in its grid, and empty objects go', () => {
    const job = { dataset: 'd' };
    setField(job, '/optimizer/momentum', list(0, 0.9));
    assert.deepEqual(job, { dataset: 'd', grid: { '/optimizer/momentum': [0, 0.9] } });
    assert.equal(fieldText(job, '/optimizer/momentum'), '0 0.9');
    setField(job, '/optimizer/momentum', 0.5);
    assert.deepEqual(job, { dataset: 'd', optimizer: { momentum: 0.5 } });
    setField(job, '/optimizer/momentum', undefined);
    assert.deepEqual(job, { dataset: 'd' });
    assign(job, '/columns/a~1b~0c', { role: 'ignore' });
    assert.deepEqual(job.columns, { 'a/b~c': { role: 'ignore' } });
});

test('a range makes a search of the job, and its lists become choices', () => {
    const job = { grid: { '/epochs': [1, 2] } };
    setField(job, '/optimizer/learning_rate', { kind: 'log_uniform', values: [0.001, 0.1] });
    const parameters = { '/epochs': { choice: [1, 2] }, '/optimizer/learning_rate': { log_uniform: [0.001, 0.1] } };
    assert.deepEqual(job, { search: { parameters } });
    setAxis(job, '/seed', list(1, 2));
    assert.deepEqual(job.search.parameters['/seed'], { choice: [1, 2] });
    assert.deepEqual(
        axesOf(job).map(({ kind }) => kind),
        ['choice', 'log_uniform', 'choice'],
    );
    useSearch(job, false);
    assert.deepEqual(job, { grid: { '/epochs': [1, 2], '/optimizer/learning_rate': [0.001, 0.1], '/seed': [1, 2] } });
});

test('what is said of a search stays while its last parameter is typed anew', () => {
    const job = { search: { parameters: { '/epochs': { uniform: [1, 9] } }, runs: 50 } };
    setField(job, '/epochs', '1..');
    assert.deepEqual(job, { search: { parameters: {}, runs: 50 }, epochs: '1..' });
    const bare = { search: { parameters: { '/epochs': { uniform: [1, 9] } } } };
    setField(bare, '/epochs', 7);
    assert.deepEqual(bare, { epochs: 7 });
});

test('values are the ends of a range, which is never empty and has a logarithm', () => {
    assert.deepEqual(asKind(list(0.1, 0.01, 'full'), 'uniform').values, [0.01, 0.1]);
    assert.deepEqual(asKind(list(0, 5), 'log_uniform').values, [5, 50]);
    assert.deepEqual(asKind(list('relu'), 'uniform').values, [1, 10]);
    assert.deepEqual(asKind({ values: [1, 2] }, 'choice'), list(1, 2));
});

test('a column may have the name of what every object has', () => {
    const job = {};
    assert.equal(valueOf(job, '/columns/__proto__/role'), undefined);
    assign(job, '/columns/__proto__/role', 'ignore');
    assert.equal(JSON.stringify(job), '{"columns":{"__proto__":{"role":"ignore"}}}');
    assert.equal({}.role, undefined);
    assign(job, '/columns/__proto__/role', undefined);
    assert.deepEqual(job, {});
});

test('an element of a list keeps its place when its last value goes', () => {
    const job = { network: { hidden: [{ units: 4 }, { units: 8 }] } };
    assign(job, '/network/hidden/0/units', undefined);
    assert.deepEqual(job.network.hidden, [{}, { units: 8 }]);
});

test('another rule takes the settings of the old one away', () => {
    const job = {
        optimizer: { name: 'adam', learning_rate: 0.1, beta1: 0.5 },
        grid: { '/optimizer/beta2': [0.9, 0.99], '/epochs': [1, 2] },
    };
    changeRule(job, '/optimizer/name', 'sgd');
    assert.deepEqual(job, { optimizer: { name: 'sgd', learning_rate: 0.1 }, grid: { '/epochs': [1, 2] } });
});

test('a layer that goes takes its axis of the grid along', () => {
    const job = { grid: { '/network/hidden/1/units': [1, 2], '/network/hidden/10/units': [3, 4] } };
    dropAxes(job, '/network/hidden/1');
    assert.deepEqual(job, { grid: { '/network/hidden/10/units': [3, 4] } });
});

test('a clone leaves to the defaults what was left to them', () => {
    assert.deepEqual(
        cloned({
            name: null,
            seed: 0,
            columns: {},
            stop: { seconds: null },
            network: { hidden: [] },
            a: [{ b: null, c: 1 }],
        }),
        { seed: 0, network: { hidden: [] }, a: [{ c: 1 }] },
    );
});

test('what is no object of fields is cloned as it is', () => {
    const free = {
        grid: { '/class_weights': [null, 'balanced'], '/early_stopping': [null, { patience: 4, min_delta: null }] },
        search: { parameters: { '/epochs': { choice: [1, null] } }, runs: 3 },
        class_weights: {},
    };
    assert.deepEqual(cloned({ ...free, halving: null, columns: { a: { order: null, role: 'auto' } } }), {
        ...free,
        columns: { a: { role: 'auto' } },
    });
});

test('an error goes to its field, or to the one around it, or to none', () => {
    const fields = new Map([
        ['/epochs', 1],
        ['/network/hidden/0/units', 2],
    ]);
    assert.equal(errorField('/epochs', fields), '/epochs');
    assert.equal(errorField('/grid/~1network~1hidden~10~1units/1', fields), '/network/hidden/0/units');
    assert.equal(errorField('/search/parameters/~1epochs/log_uniform', fields), '/epochs');
    assert.equal(errorField('/search/runs', new Map([['/search/runs', 1]])), '/search/runs');
    assert.equal(errorField('/search/parameters', fields), null);
    assert.equal(errorField('/columns/x/role', fields), null);
    assert.equal(errorField('', fields), null);
});

test('kinds of fields, as the schema says them', () => {
    assert.equal(fieldOf({ type: ['number', 'null'] }).kind, 'number');
    assert.ok(fieldOf({ type: ['number', 'null'] }).nullable);
    assert.equal(fieldOf({ type: 'string', enum: ['a'] }).kind, 'choice');
    const batch = fieldOf({ oneOf: [{ type: 'integer', minimum: 1 }, { const: 'full' }] });
    assert.equal(batch.kind, 'integer');
    assert.equal(batch.word, 'full');
});
