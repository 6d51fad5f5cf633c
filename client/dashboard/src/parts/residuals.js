// Numbers that were predicted, beside what they should have been.
import { h } from '../lib/dom.js';
import { bins, extent, within } from '../lib/evaluation.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { plot } from './plot.js';

const RIGHT = { color: '--line-2', dash: [6, 4], width: 1.8 };
const axis = ([from, to], label) => ({ from, to, label });

function pairsOf({ actual, predicted }) {
    return actual
        .map((value, i) => ({ actual: value, predicted: predicted[i], residual: value - predicted[i] }))
        .filter(({ residual }) => Number.isFinite(residual));
}

function columnsOf(pairs) {
    return ['actual', 'predicted', 'residual'].map((name) => ({
        name: t(`residuals.${name}`),
        values: pairs.map((pair) => pair[name]),
    }));
}

function againstActual(pairs, rows) {
    const both = extent(pairs.flatMap(({ actual, predicted }) => [actual, predicted])),
        off = pairs.map(({ residual }) => residual);
    const shown = rows > pairs.length ? t('residuals.some', { shown: whole(pairs.length), rows: whole(rows) }) : '';
    return plot({
        id: 'predicted-actual',
        x: axis(both, t('residuals.actual')),
        y: axis(both, t('residuals.predicted')),
        layers: [
            { kind: 'dots', points: pairs.map(({ actual, predicted }) => [actual, predicted]), color: '--line-1' },
            {
                kind: 'line',
                points: [
                    [both[0], both[0]],
                    [both[1], both[1]],
                ],
                ...RIGHT,
            },
        ],
        columns: columnsOf(pairs),
        caption: t('residuals.words', { half: figure(within(off, 0.5), 3), most: figure(within(off, 0.9), 3) }) + shown,
    });
}

function againstPredicted(pairs) {
    const across = extent(pairs.map(({ predicted }) => predicted)),
        down = extent([0, ...pairs.map(({ residual }) => residual)]);
    return plot({
        id: 'residual-predicted',
        x: axis(across, t('residuals.predicted')),
        y: axis(down, t('residuals.residual')),
        layers: [
            { kind: 'dots', points: pairs.map(({ predicted, residual }) => [predicted, residual]), color: '--line-1' },
            {
                kind: 'line',
                points: [
                    [across[0], 0],
                    [across[1], 0],
                ],
                ...RIGHT,
            },
        ],
        columns: columnsOf(pairs),
        caption: t('residuals.even'),
    });
}

function histogram(pairs) {
    const all = bins(
            pairs.map(({ residual }) => residual),
            Math.min(30, Math.max(6, Math.round(1.5 * Math.sqrt(pairs.length)))),
        ),
        most = Math.max(...all.map(({ count }) => count)),
        above = pairs.filter(({ residual }) => residual > 0).length / pairs.length;
    return plot({
        id: 'residual-bins',
        x: axis([all[0].from, all.at(-1).to], t('residuals.residual')),
        y: axis([0, most * 1.06], t('evaluation.rows')),
        layers: [
            { kind: 'bars', bins: all, color: '--line-1' },
            {
                kind: 'line',
                points: [
                    [0, 0],
                    [0, most * 1.06],
                ],
                ...RIGHT,
            },
        ],
        columns: [
            { name: t('residuals.from'), values: all.map(({ from }) => from) },
            { name: t('residuals.to'), values: all.map(({ to }) => to) },
            { name: t('evaluation.rows'), values: all.map(({ count }) => count), show: whole },
        ],
        caption: t('residuals.bins', { above: percent(above, 0) }),
    });
}

export function residualsView({ residuals, rows }) {
    const pairs = pairsOf(residuals);
    const facts = ['mean', 'standard_deviation', 'min', 'max'].map((name) =>
        h('div', null, h('dt', null, t(`evaluation.residual.${name}`)), h('dd', null, figure(residuals[name]))),
    );
    return h(
        'div',
        { class: 'stack' },
        h('dl', { class: 'facts' }, facts),
        pairs.length > 0 &&
            h(
                'div',
                { class: 'plots' },
                [againstActual(pairs, rows), againstPredicted(pairs), histogram(pairs)].map(({ element }) => element),
            ),
    );
}
