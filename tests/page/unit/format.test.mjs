import assert from 'node:assert/strict';
import test from 'node:test';
import {
    ago,
    bytes,
    duration,
    figure,
    percent,
    setFormatLanguage,
    whole,
} from '../../../client/dashboard/src/lib/format.js';
import { differing, shortNames, valueAt } from '../../../client/dashboard/src/lib/differences.js';
import { networkOf } from '../../../client/dashboard/src/parts/spec.js';
import { parseMetrics } from '../../../client/dashboard/src/lib/prometheus.js';
import { quantile, rates } from '../../../client/dashboard/src/lib/rates.js';

test('figures have four significant digits', () => {
    setFormatLanguage('en');
    assert.equal(figure(0.0950812), '0.09508');
    assert.equal(figure(1.2346e-7), '1.235e-7');
    assert.equal(figure(12345), '12,350');
    assert.equal(figure(2e9), '2e9');
    assert.equal(figure(0), '0');
    assert.equal(figure(-0.5), '-0.5');
    assert.equal(figure(null), '–');
    assert.equal(figure(NaN), '–');
});

test('Spanish has its own comma', () => {
    setFormatLanguage('es');
    assert.equal(figure(0.0950812), '0,09508');
    assert.equal(figure(1.2346e-7), '1,235e-7');
    assert.match(percent(0.934), /^93,4\s%$/);
    setFormatLanguage('en');
});

test('numbers are written as the platform would', () => {
    const values = [0, 0.001, 0.5, 7, 12.5, 999, 1000, 1234.5, 9999, 10000, 123456, 999999, -1, -12345.678];
    for (let i = 1; i < 400; i++) values.push((i * 7919.137) % 10 ** (i % 7));
    for (const language of ['en', 'es']) {
        setFormatLanguage(language);
        const four = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 }),
            share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
        for (const value of values) {
            if (value === 0 || Math.abs(value) >= 1e-3) assert.equal(figure(value), four.format(value));
            assert.equal(whole(Math.round(value)), new Intl.NumberFormat(language).format(Math.round(value)));
            assert.equal(percent(value), share.format(value));
        }
    }
    setFormatLanguage('en');
    assert.equal(figure(0.00123), '0.00123');
});

test('ages are in one unit', () => {
    const said = [0, 12, 180, 7300, 90000, 300000].map((seconds) => ago(0, 1000 * seconds));
    assert.deepEqual(said, ['now', '12 s ago', '3 min ago', '2 h ago', 'yesterday', '3 days ago']);
    setFormatLanguage('es');
    assert.equal(ago(0, 300000e3), 'hace 3 días');
    setFormatLanguage('en');
    assert.equal(ago(5000, 0), 'now'); // clocks differ
});

test('durations are said in two units at most', () => {
    assert.equal(duration(0.0123), '12 ms');
    assert.equal(duration(7.256), '7.26 s');
    assert.equal(duration(200), '3 min 20 s');
    assert.equal(duration(180), '3 min');
    assert.equal(duration(18123), '5 h 2 min');
    assert.equal(duration(200000), '2 d 7 h');
    assert.equal(duration(null), '–');
});

test('sizes and ages', () => {
    assert.equal(bytes(999), '999 B');
    assert.equal(bytes(1500000), '1.5 MB');
    assert.equal(ago(0, 3 * 60000), '3 min ago');
    assert.equal(whole(1234567), '1,234,567');
});

const spec = (momentum, units) => ({
    name: `m ${momentum}`,
    optimizer: { name: 'momentum', momentum },
    network: { hidden: [{ units }, { units: 4 }] },
});

test('only what differs between runs is a column', () => {
    assert.deepEqual(differing([spec(0, 8), spec(0.9, 8)]), ['/optimizer/momentum']);
    assert.deepEqual(differing([spec(0, 8), spec(0.9, 16)]), ['/optimizer/momentum', '/network/hidden/0/units']);
    assert.deepEqual(differing([spec(0, 8)]), []);
    assert.deepEqual(differing([{ a: 1 }, {}]), ['/a']);
});

test('columns have the shortest name that is no other column', () => {
    assert.deepEqual(shortNames(['/optimizer/momentum', '/network/hidden/0/units']), ['momentum', 'units']);
    assert.deepEqual(shortNames(['/network/hidden/0/units', '/network/hidden/1/units']), [
        'hidden.0.units',
        'hidden.1.units',
    ]);
    assert.deepEqual(shortNames(['/seed']), ['seed']);
});

test('the value of a pointer is what the job says', () => {
    assert.equal(valueAt(spec(0.9, 8), '/optimizer/momentum'), '0.9');
    assert.equal(valueAt({ batch_size: 'full' }, '/batch_size'), 'full');
    assert.equal(valueAt({}, '/batch_size'), '');
    assert.equal(valueAt({ a: 0.6884632769963469 }, '/a'), '0.68846');
    assert.equal(valueAt({ a: 123456789 }, '/a'), '123456789');
});

test('metrics are read with their labels', () => {
    const m = parseMetrics('# HELP x\nmlpd_runs{status="queued"} 2\nmlpd_runs{status="a\\"b"} 3\nmlpd_jobs 7\n');
    assert.equal(m.value('mlpd_runs'), 5);
    assert.equal(m.value('mlpd_runs', { status: 'a"b' }), 3);
    assert.equal(m.value('mlpd_jobs'), 7);
    assert.equal(m.value('nothing'), 0);
});

test('rates are between looks, and a restart is no rate', () => {
    const history = [
        { time: 0, counters: { n: 0 } },
        { time: 2, counters: { n: 10 } },
        { time: 3, counters: { n: 1 } },
    ];
    assert.deepEqual(rates(history, 'n'), [5, null]);
    assert.equal(
        quantile(
            [
                { le: 1, count: 5 },
                { le: 2, count: 9 },
                { le: Infinity, count: 10 },
            ],
            0.9,
        ),
        2,
    );
    assert.equal(quantile([{ le: 1, count: 0 }], 0.5), null);
});

test('a network is said layer by layer, equal ones together', () => {
    const layer = (units, activation) => ({ units, activation });
    const said = (...hidden) => networkOf({ network: { hidden } });
    assert.equal(said(layer(16, 'relu'), layer(8, 'tanh')), '16 relu · 8 tanh');
    assert.equal(said(layer(8, 'relu'), layer(8, 'relu'), layer(4, 'relu')), '2 × 8 relu · 4 relu');
    assert.equal(said(), '–');
});
