// One class against the rest: its curves, and what becomes of the rows when the threshold moves.
import { h, replace, text } from '../lib/dom.js';
import { bestThreshold, countsAt, figuresOf, knownThreshold, pointAt, steps } from '../lib/evaluation.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { matrixTable } from './matrix.js';
import { plot } from './plot.js';

const USUAL = 0.5;
const FIGURES = ['precision', 'recall', 'f1', 'accuracy'];
const unit = (label) => ({ from: 0, to: 1, label });
const CHANCE = { color: '--ink-soft', dash: [5, 5], width: 1.5 };

/** The threshold that the address asks for. */
function wantedOf(query) {
    const value = Number(query.threshold);
    return query.threshold && value >= 0 && value <= 1 ? value : USUAL;
}

export class ThresholdView {
    /** entry: of entriesOf(); changed(query) once another threshold is chosen */
    constructor(entry, query, changed) {
        this.entry = entry;
        this.changed = changed;
        this.slider = h('input', {
            type: 'range',
            id: 'threshold',
            min: 0,
            max: 1,
            step: 0.01,
            oninput: () => this.show(Number(this.slider.value)),
            onchange: () => this.tell(),
        });
        this.exact = h('input', {
            type: 'number',
            id: 'threshold-exact',
            'aria-label': t('threshold.exact'),
            min: 0,
            max: 1,
            step: 0.01,
            onchange: () => {
                this.show(Math.min(1, Math.max(0, Number(this.exact.value) || 0)));
                this.tell();
            },
        });
        this.note = h('span', { class: 'soft', role: 'status' });
        this.counts = h('div', { class: 'scroll', tabindex: '0', id: 'threshold-counts' });
        this.facts = h('dl', { class: 'facts', id: 'threshold-figures' });
        this.roc = this.rocPlot();
        this.pr = this.prPlot();
        this.element = this.layout();
        this.show(wantedOf(query));
    }

    layout() {
        const to = (id, find) => {
            const choose = () => {
                this.show(find());
                this.tell();
            };
            return h('button', { id, onclick: choose }, t(`threshold.${id.slice(10)}`));
        };
        return h(
            'div',
            { class: 'stack' },
            h(
                'div',
                { class: 'tools-row' },
                h('label', { class: 'field', for: 'threshold' }, t('threshold.label')),
                this.slider,
                this.exact,
                to('threshold-usual', () => USUAL),
                to('threshold-best', () => bestThreshold(this.entry)),
                this.note,
            ),
            h('div', { class: 'grid' }, this.counts, this.facts),
            h('div', { class: 'plots' }, this.roc.element, this.pr.element),
        );
    }

    rocPlot() {
        const { thresholds, falseRate, recall } = this.entry;
        return plot({
            id: 'roc',
            x: unit(t('evaluation.false_positive_rate')),
            y: unit(t('evaluation.recall')),
            layers: [
                {
                    kind: 'line',
                    points: [
                        [0, 0],
                        [1, 1],
                    ],
                    ...CHANCE,
                },
                { kind: 'line', points: falseRate.map((x, i) => [x, recall[i]]), color: '--line-1' },
            ],
            columns: [
                { name: t('threshold.label'), values: thresholds },
                { name: t('evaluation.false_positive_rate'), values: falseRate },
                { name: t('evaluation.recall'), values: recall },
            ],
        });
    }

    prPlot() {
        const { thresholds, precision, recall, positives, negatives } = this.entry,
            chance = positives / (positives + negatives);
        return plot({
            id: 'precision-recall',
            x: unit(t('evaluation.recall')),
            y: unit(t('evaluation.precision')),
            layers: [
                {
                    kind: 'line',
                    points: [
                        [0, chance],
                        [1, chance],
                    ],
                    ...CHANCE,
                },
                { kind: 'line', points: steps(this.entry), color: '--line-1' },
            ],
            columns: [
                { name: t('threshold.label'), values: thresholds },
                { name: t('evaluation.recall'), values: recall },
                { name: t('evaluation.precision'), values: precision },
            ],
        });
    }

    /** Moves to the threshold that is wanted, or to the nearest one whose counts are known. */
    show(wanted) {
        const { entry } = this,
            threshold = knownThreshold(entry, wanted);
        const counts = countsAt(entry, threshold),
            figures = figuresOf(counts);
        this.threshold = threshold;
        this.slider.value = threshold;
        this.exact.value = Number(threshold.toPrecision(6));
        text(this.note, threshold === wanted ? '' : t('threshold.near', { wanted: figure(wanted, 6) }));
        const shown = Object.fromEntries(FIGURES.map((name) => [name, percent(figures[name])]));
        this.slider.setAttribute('aria-valuetext', t('threshold.spoken', { threshold: figure(threshold), ...shown }));
        replace(
            this.facts,
            FIGURES.map((name) =>
                h(
                    'div',
                    null,
                    h('dt', null, t(`evaluation.${name}`)),
                    h('dd', { class: 'big', 'data-figure': name }, shown[name]),
                ),
            ),
        );
        this.showCounts(counts);
        this.showMarks(figures, shown);
    }

    showCounts({ right, wrong, missed, spared }) {
        const { name, other } = this.entry;
        replace(
            this.counts,
            matrixTable(
                [name, other ?? t('threshold.other')],
                [
                    [right, missed],
                    [wrong, spared],
                ],
                t('threshold.counts', { threshold: figure(this.threshold) }),
            ),
        );
    }

    showMarks(figures, shown) {
        const { entry } = this,
            at = pointAt(entry, this.threshold);
        this.roc.mark([entry.falseRate[at], entry.recall[at]]);
        this.pr.mark([entry.recall[at], entry.precision[at]]);
        const values = { class: entry.name, threshold: figure(this.threshold), ...shown };
        this.roc.say(
            t('threshold.roc', { ...values, rate: percent(figures.false_positive_rate), area: figure(entry.area) }),
        );
        this.pr.say(
            t(figures.precision === null ? 'threshold.pr.none' : 'threshold.pr', {
                ...values,
                average: figure(entry.average),
                chance: figure(entry.positives / (entry.positives + entry.negatives)),
                rows: whole(entry.positives),
            }),
        );
    }

    tell() {
        this.changed({ threshold: this.threshold === USUAL ? undefined : String(this.threshold) });
    }

    update(query) {
        const wanted = wantedOf(query);
        if (wanted !== this.threshold) this.show(wanted);
    }
}
