import assert from 'node:assert/strict';
import test from 'node:test';
import {
    bestThreshold,
    bins,
    countsAt,
    entriesOf,
    extent,
    figuresOf,
    firstEntry,
    knownThreshold,
    niceStep,
    steps,
    ticks,
    within,
} from '../../../client/dashboard/src/lib/evaluation.js';

/** What the daemon says of rows [[probability, is it the class], ...]: every point, by falling threshold. */
function entryOf(rows) {
    const levels = [...new Set(rows.map(([p]) => p))].sort((a, b) => b - a),
        positives = rows.filter(([, is]) => is).length,
        at = (level) => rows.filter(([p]) => p >= level);
    const right = levels.map((level) => at(level).filter(([, is]) => is).length),
        taken = levels.map((level) => at(level).length);
    const curve = {
        threshold: [null, ...levels],
        true_positive_rate: [0, ...right.map((n) => n / positives)],
        false_positive_rate: [0, ...taken.map((n, i) => (n - right[i]) / (rows.length - positives))],
        precision: [1, ...taken.map((n, i) => right[i] / n)],
    };
    const row = {
        class: 'yes',
        rows: positives,
        roc: curve,
        precision_recall: { ...curve, recall: curve.true_positive_rate },
    };
    return entriesOf({ task: 'multiclass', rows: rows.length, per_class: [row] })[0];
}

const rows = [
    [0.95, true],
    [0.9, true],
    [0.7, false],
    [0.5, true],
    [0.5, false],
    [0.07, true],
    [0.0123, false],
    [0, false],
];

test('a row counts when it is at or above the threshold', () => {
    const entry = entryOf(rows);
    assert.deepEqual(countsAt(entry, 0.5), { right: 3, wrong: 2, missed: 1, spared: 2 });
    assert.deepEqual(countsAt(entry, 0.51), { right: 2, wrong: 1, missed: 2, spared: 3 });
    assert.deepEqual(countsAt(entry, 0.07), { right: 4, wrong: 2, missed: 0, spared: 2 });
    assert.deepEqual(countsAt(entry, 0), { right: 4, wrong: 4, missed: 0, spared: 0 });
    assert.deepEqual(countsAt(entry, 1), { right: 0, wrong: 0, missed: 4, spared: 4 });
});

test('counts are those of the rows at every threshold, whatever their number', () => {
    let seed = 1;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const many = Array.from({ length: 331 }, () => [Math.round(random() * 400) / 400, random() < 0.3]),
        entry = entryOf(many);
    for (let k = 0; k <= 100; k++) {
        const taken = many.filter(([p]) => p >= k / 100),
            right = taken.filter(([, is]) => is).length,
            { right: found, wrong, missed, spared } = countsAt(entry, k / 100);
        assert.deepEqual([found, wrong], [right, taken.length - right]);
        assert.equal(found + wrong + missed + spared, many.length);
    }
});

test('figures of counts, and none where there is nothing to divide by', () => {
    assert.deepEqual(figuresOf({ right: 3, wrong: 2, missed: 1, spared: 2 }), {
        precision: 0.6,
        recall: 0.75,
        false_positive_rate: 0.5,
        f1: 6 / 9,
        accuracy: 0.625,
    });
    assert.deepEqual(figuresOf({ right: 0, wrong: 0, missed: 4, spared: 4 }), {
        precision: null,
        recall: 0,
        false_positive_rate: 0,
        f1: 0,
        accuracy: 0.5,
    });
});

test('the best F1 is at a point', () => {
    const entry = entryOf(rows);
    assert.equal(bestThreshold(entry), 0.07); // 4 right, 2 wrong: 0.8; at 0.9 it is 2/3
    assert.equal(
        bestThreshold(
            entryOf([
                [0.9, true],
                [0.8, true],
                [0.1, false],
            ]),
        ),
        0.8,
    );
});

test('a threshold whose counts are not known goes to the nearest that is', () => {
    const entry = entryOf(rows);
    assert.equal(knownThreshold(entry, 0.3), 0.3);
    assert.equal(knownThreshold(entry, 0.0121), 0.0123);
    assert.equal(knownThreshold(entry, 0.333), 0.33);
    assert.equal(knownThreshold(entry, 7), 1);
});

test('of two classes the second comes first; classes without curves are left out', () => {
    const curves = entryOf(rows),
        roc = { threshold: curves.thresholds, false_positive_rate: curves.falseRate },
        precision_recall = { recall: curves.recall, precision: curves.precision };
    const one = (name, points = true) => ({ class: name, rows: 4, ...(points && { roc, precision_recall }) });
    const binary = entriesOf({ task: 'binary', rows: 8, per_class: [one('no'), one('yes')] });
    assert.equal(firstEntry(binary).name, 'yes');
    assert.deepEqual(
        binary.map(({ other }) => other),
        ['yes', 'no'],
    );
    const some = entriesOf({ task: 'multiclass', rows: 8, per_class: [one('a', false), one('b'), one('c')] });
    assert.equal(firstEntry(some).name, 'b');
    assert.equal(some.length, 2);
    assert.deepEqual(entriesOf({ task: 'binary', rows: 8, per_class: [] }), []);
    assert.equal(entriesOf({ task: 'regression', rows: 8, residuals: {} })[0].kind, 'number');
});

test('steps of the precision have the area of the average precision', () => {
    const entry = entryOf(rows),
        points = steps(entry);
    let area = 0,
        average = 0;
    for (let i = 1; i < points.length; i++) area += (points[i][0] - points[i - 1][0]) * points[i][1];
    for (let i = 1; i < entry.recall.length; i++)
        average += (entry.recall[i] - entry.recall[i - 1]) * entry.precision[i];
    assert.ok(Math.abs(area - average) < 1e-12);
});

test('ticks are round and stay inside', () => {
    assert.deepEqual(ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
    assert.deepEqual(ticks(-512, 730), [-400, -200, 0, 200, 400, 600]);
    assert.deepEqual(ticks(0.00012, 0.00031, 4), [0.00015, 0.0002, 0.00025, 0.0003]);
    assert.equal(niceStep(24, 24), 1);
    assert.deepEqual(extent([3, 3]), [1.5, 4.5]);
    assert.deepEqual(extent([0, 100], 0.1), [-10, 110]);
});

test('every value is in one bin, an edge in the higher one', () => {
    const values = [-0.3, -0.1, 0, 0.1, 0.1999, 0.2, 1.01],
        all = bins(values, 12);
    assert.equal(
        all.reduce((sum, { count }) => sum + count, 0),
        values.length,
    );
    for (const { from, to, count } of all)
        assert.equal(
            count,
            values.filter((value) => value > from - 1e-9 && value < to - 1e-9).length,
            `${from}..${to}`,
        );
    assert.equal(
        bins([5, 5, 5], 10).reduce((sum, { count }) => sum + count, 0),
        3,
    );
    assert.equal(within([-4, 1, 2, -3], 0.5), 2);
    assert.equal(within([-4, 1, 2, -3], 1), 4);
});

test('of several targets each number and the second class of each label can be looked at', () => {
    const residuals = { mean: 0, actual: [1], predicted: [1] };
    const numbers = entriesOf({
        task: 'regression',
        rows: 9,
        targets: [
            { target: 'sales', residuals },
            { target: 'returns', residuals },
        ],
    });
    assert.deepEqual(numbers, [
        { kind: 'number', name: 'sales', residuals, rows: 9 },
        { kind: 'number', name: 'returns', residuals, rows: 9 },
    ]);
    const curve = { threshold: [null, 0.5], false_positive_rate: [0, 0], true_positive_rate: [0, 1] };
    const of = (name, count) => ({
        class: name,
        rows: count,
        roc: curve,
        precision_recall: { threshold: [null, 0.5], precision: [1, 1], recall: [0, 1] },
    });
    const labels = entriesOf({
        task: 'multilabel',
        rows: 9,
        targets: [
            { target: 'fever', per_class: [of('no', 5), of('yes', 4)] },
            { target: 'cough', per_class: [{ class: 'off', rows: 9 }, { class: 'on', rows: 0 }] },
        ],
    });
    assert.equal(labels.length, 1); // there is nothing to see of a label that never is
    const [{ name, other, positives, negatives }] = labels;
    assert.deepEqual([name, other, positives, negatives], ['fever: yes', 'no', 4, 5]);
    assert.equal(firstEntry(labels), labels[0]);
});
