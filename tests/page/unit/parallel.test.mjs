import assert from 'node:assert/strict';
import test from 'node:test';
import {
    isWithin,
    kept,
    moreIsBetter,
    nearest,
    parseRanges,
    rangeBetween,
    scaleOf,
    stepped,
} from '../../../client/dashboard/src/lib/parallel.js';

const close = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

test('numbers that are far apart are placed by magnitude, others evenly, unless it is said', () => {
    const rates = scaleOf([0.1, 0.001, 0.01, 0.1]);
    assert.ok(rates.log);
    assert.deepEqual(rates.values, [0.001, 0.01, 0.1]);
    close(rates.place(0.01), 0.5);
    assert.equal(rates.place(0), null);
    const shares = scaleOf([0, 0.25, 0.5]);
    assert.ok(!shares.log);
    close(shares.place(0.25), 0.5);
    assert.ok(!scaleOf([1, 1000], false).log);
    assert.ok(scaleOf([1, 2], true).log);
    assert.ok(!scaleOf([0, 1000], true).log); // 0 has no logarithm
});

test('names keep the order of their coming, and a mixture is names', () => {
    const sizes = scaleOf(['full', 32, 1, 32]);
    assert.deepEqual([sizes.kind, sizes.values], ['names', ['full', 32, 1]]);
    assert.deepEqual(sizes.values.map(sizes.place), [0, 0.5, 1]);
    assert.equal(sizes.place('32'), null); // a text is no number
    assert.deepEqual(scaleOf([null, { patience: 3 }]).values, [null, { patience: 3 }]);
    assert.equal(scaleOf(['only']).place('only'), 0.5);
});

test('a figure that a run does not have is not on the axis', () => {
    const loss = scaleOf([0.5, null, 1.5]);
    assert.equal(loss.kind, 'numbers');
    assert.equal(loss.place(null), null);
    assert.deepEqual(scaleOf([null, null]).place(0.5), null);
});

test('few values are ticks themselves, many get round ones', () => {
    assert.deepEqual(scaleOf([2, 4, 8]).ticks, [2, 4, 8]);
    const many = scaleOf(Array.from({ length: 101 }, (_, i) => i / 100));
    assert.deepEqual(many.ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
    const decades = scaleOf(Array.from({ length: 50 }, (_, i) => 10 ** (-5 + i / 10)));
    assert.deepEqual(decades.ticks, [1e-5, 1e-4, 1e-3, 1e-2, 0.1]);
    const narrow = scaleOf(Array.from({ length: 20 }, (_, i) => 0.0015 * 1.2 ** i)); // one power of ten
    assert.deepEqual(narrow.ticks, [0.002, 0.005, 0.01, 0.02]);
    assert.deepEqual(scaleOf([7]).ticks, [7]);
});

test('a range has its ends, and is the least with what was drawn over', () => {
    const scale = scaleOf([0.001, 0.01, 0.1, 1]);
    assert.ok(isWithin(scale, 0.01, [0.01, 0.1]) && isWithin(scale, 0.1, [0.01, 0.1]));
    assert.ok(!isWithin(scale, 0.001, [0.01, 0.1]) && !isWithin(scale, null, [0.001, 1]));
    assert.deepEqual(rangeBetween(scale, 0.9, 0.2), [0.01, 0.1]);
    assert.equal(rangeBetween(scale, 0.4, 0.6), null);
});

test('the ends of a range step from value to value and do not cross', () => {
    const scale = scaleOf([1, 2, 3, 4]);
    assert.deepEqual(stepped(scale, null, 0, 1), [2, 4]);
    assert.deepEqual(stepped(scale, [2, 3], 1, 1), [2, 4]);
    assert.deepEqual(stepped(scale, [2, 3], 0, 99), [3, 3]);
    assert.deepEqual(stepped(scale, [2, 3], 1, -99), [2, 2]);
    assert.deepEqual(stepped(scaleOf(['a', 'b']), ['a', 'b'], 0, 1), ['b', 'b']);
});

test('ranges that filter nothing, or axes that are not there, leave the address', () => {
    const scales = new Map([
        ['/a', scaleOf([1, 2, 3])],
        ['/b', scaleOf(['x', 'y'])],
    ]);
    assert.deepEqual(kept({ '/a': [1, 3], '/b': ['y', 'y'], '/c': [1, 2] }, scales), { '/b': ['y', 'y'] });
    assert.deepEqual(parseRanges('{"/a":[1,2],"/b":7}'), { '/a': [1, 2] });
    for (const nonsense of [undefined, '', '{', 'null', '7']) assert.deepEqual(parseRanges(nonsense), {});
});

test('the nearest line is that above or below the pointer, and none when all are far', () => {
    const lines = [
        { id: 1, ys: [0, 100, 0] },
        { id: 2, ys: [50, 50, null] },
    ];
    assert.equal(nearest(lines, [0, 100, 200], 50, 52, 10), 2);
    assert.equal(nearest(lines, [0, 100, 200], 20, 18, 10), 1);
    assert.equal(nearest(lines, [0, 100, 200], 150, 50, 10), 1); // the other has ended
    assert.equal(nearest(lines, [0, 100, 200], 150, 90, 10), null);
    assert.equal(nearest(lines, [0, 100, 200], -5, 2, 10), 1);
});

test('of some figures more is better', () => {
    assert.ok(['valid_accuracy', 'valid_f1_macro', 'valid_roc_auc', 'valid_r2'].every(moreIsBetter));
    assert.ok(!['valid_loss', 'train_loss', 'valid_rmse', 'valid_log_loss', 'valid_mae'].some(moreIsBetter));
});
