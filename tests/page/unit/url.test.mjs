import assert from 'node:assert/strict';
import test from 'node:test';
import { formatHash, matchPath, parseHash, parseIds, parseWhole } from '../../../client/dashboard/src/lib/url.js';
import { parseView, viewQuery, wantsLog } from '../../../client/dashboard/src/lib/view.js';

test('an address is a path and a query, both ways', () => {
    for (const [path, query] of [
        ['/jobs', {}],
        ['/runs/7', { x: 'update', from: '10' }],
        ['/jobs', { name: 'a&b=c #?/ñ %' }],
    ])
        assert.deepEqual(parseHash(formatHash(path, query)), { path, query });
});

test('lists of ids stay readable in the address', () => {
    assert.equal(formatHash('/compare', { runs: '1,2' }), '#/compare?runs=1,2');
});

test('an empty value leaves the address', () => {
    assert.equal(formatHash('/jobs', { name: '', status: undefined, cursor: null }), '#/jobs');
});

test('no hash is the root', () => {
    assert.deepEqual(parseHash(''), { path: '/', query: {} });
});

test('paths match by their parts', () => {
    assert.deepEqual(matchPath('/runs/{run}', '/runs/7'), { run: '7' });
    assert.equal(matchPath('/runs/{run}', '/runs/7/x'), null);
    assert.equal(matchPath('/runs/{run}', '/jobs/7'), null);
});

test('ids are whole numbers, each once', () => {
    assert.deepEqual(parseIds('3,1,3,x,-1,,2.5'), [3, 1]);
    assert.deepEqual(parseIds(undefined), []);
    assert.equal(parseWhole('12', 0), 12);
    assert.equal(parseWhole('1e3', 5), 5);
});

test('a view goes into the address and comes out the same', () => {
    const view = { x: 'time', logX: true, logY: false, smooth: 0.6, metric: 'valid_accuracy', from: 3.5, to: 10 };
    const query = Object.fromEntries(Object.entries(viewQuery(view)).map(([name, value]) => [name, String(value)]));
    assert.deepEqual(parseView(query), view);
});

test('the view that nobody chose is not in the address', () => {
    assert.ok(Object.values(viewQuery(parseView({}))).every((value) => value === undefined));
});

test('nonsense in the address is as if it were not there', () => {
    assert.deepEqual(parseView({ x: 'miles', smooth: '7', from: '9', to: '3', metric: '<b>' }), parseView({}));
});

test('a logarithmic axis is for losses of very different sizes', () => {
    assert.equal(wantsLog([[1, 0.5, null]]), false);
    assert.equal(wantsLog([[1, 0.01], [0]]), true);
    assert.equal(wantsLog([[null]]), false);
});
