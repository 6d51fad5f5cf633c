// A confusion matrix as a table.
import { h } from '../lib/dom.js';
import { percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';

function row(names, counts, actual) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return h(
        'tr',
        null,
        h('th', { scope: 'row' }, names[actual]),
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
}

/** Counts by actual and predicted class, and what share of the actual class each is: also by the depth of the color. */
export function matrixTable(names, matrix, caption) {
    return h(
        'table',
        { class: 'confusion' },
        h('caption', null, caption),
        h(
            'thead',
            null,
            h(
                'tr',
                null,
                h('th', { scope: 'col' }, t('evaluation.actual')),
                names.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
                h('th', { scope: 'col', class: 'number' }, t('evaluation.rows')),
            ),
        ),
        h(
            'tbody',
            null,
            matrix.map((counts, actual) => row(names, counts, actual)),
        ),
    );
}
