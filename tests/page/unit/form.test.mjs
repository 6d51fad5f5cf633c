import assert from 'node:assert/strict';
import test from 'node:test';
import {
    assign,
    changeRule,
    cloned,
    dropGrid,
    errorField,
    fieldOf,
    fieldText,
    parseNumbers,
    setField,
} from '../../../client/dashboard/src/lib/form.js';

test('a number, several of them, and what is none of both', () => {
    assert.equal(parseNumbers('  '), undefined);
    assert.equal(parseNumbers('0.5'), 0.5);
    assert.deepEqual(parseNumbers('0 0.5; 1e-3'), [0, 0.5, 0.001]);
    assert.deepEqual(parseNumbers('0.1,0.2, 3'), [0.1, 0.2, 3]);
    assert.equal(parseNumbers('0,5', { comma: true }), 0.5);
    assert.deepEqual(parseNumbers('0,5 0,25', { comma: true }), [0.5, 0.25]);
    assert.equal(parseNumbers('full'), 'full');
});

test('one value stands in the job, several in its grid, and empty objects go', () => {
    const job = { dataset: 'd' };
    setField(job, '/optimizer/momentum', [0, 0.9]);
    assert.deepEqual(job, { dataset: 'd', grid: { '/optimizer/momentum': [0, 0.9] } });
    assert.equal(fieldText(job, '/optimizer/momentum'), '0 0.9');
    setField(job, '/optimizer/momentum', 0.5);
    assert.deepEqual(job, { dataset: 'd', optimizer: { momentum: 0.5 } });
    setField(job, '/optimizer/momentum', undefined);
    assert.deepEqual(job, { dataset: 'd' });
    assign(job, '/columns/a~1b~0c', { role: 'ignore' });
    assert.deepEqual(job.columns, { 'a/b~c': { role: 'ignore' } });
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
    dropGrid(job, '/network/hidden/1');
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

test('an error goes to its field, or to the one around it, or to none', () => {
    const fields = new Map([
        ['/epochs', 1],
        ['/network/hidden/0/units', 2],
    ]);
    assert.equal(errorField('/epochs', fields), '/epochs');
    assert.equal(errorField('/grid/~1network~1hidden~10~1units/1', fields), '/network/hidden/0/units');
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
