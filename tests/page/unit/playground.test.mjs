import assert from 'node:assert/strict';
import test from 'node:test';
import {
    answersOf,
    barsOf,
    fieldsOf,
    initialRow,
    numberOf,
    readRow,
    writeRow,
} from '../../../client/dashboard/src/lib/playground.js';

const features = [
    { name: 'mass', encoding: 'number', mean: 4201.754, shift: 4201.754, scale: 801.95 },
    { name: 'share', encoding: 'number', mean: 0.0312, shift: 0.0312, scale: 0.011 },
    { name: 'raw', encoding: 'number', mean: 61.3, shift: 0, scale: 1 },
    { name: 'size', encoding: 'ordinal', mean: 1.2, categories: ['S', 'M', 'L'] },
    { name: 'city', encoding: 'categories', categories: ['=a', 'b'], rare_categories: ['c'], missing: false },
];
const fields = fieldsOf(features);

test('numbers start at their mean, as round as a step of theirs', () => {
    assert.deepEqual(
        fields.slice(0, 3).map(({ step, initial }) => [step, initial]),
        [
            [10, 4200],
            [0.001, 0.031],
            [1, 61],
        ],
    );
});

test('choices start at their first category, ordered ones in their middle', () => {
    assert.deepEqual(initialRow(fields), { mass: 4200, share: 0.031, raw: 61, size: 'M', city: '=a' });
    assert.deepEqual(fields[4].rare, ['c']);
});

test('the address has only what was changed, and nonsense in it is as if it were not there', () => {
    const row = { ...initialRow(fields), mass: null, city: 'never seen' },
        text = writeRow(row, fields);
    assert.equal(text, '{"mass":null,"city":"never seen"}');
    assert.deepEqual(readRow(text, fields), row);
    assert.equal(writeRow(initialRow(fields), fields), undefined);
    for (const nonsense of [undefined, '', '{', '[]', 'null', '7', '{"mass":"x","size":3,"nobody":1,"city":{}}'])
        assert.deepEqual(readRow(nonsense, fields), initialRow(fields), nonsense);
    assert.deepEqual(readRow('{"toString":1}', fields), initialRow(fields));
});

test('an empty field is no number', () => {
    assert.deepEqual([' 4.5', '4,5', '-1e3', '', ' ', 'x'].map(numberOf), [4.5, 4.5, -1000, null, null, null]);
});

test('bars are in the order of the classes, of many only the largest', () => {
    assert.deepEqual(barsOf({ class: 'b', probabilities: { a: 0.25, b: 0.75 } }), {
        bars: [
            { name: 'a', share: 0.25, best: false },
            { name: 'b', share: 0.75, best: true },
        ],
        left: 0,
    });
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, i / 435]));
    const { bars, left } = barsOf({ class: 'c29', probabilities: many });
    assert.equal(bars.length + left, 30);
    assert.deepEqual([bars[0].name, bars[0].best, bars[1].name], ['c29', true, 'c28']);
});

test('a prediction of several targets is one of each', () => {
    const labels = [
        { name: 'fever', classes: ['no', 'yes'] },
        { name: 'cough', classes: ['off', 'on'] },
    ];
    assert.deepEqual(
        answersOf(labels, { classes: { fever: 'yes', cough: 'off' }, probabilities: { fever: 0.75, cough: 0.25 } }),
        [
            { class: 'yes', probabilities: { no: 0.25, yes: 0.75 } },
            { class: 'off', probabilities: { off: 0.75, on: 0.25 } },
        ],
    );
    assert.deepEqual(answersOf([{ name: 'a' }, { name: 'b' }], { a: 1, b: 2 }), [1, 2]);
    assert.deepEqual(answersOf([{ name: 'a' }], 3), [3]);
    assert.deepEqual(answersOf([labels[0]], { class: 'no' }), [{ class: 'no' }]);
});
