import assert from 'node:assert/strict';
import test from 'node:test';
import { strokeLine } from '../../../client/dashboard/src/parts/stroke.js';

/** What a canvas is told: [{offset, points}] of each stroke. */
function strokes(places, options) {
    const told = [],
        canvas = {
            setLineDash: () => {},
            beginPath: () => told.push({ offset: canvas.lineDashOffset, points: [] }),
            lineTo: (x, y) => told.at(-1).points.push([x, y]),
            stroke: () => {},
        };
    strokeLine(canvas, places, options);
    return told;
}

const line = (n, step) => Array.from({ length: n }, (_, i) => [step * i, 0]);

test('pieces of a line have all of its steps, and dashes that go on', () => {
    const told = strokes(line(200, 3));
    assert.ok(told.length > 1);
    const steps = told.flatMap(({ points }) => points.slice(1).map((point, i) => [points[i][0], point[0]].join()));
    assert.deepEqual([...new Set(steps)], line(199, 3).map(([x]) => [x, x + 3].join()));
    for (const { offset, points } of told) assert.equal(offset, points[0][0]);
});

test('a line that is broken begins anew behind the gap', () => {
    const told = strokes([...line(5, 2), null, null, ...line(3, 2), null, [9, 9]], { dash: [4, 4] });
    assert.deepEqual(
        told.map(({ offset, points }) => [offset, points.length]),
        [
            [0, 5],
            [0, 3],
        ],
    );
});

test('a color that one sees through is drawn in one piece', () => {
    assert.equal(strokes(line(1000, 1), { whole: true }).length, 1);
});
