import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.document = { baseURI: 'http://localhost/' };
const { datasetName, freeName } = await import('../../../client/dashboard/src/lib/datasets.js');

test('a file gives a name that a dataset may have', () => {
    assert.equal(datasetName('My data (2).csv'), 'My-data-2');
    assert.equal(datasetName('año.csv'), 'a-o');
    assert.equal(datasetName('(((.csv'), 'table');
    assert.ok(datasetName(`${'x'.repeat(300)}.csv`).length <= 128);
});

test('a name that another table has gets a number, the same table keeps it', () => {
    const there = [
        { name: 'iris', bytes: 10 },
        { name: 'iris-2', bytes: 20 },
    ];
    assert.equal(freeName('new', 5, there), 'new');
    assert.equal(freeName('iris', 10, there), 'iris');
    assert.equal(freeName('iris', 20, there), 'iris-2');
    assert.equal(freeName('iris', 30, there), 'iris-3');
});
