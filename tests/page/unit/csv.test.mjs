import assert from 'node:assert/strict';
import test from 'node:test';
import { beside, cells, chunks, delimiterOf, hasDecimalComma, records } from '../../../client/dashboard/src/lib/csv.js';

test('records end with their line, not inside of quotes; empty lines are none', () => {
    assert.deepEqual(records('a,b\r\n1,"x\ny"\n\n2,"say ""no"""\n'), ['a,b', '1,"x\ny"', '2,"say ""no"""']);
    assert.deepEqual(records('\uFEFFa\n1'), ['a', '1']);
    assert.deepEqual(records(''), []);
    assert.deepEqual(records('a\n\n'), ['a']);
});

test('cells come without their quotes', () => {
    assert.deepEqual(cells('1,"x, ""y""",,z', ','), ['1', 'x, "y"', '', 'z']);
    assert.deepEqual(cells('', ','), ['']);
});

test('the header tells what stands between cells', () => {
    assert.equal(delimiterOf('a;b;c'), ';');
    assert.equal(delimiterOf('"a;b",c'), ',');
    assert.equal(delimiterOf('a\tb'), '\t');
    assert.equal(delimiterOf('alone'), ',');
});

test('predictions go behind the rows in the way of the file', () => {
    assert.deepEqual(beside(['a,b', '1,"x\ny"'], ['class,no,"yes, sir"', 'no,0.75,0.25']), [
        'a,b,class,no,"yes, sir"',
        '1,"x\ny",no,0.75,0.25',
    ]);
    assert.deepEqual(beside(['a;b', '1,5;x'], ['prediction', '-2.25e-7']), ['a;b;prediction', '1,5;x;-2,25e-7']);
    assert.deepEqual(beside(['a;b', '1.5;x'], ['class,"a;b"', '"a;b",0.5']), ['a;b;class;"a;b"', '1.5;x;"a;b";0.5']);
    assert.ok(!hasDecimalComma(['1,5;2.5'], ';'));
    assert.ok(!hasDecimalComma(['1,5'], ','));
});

test('a long file is cut into several with its header', () => {
    assert.deepEqual(
        [...chunks(['h', '1', '2', '3'], 2)],
        [
            ['h', '1', '2'],
            ['h', '3'],
        ],
    );
    assert.deepEqual([...chunks(['h'], 2)], []);
});
