import assert from 'node:assert/strict';
import test from 'node:test';
import { axesOf, cellsOf, epochsTo, goodness, levelAt } from '../../../client/dashboard/src/lib/lab.js';

const run = (a, b) => ({ hyperparameters: { '/a': a, '/b': b, '/seed': 7 } });

test('axes are what differs, and every run has its cell', () => {
    const runs = [run(0.9, 'x'), run(0, 'y'), run(0, 'x')],
        axes = axesOf(runs);
    assert.deepEqual(axes, [
        { pointer: '/a', values: [0, 0.9] },
        { pointer: '/b', values: ['x', 'y'] },
    ]);
    assert.deepEqual(cellsOf(runs, axes), [
        [runs[2], runs[1]],
        [runs[0], undefined],
    ]);
});

test('the first epoch at a loss, and whether one in between may have been earlier', () => {
    const dense = { epoch: [1, 2, 3], loss: [0.9, null, 0.5] };
    assert.deepEqual(epochsTo(dense, 0.5), { epoch: 3, exact: true });
    assert.deepEqual(epochsTo(dense, 1), { epoch: 1, exact: true });
    assert.equal(epochsTo(dense, 0.4), null);
    assert.deepEqual(epochsTo({ epoch: [1, 9], loss: [0.9, 0.5] }, 0.5), { epoch: 9, exact: false });
});

test('the least is best, by magnitude, and what is not there has no color', () => {
    assert.deepEqual(
        goodness([1, 100, 10, null]).map((value) => value && Math.round(value * 100)),
        [100, 0, 50, null],
    );
    assert.deepEqual(goodness([3, 3]), [1, 1]);
    assert.equal(Math.round(levelAt(0.5, 0.01, 100) * 1e9), 1e9);
    assert.equal(levelAt(0.5, -1, 1), 0);
});
