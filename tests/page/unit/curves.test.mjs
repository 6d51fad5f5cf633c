import assert from 'node:assert/strict';
import test from 'node:test';
import {
    align,
    axisOf,
    broken,
    csv,
    epochsBetween,
    look,
    lowest,
    smooth,
    zoomed,
} from '../../../client/dashboard/src/lib/curves.js';

test('smoothing of weight 0 is the values themselves', () => {
    assert.deepEqual(smooth([3, 1, 2], 0), [3, 1, 2]);
});

test('smoothing has no bias at its start', () => {
    assert.ok(smooth([5, 5, 5, 5], 0.9).every((value) => Math.abs(value - 5) < 1e-12));
    const [first, second] = smooth([1, 3], 0.5);
    assert.equal(first, 1);
    assert.ok(Math.abs(second - (0.25 * 1 + 0.5 * 3) / 0.75) < 1e-12);
});

test('smoothing leaves out what is not a finite number', () => {
    assert.deepEqual(smooth([2, null, 2], 0.5), [2, null, 2]);
});

test('lines differ in color or dash, and neighbours in both', () => {
    const looks = Array.from({ length: 32 }, (_, n) => JSON.stringify(look(n)));
    assert.equal(new Set(looks).size, 32);
    for (let n = 1; n < 32; n++)
        assert.ok(look(n).color !== look(n - 1).color && look(n).dash.join() !== look(n - 1).dash.join());
});

test('lines of different places share one axis: absent is undefined, not finite is null', () => {
    const data = align([
        { x: [1, 3], y: [10, null] },
        { x: [1, 2], y: [5, 6] },
    ]);
    assert.deepEqual(data[0], [1, 2, 3]);
    assert.deepEqual([...data[1]], [10, undefined, null]);
    assert.deepEqual([...data[2]], [5, 6, undefined]);
});

test('lines of the same places are not copied', () => {
    const x = [1, 2];
    assert.equal(
        align([
            { x, y: [1, 2] },
            { x, y: [3, 4] },
        ])[0],
        x,
    );
});

test('the places of values that are not finite', () => {
    assert.deepEqual(broken({ x: [1, 2, 3], y: [1, null, 2] }), [2]);
});

test('the lowest value is the first of its kind', () => {
    assert.equal(lowest([null, 3, 1, 1]), 2);
    assert.equal(lowest([null]), -1);
});

const columns = { epoch: [1, 50, 100], weight_updates: [10, 500, 1000], elapsed_seconds: [0.5, 20, 60] };

test('the axis is by epoch, update or time', () => {
    assert.equal(axisOf(columns, 'epoch'), columns.epoch);
    assert.equal(axisOf(columns, 'update'), columns.weight_updates);
    assert.equal(axisOf(columns, 'time'), columns.elapsed_seconds);
});

test('a part of the axis covers whole epochs, and never fewer than it shows', () => {
    assert.deepEqual(epochsBetween(columns, 'epoch', 2.5, 7.1), { from: 2, to: 8 });
    assert.deepEqual(epochsBetween(columns, 'update', 600, 700), { from: 50, to: 100 });
    assert.deepEqual(epochsBetween(columns, 'time', 1, 19), { from: 1, to: 50 });
});

test('zooming stays inside and keeps its middle', () => {
    const whole = { from: 0, to: 100 };
    assert.deepEqual(zoomed(whole, whole, { factor: 0.5 }), { from: 25, to: 75 });
    assert.deepEqual(zoomed({ from: 80, to: 100 }, whole, { factor: 4 }), { from: 20, to: 100 });
    assert.deepEqual(zoomed({ from: 0, to: 20 }, whole, { shift: -0.5 }), { from: 0, to: 20 });
    assert.deepEqual(zoomed({ from: 0, to: 20 }, whole, { factor: Infinity }), whole);
});

test('CSV quotes what needs it and leaves absent values empty', () => {
    assert.equal(
        csv(
            ['a', 'b"c'],
            [
                [1, 2],
                ['x,y', null],
            ],
        ),
        'a,"b""c"\n1,"x,y"\n2,\n',
    );
    assert.equal(csv(null, [[1], [2]]), '1,2\n');
    assert.equal(csv(null, [[], []]), '');
});
