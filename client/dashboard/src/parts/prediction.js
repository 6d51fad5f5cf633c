// What a model says of one row.
import { h, keyed, replace, text } from '../lib/dom.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { barsOf } from '../lib/playground.js';

export class Prediction {
    /** target: {name, classes}; error: the usual one of a number in its units, or null */
    constructor(target, error) {
        this.target = target;
        this.error = error;
        this.words = h('p', { class: 'big', id: 'says', role: 'status' });
        this.note = h('p', { class: 'soft' });
        this.body = h('tbody');
        this.table = h(
            'table',
            { class: 'bars-table', hidden: !target.classes },
            h('caption', null, t('predict.probabilities', { target: target.name })),
            this.body,
        );
        this.warnings = h('ul', { class: 'advice', id: 'warnings', 'aria-live': 'polite' });
        this.element = h('div', { class: 'stack' }, this.words, this.note, this.table, this.warnings);
    }

    /** The answer to a request of one row. */
    show({ predictions: [prediction], warnings }) {
        if (this.target.classes) this.showClasses(prediction);
        else this.showNumber(prediction);
        replace(
            this.warnings,
            Object.entries(warnings)
                .filter(([, n]) => n > 0)
                .map(([name, n]) =>
                    h(
                        'li',
                        { class: 'warn' },
                        h('span', { class: 'level' }, t('level.warn')),
                        h('p', null, t(`predict.warning.${name}`, { n, count: whole(n) })),
                    ),
                ),
        );
    }

    showNumber(value) {
        text(this.words, t('predict.number', { target: this.target.name, value: figure(value, 6) }));
        text(this.note, this.error === null ? '' : t('predict.error', { error: figure(this.error) }));
    }

    showClasses(prediction) {
        const { bars, left } = barsOf(prediction);
        text(
            this.words,
            t('predict.class', { class: prediction.class, share: percent(prediction.probabilities[prediction.class]) }),
        );
        text(this.note, left ? t('predict.left', { n: left, count: whole(left) }) : '');
        keyed(
            this.body,
            bars,
            ({ name }) => name,
            ({ name }) =>
                h(
                    'tr',
                    null,
                    h('th', { scope: 'row' }, name),
                    h('td', { class: 'number' }),
                    h('td', { class: 'wide' }, h('div', { class: 'part' })),
                ),
            (row, { share, best }) => {
                const [, number, bar] = row.children;
                row.classList.toggle('best', best);
                text(number, percent(share, 2));
                bar.firstChild.style.setProperty('--share', `${(100 * share).toFixed(2)}%`);
            },
        );
    }
}
