// Which columns the network rests on: what is lost on the validation rows when one of them is shuffled. Worked out when
// it is asked for, and the address keeps that.
import { get } from '../lib/api.js';
import { h, replace, s } from '../lib/dom.js';
import { figure, percent, whole } from '../lib/format.js';
import { spans } from '../lib/importance.js';
import { t } from '../lib/i18n.js';
import { problemBox } from './dialogs.js';
import { progressBar, updateProgress } from './status.js';

const MEASURES = ['metric_drop', 'loss_increase'];
const SHARES = new Set(['valid_accuracy']);

/** A bar from nothing lost to the mean, and a line over as much as it varied: drawn in hundredths of the column. */
function bar({ zero, mean, low, high }) {
    const line = (x1, x2, y1, y2) => s('line', { x1, x2, y1, y2 });
    return s(
        'svg',
        { class: 'spread', viewBox: '0 0 100 16', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        s('rect', { x: Math.min(zero, mean), width: Math.abs(mean - zero), y: 3, height: 10 }),
        s('g', null, line(low, high, 8, 8), line(low, low, 5, 11), line(high, high, 5, 11)),
        s('line', { class: 'zero', x1: zero, x2: zero, y1: 0, y2: 16 }),
    );
}

export class Importance {
    /** changed(query) once the reader asks for it, or for the other measure */
    constructor(run, query, changed) {
        this.run = run;
        this.changed = changed;
        this.over = false;
        this.place = h('div', { class: 'stack' });
        this.element = h(
            'section',
            { class: 'card', id: 'importance' },
            h('h2', null, t('importance.title')),
            h('p', { class: 'soft summary' }, t('importance.why')),
            this.place,
        );
        replace(this.place, this.start());
        this.update(query);
    }

    start() {
        const ask = () => this.changed({ importance: MEASURES[0] });
        return h('div', null, h('button', { id: 'importance-start', onclick: ask }, t('importance.start')));
    }

    update(query) {
        const measure = MEASURES.find((name) => name === query.importance);
        if (!measure || measure === this.measure) return;
        const first = !this.measure;
        this.measure = measure;
        if (first) this.work();
        else if (this.result) this.show();
    }

    /** Asks until it is there; the daemon answers at once when it is. */
    async work() {
        const bar = progressBar();
        replace(this.place, h('p', { role: 'status' }, t('importance.busy')), bar);
        try {
            while (!this.over && this.result?.status !== 'done') {
                this.result = await get(`v1/runs/${this.run}/importance?wait=1`);
                updateProgress(bar, this.result.progress ?? 1);
            }
            if (!this.over) this.show();
        } catch (problem) {
            if (problem.status === undefined) throw problem;
            this.measure = null;
            replace(this.place, problemBox(problem), this.start());
        }
    }

    show() {
        const { metric, value, loss, rows, repeats } = this.result,
            of = (name) => (name === 'metric_drop' ? metric : 'valid_loss');
        const choice = h(
            'div',
            { class: 'together', role: 'group', 'aria-label': t('importance.measure') },
            MEASURES.map((name) =>
                h(
                    'button',
                    {
                        class: 'quiet',
                        'data-measure': name,
                        'aria-pressed': String(name === this.measure),
                        onclick: () => this.changed({ importance: name }),
                    },
                    t(`importance.${name}`, { metric: of(name) }),
                ),
            ),
        );
        const focus = this.place.contains(document.activeElement) && document.activeElement.dataset.measure;
        const names = { metric, value: this.figure(value, 'metric_drop'), loss: figure(loss) };
        replace(
            this.place,
            choice,
            this.table(),
            h('p', { class: 'soft' }, t('importance.words', { ...names, rows: whole(rows), repeats: whole(repeats) })),
        );
        if (focus) this.place.querySelector(`[data-measure="${focus}"]`).focus();
    }

    figure(value, measure) {
        return measure === 'metric_drop' && SHARES.has(this.result.metric) ? percent(value) : figure(value, 3);
    }

    /** The bars are a column of the table of their figures. */
    table() {
        const { measure } = this,
            features = [...this.result.features].sort((a, b) => b[measure].mean - a[measure].mean),
            drawn = spans(features.map((feature) => feature[measure]));
        const head = ['feature', 'lost', 'spread'].map((name, i) =>
            h('th', { scope: 'col', class: i > 0 && 'number' }, t(`importance.${name}`)),
        );
        const row = ({ feature, [measure]: { mean, standard_deviation: deviation } }, i) =>
            h(
                'tr',
                null,
                h('th', { scope: 'row' }, feature),
                h('td', { class: 'number' }, this.figure(mean, measure)),
                h('td', { class: 'number' }, `± ${this.figure(deviation, measure)}`),
                h('td', { class: 'wide' }, bar(drawn[i])),
            );
        return h(
            'div',
            { class: 'scroll rows', tabindex: '0' },
            h(
                'table',
                { class: 'importance' },
                h('thead', null, h('tr', null, head, h('td'))),
                h('tbody', null, features.map(row)),
            ),
        );
    }

    close() {
        this.over = true;
    }
}
