// What a model says of one row: of each of its targets.
import { h, keyed, replace, text } from '../lib/dom.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { answersOf, barsOf } from '../lib/playground.js';

class Answer {
    /** target: {name, classes}; error: the usual one of a number in its units, or null; alone: it is the only one */
    constructor(target, error, alone) {
        this.target = target;
        this.error = error;
        this.alone = alone;
        this.words = h('p', { class: 'big says', role: 'status' });
        this.note = h('p', { class: 'soft' });
        this.body = h('tbody');
        this.table = h(
            'table',
            { class: 'bars-table', hidden: !target.classes },
            h('caption', null, t('predict.probabilities', { target: target.name })),
            this.body,
        );
        this.element = h('div', { class: 'stack' }, this.words, this.note, this.table);
    }

    show(prediction) {
        if (this.target.classes) this.showClasses(prediction);
        else this.showNumber(prediction);
    }

    showNumber(value) {
        text(this.words, t('predict.number', { target: this.target.name, value: figure(value, 6) }));
        text(this.note, this.error === null ? '' : t('predict.error', { error: figure(this.error) }));
    }

    showClasses(prediction) {
        const { bars, left } = barsOf(prediction);
        const said = t('predict.class', {
            class: prediction.class,
            share: percent(prediction.probabilities[prediction.class], 2),
        });
        text(this.words, this.alone ? said : `${this.target.name}: ${said}`);
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

export class Prediction {
    /** targets: of /v1/runs/{run}/features; error: as of an answer, of one target */
    constructor(targets, error) {
        this.targets = targets;
        const alone = targets.length === 1;
        this.answers = targets.map((target) => new Answer(target, alone ? error : null, alone));
        this.warnings = h('ul', { class: 'advice', id: 'warnings', 'aria-live': 'polite' });
        this.element = h(
            'div',
            { class: 'stack' },
            h(
                'div',
                { class: 'stack', id: 'says' },
                this.answers.map(({ element }) => element),
            ),
            this.warnings,
        );
    }

    /** The answer to a request of one row. */
    show({ predictions: [prediction], warnings }) {
        answersOf(this.targets, prediction).forEach((answer, i) => this.answers[i].show(answer));
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
}
