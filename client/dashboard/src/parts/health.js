// The health of a network: what is wrong with it and how one knows, then the figures of every layer.
import { advise } from '../lib/advice.js';
import { get } from '../lib/api.js';
import { lastKnown, look } from '../lib/curves.js';
import { h, replace } from '../lib/dom.js';
import { figure, percent } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { problemWords } from '../lib/problems.js';
import { setQuery } from '../lib/router.js';
import { Chart } from './chart.js';
import { table } from './table.js';

const figures = ['gradient_norm', 'update_ratio', 'dead', 'saturated'];
const SHARES = new Set(['dead', 'saturated']);

function wantedOf(query) {
    return figures.includes(query.health) ? query.health : figures[0];
}

/** Figures of a finding as they are read. */
function spoken(values) {
    return Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
            name,
            ['share', 'fall', 'fallen'].includes(name)
                ? percent(value, 0)
                : typeof value === 'number'
                  ? figure(value)
                  : name === 'detail'
                    ? problemWords(value)
                    : value,
        ]),
    );
}

/** A list of findings; each with a sentence and the evidence. */
export function adviceList(findings) {
    return h(
        'ul',
        { class: 'advice' },
        findings.map(({ code, level, values }) =>
            h(
                'li',
                { class: level, 'data-code': code },
                h('span', { class: 'level' }, t(`level.${level}`)),
                h(
                    'div',
                    null,
                    h('p', null, t(`advice.${code}`, spoken(values))),
                    h('p', { class: 'soft' }, t(`advice.${code}.why`, spoken(values))),
                ),
            ),
        ),
    );
}

export class Health {
    /** query: of the address, {health} */
    constructor(query) {
        this.figure = wantedOf(query);
        this.advice = h('div');
        this.chart = new Chart({ height: 220, sync: 'epoch' });
        this.pick = h(
            'div',
            { class: 'together', hidden: true, role: 'group', 'aria-label': t('health.figure') },
            figures.map((name) =>
                h(
                    'button',
                    {
                        class: 'quiet',
                        'data-figure': name,
                        onclick: () => setQuery({ health: name === figures[0] ? undefined : name }),
                    },
                    t(`health.${name}`),
                ),
            ),
        );
        this.table = h('div', { class: 'scroll', tabindex: '0' });
        this.element = h(
            'section',
            { class: 'card', id: 'health' },
            h('h2', null, t('health.title')),
            this.advice,
            this.pick,
            this.chart.element,
            this.table,
        );
    }

    update(query) {
        const wanted = wantedOf(query);
        if (wanted === this.figure) return;
        this.figure = wanted;
        if (this.columns?.epoch.length > 0) this.draw();
    }

    /** epochs: the columns of the run's curves. */
    async refresh(run, epochs) {
        if (!run.layers) return;
        this.run = run;
        this.columns = await get(`v1/runs/${run.id}/layers?points=400`);
        replace(this.advice, adviceList(advise(run, this.columns, epochs)));
        if (this.columns.epoch.length > 0) this.draw();
    }

    draw() {
        this.pick.hidden = false;
        for (const button of this.pick.children)
            button.setAttribute('aria-pressed', String(button.dataset.figure === this.figure));
        const { epoch, layers } = this.columns,
            values = layers.map((layer) => layer[this.figure]);
        const log = !SHARES.has(this.figure) && values.flat().some((value) => value > 0);
        this.chart.draw({
            lines: layers.map((layer, i) => ({
                label: t('health.layer', { layer: layer.layer }),
                x: epoch,
                y: layer[this.figure],
                ...look(i),
            })),
            logX: false,
            logY: log,
            range: null,
            xLabel: t('axis.epoch'),
            yLabel: t(`health.${this.figure}`),
            caption: this.words(layers),
        });
        this.showTable(layers);
    }

    words(layers) {
        const show = SHARES.has(this.figure) ? (value) => percent(value, 0) : figure;
        const ends = layers.map(
            (layer) => `${layer.layer}: ${show(layer[this.figure][lastKnown(layer[this.figure])])}`,
        );
        return t('health.words', { figure: t(`health.${this.figure}`), values: ends.join('; ') });
    }

    showTable(layers) {
        const at = (values) => values[lastKnown(values)];
        replace(
            this.table,
            table(
                [
                    ['layer.name', 'layer.units', 'layer.activation'].map((name) =>
                        h('th', { scope: 'col' }, t(`health.${name}`)),
                    ),
                    figures.map((name) => h('th', { scope: 'col', class: 'number' }, t(`health.${name}`))),
                ],
                layers.map((layer) => {
                    const { inputs, units, activation } = this.run.layers[layer.layer - 1];
                    return h(
                        'tr',
                        null,
                        h('td', null, String(layer.layer)),
                        h('td', null, `${inputs} → ${units}`),
                        h('td', null, activation),
                        figures.map((name) =>
                            h(
                                'td',
                                { class: 'number' },
                                SHARES.has(name) ? percent(at(layer[name]), 0) : figure(at(layer[name])),
                            ),
                        ),
                    );
                }),
            ),
        );
    }

    close() {
        this.chart.close();
    }
}
