// The laboratory: a grid of two axes as a map, by loss or by the epochs that a loss took, and advice on a cell of it.
import { advise } from '../lib/advice.js';
import { get } from '../lib/api.js';
import { csv } from '../lib/curves.js';
import { shortNames } from '../lib/differences.js';
import { h, replace, text } from '../lib/dom.js';
import { figure, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { cellsOf, epochsTo, goodness, levelAt } from '../lib/lab.js';
import { setQuery } from '../lib/router.js';
import { saveBlob, saveText } from './download.js';
import { adviceList } from './health.js';
import { mapPicture } from './lab_picture.js';

const POINTS = 2000; // of each curve; where a run has more epochs, the epoch that is found may be a later one: "≤"
const AT_ONCE = 6, // requests
    LEVEL = '25'; // of the slider, of 100

export class Lab {
    /** query: of the address, {map, level, cell}; pick(run, on) draws the curves of a cell, or no more */
    constructor(query, pick) {
        this.query = query;
        this.pick = pick;
        this.curves = new Map();
        this.chosen = null;
        this.table = h('table', { class: 'heat' });
        this.advice = h('div', { class: 'stack', id: 'lab-advice', 'aria-live': 'polite' });
        this.words = h('p');
        this.level = h('output', { for: 'lab-level' });
        this.slider = h('input', {
            type: 'range',
            id: 'lab-level',
            min: 0,
            max: 100,
            oninput: () => setQuery({ level: this.slider.value === LEVEL ? undefined : this.slider.value }),
        });
        this.sliding = h('label', { class: 'field' }, t('lab.level'), this.slider, this.level);
        this.measureChoice = h(
            'select',
            {
                id: 'lab-measure',
                onchange: ({ target: { value } }) => setQuery({ map: value === 'loss' ? undefined : value }),
            },
            ['loss', 'epochs'].map((name) => h('option', { value: name }, t(`lab.by.${name}`))),
        );
        this.follow();
        this.element = this.layout();
    }

    layout() {
        const button = (id, action) => h('button', { class: 'link', id, onclick: action }, t(`lab.${id.slice(4)}`));
        return h(
            'section',
            { class: 'card', id: 'lab', hidden: true },
            h('h2', null, t('lab.title')),
            h(
                'div',
                { class: 'filters' },
                h('label', { class: 'field' }, t('lab.colour'), this.measureChoice),
                this.sliding,
                button('lab-csv', () => this.saveCsv()),
                button('lab-png', async () => saveBlob(await mapPicture(this.picture), 'grid.png')),
            ),
            h(
                'div',
                { class: 'grid' },
                h('div', { class: 'stack' }, h('div', { class: 'scroll', tabindex: '0' }, this.table), this.words),
                this.advice,
            ),
        );
    }

    /** runs: all of the job; axes: the two of its grid ; drawn: ids of runs whose curves are shown. */
    async refresh(runs, axes, drawn) {
        this.element.hidden = false;
        this.drawn = new Set(drawn);
        this.runs = runs;
        this.axes = axes;
        await this.show();
    }

    update(query) {
        const before = this.query;
        this.query = query;
        if (before.map === query.map && before.level === query.level && before.cell === query.cell) return;
        this.follow();
        if (!this.element.hidden) this.show().catch(() => {}); // the page's next reading says what is wrong
    }

    /** What the address says. */
    follow() {
        this.measure = this.query.map === 'epochs' ? 'epochs' : 'loss';
        this.measureChoice.value = this.measure;
        this.sliding.hidden = this.measure !== 'epochs';
        if (document.activeElement !== this.slider) this.slider.value = this.query.level ?? LEVEL;
    }

    async show() {
        if (this.measure === 'epochs') await this.load();
        this.draw();
        const wanted = this.runs.find(({ id }) => id === Number(this.query.cell)),
            run = wanted ?? (this.chosen === null ? (this.best ?? this.runs[0]) : null);
        if (run && run.id !== this.chosen) await this.choose(run);
    }

    async load() {
        const wanted = this.runs.filter((run) => run.epoch > 0 && this.curves.get(run.id)?.upTo !== run.epoch);
        const one = async (run) => {
            const columns = await get(`v1/runs/${run.id}/epochs?points=${POINTS}`);
            this.curves.set(run.id, { epoch: columns.epoch, loss: this.lossOf(columns), upTo: run.epoch });
        };
        for (let i = 0; i < wanted.length; i += AT_ONCE) await Promise.all(wanted.slice(i, i + AT_ONCE).map(one));
    }

    lossOf({ valid_loss: valid, train_loss: train }) {
        return valid?.some((value) => value !== null) ? valid : train;
    }

    /** Of the runs: {value, label} by run, as the measure is now. */
    measured() {
        if (this.measure === 'loss')
            return new Map(
                this.runs.map(({ id, metrics, failure }) => {
                    const value = failure ? null : (metrics?.valid_loss ?? metrics?.train_loss ?? null);
                    return [id, { value, label: failure ? t('lab.failed') : figure(value, 3) }];
                }),
            );
        const losses = [...this.curves.values()].flatMap(({ loss }) => loss.filter((value) => value > 0));
        const least = losses.reduce((a, b) => Math.min(a, b), Infinity),
            greatest = [...this.curves.values()].reduce((most, { loss }) => Math.max(most, loss[0] ?? 0), 0);
        const level = losses.length ? levelAt(this.slider.value / 100, least, Math.max(least, greatest)) : 0;
        text(this.level, figure(level, 3));
        this.slider.setAttribute('aria-valuetext', figure(level, 3));
        return new Map(
            this.runs.map(({ id }) => {
                const found = this.curves.has(id) ? epochsTo(this.curves.get(id), level) : null;
                return [
                    id,
                    {
                        value: found?.epoch ?? null,
                        label: found ? (found.exact ? '' : '≤ ') + whole(found.epoch) : t('lab.never'),
                    },
                ];
            }),
        );
    }

    draw() {
        const measured = this.measured(),
            cells = cellsOf(this.runs, this.axes),
            names = shortNames(this.axes.map(({ pointer }) => pointer));
        const good = goodness(this.runs.map(({ id }) => measured.get(id).value));
        const goodOf = new Map(this.runs.map(({ id }, i) => [id, good[i]]));
        this.best = this.runs.reduce((best, run) => {
            const value = measured.get(run.id).value;
            return value !== null && (!best || value < measured.get(best.id).value) ? run : best;
        }, null);
        this.picture = { axes: this.axes, names, cells, measured, goodOf, title: t(`lab.by.${this.measure}`) };
        const focus = this.table.contains(document.activeElement) ? document.activeElement.dataset.run : null;
        replace(
            this.table,
            h('caption', null, t('lab.caption', { down: names[0], across: names[1] })),
            this.head(names),
            this.body(),
        );
        if (focus) this.table.querySelector(`[data-run="${focus}"]`)?.focus();
        const at = this.best && this.axes.map(({ pointer }, i) => `${names[i]} ${this.best.hyperparameters[pointer]}`);
        text(
            this.words,
            this.best ? t('lab.best', { at: at.join(', '), value: measured.get(this.best.id).label }) : t('lab.none'),
        );
    }

    head(names) {
        return h(
            'thead',
            null,
            h(
                'tr',
                null,
                h('th', { scope: 'col' }, `${names[0]} ↓ ${names[1]} →`),
                this.axes[1].values.map((value) => h('th', { scope: 'col' }, String(value))),
            ),
        );
    }

    body() {
        const { cells, measured, goodOf } = this.picture;
        return h(
            'tbody',
            null,
            cells.map((row, i) =>
                h(
                    'tr',
                    null,
                    h('th', { scope: 'row' }, String(this.axes[0].values[i])),
                    row.map((run) =>
                        h('td', null, run && this.cell(run, measured.get(run.id).label, goodOf.get(run.id))),
                    ),
                ),
            ),
        );
    }

    cell(run, label, good) {
        return h(
            'button',
            {
                'data-run': run.id,
                class: run === this.best && 'best',
                'aria-pressed': String(this.drawn.has(run.id)),
                style: { '--good': `${Math.round((good ?? 0) * 48)}%` },
                onclick: () => {
                    this.pick(run.id, !this.drawn.has(run.id));
                    setQuery({ cell: run.id });
                },
            },
            label,
        );
    }

    /** What the stored diagnosis says of a cell. */
    async choose(run) {
        this.chosen = run?.id ?? null;
        if (!run || run.epoch === 0) return;
        const [whole, layers, epochs] = await Promise.all([
            get(`v1/runs/${run.id}`),
            get(`v1/runs/${run.id}/layers?points=400`),
            get(`v1/runs/${run.id}/epochs?points=400`),
        ]);
        if (this.chosen !== run.id) return;
        replace(
            this.advice,
            h('h3', null, h('a', { href: `#/runs/${run.id}` }, t('runs.number', { n: run.number }))),
            adviceList(advise(whole, layers, epochs)),
        );
    }

    saveCsv() {
        const { measured, names } = this.picture;
        const columns = [
            this.runs.map(({ id }) => id),
            ...this.axes.map(({ pointer }) => this.runs.map(({ hyperparameters }) => hyperparameters[pointer])),
            this.runs.map(({ id }) => measured.get(id).value),
        ];
        saveText(
            csv(['run', ...names, this.measure === 'loss' ? 'loss' : 'epochs_to_loss'], columns),
            'grid.csv',
            'text/csv',
        );
    }
}
