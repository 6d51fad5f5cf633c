// How a run does on the rows that were kept out of training.
import { h } from '../lib/dom.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';

const NAMES = { valid_accuracy: percent, valid_roc_auc: figure };

function headline(evaluation) {
    const figures = Object.entries(evaluation).filter(
        ([name, value]) => name.startsWith('valid_') && typeof value === 'number',
    );
    return h(
        'dl',
        { class: 'facts' },
        h('div', null, h('dt', null, t('evaluation.rows')), h('dd', { class: 'big' }, whole(evaluation.rows))),
        figures.map(([name, value]) =>
            h('div', null, h('dt', null, name), h('dd', { class: 'big' }, (NAMES[name] ?? figure)(value))),
        ),
    );
}

/** Counts, and what share of the actual class each is: also by the depth of the color. */
function confusion({ classes, confusion_matrix: matrix }) {
    const head = h(
        'tr',
        null,
        h('th', { scope: 'col' }, t('evaluation.actual')),
        classes.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
        h('th', { scope: 'col', class: 'number' }, t('evaluation.rows')),
    );
    const rows = matrix.map((counts, actual) => {
        const total = counts.reduce((sum, count) => sum + count, 0);
        return h(
            'tr',
            null,
            h('th', { scope: 'row' }, classes[actual]),
            counts.map((count, predicted) => {
                const share = total ? count / total : 0;
                return h(
                    'td',
                    {
                        class: `cell ${actual === predicted ? 'right' : 'wrong'}`,
                        style: { '--share': `${Math.round(share * 100)}%` },
                    },
                    h('b', null, whole(count)),
                    h('span', null, percent(share, 0)),
                );
            }),
            h('td', { class: 'number' }, whole(total)),
        );
    });
    return h(
        'div',
        { class: 'scroll', tabindex: '0' },
        h(
            'table',
            { class: 'confusion' },
            h('caption', null, t('evaluation.confusion')),
            h('thead', null, head),
            h('tbody', null, rows),
        ),
    );
}

function perClass({ per_class: rows }) {
    const columns = ['precision', 'recall', 'f1', 'roc_auc', 'average_precision'].filter((name) =>
        rows.some((row) => name in row),
    );
    return h(
        'div',
        { class: 'scroll', tabindex: '0' },
        h(
            'table',
            null,
            h('caption', null, t('evaluation.classes')),
            h(
                'thead',
                null,
                h(
                    'tr',
                    null,
                    h('th', { scope: 'col' }, t('evaluation.class')),
                    ['rows', ...columns].map((name) =>
                        h('th', { scope: 'col', class: 'number' }, t(`evaluation.${name}`)),
                    ),
                ),
            ),
            h(
                'tbody',
                null,
                rows.map((row) =>
                    h(
                        'tr',
                        null,
                        h('th', { scope: 'row' }, row.class),
                        h('td', { class: 'number' }, whole(row.rows)),
                        columns.map((name) => h('td', { class: 'number' }, figure(row[name]))),
                    ),
                ),
            ),
        ),
    );
}

function words({ classes, confusion_matrix: matrix }) {
    let worst = null;
    matrix.forEach((counts, actual) =>
        counts.forEach((count, predicted) => {
            if (actual !== predicted && count > (worst?.count ?? 0))
                worst = { count, actual: classes[actual], predicted: classes[predicted] };
        }),
    );
    return worst ? t('evaluation.worst', worst) : t('evaluation.perfect');
}

/** Everything of one /v1/runs/{r}/evaluation. */
export function evaluationView(evaluation) {
    const matrix = evaluation.confusion_matrix;
    return h(
        'div',
        { class: 'stack' },
        headline(evaluation),
        matrix && h('p', null, words(evaluation)),
        matrix && h('div', { class: 'grid' }, confusion(evaluation), perClass(evaluation)),
        evaluation.residuals &&
            h(
                'dl',
                { class: 'facts' },
                ['mean', 'standard_deviation', 'min', 'max'].map((name) =>
                    h(
                        'div',
                        null,
                        h('dt', null, t(`evaluation.residual.${name}`)),
                        h('dd', null, figure(evaluation.residuals[name])),
                    ),
                ),
            ),
    );
}
