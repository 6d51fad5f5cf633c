// The curves of one run or of several over each other: the server thins what is asked for, zooming asks again.
import { get } from '../lib/api.js';
import { axisOf, epochsBetween, lowest, smooth, zoomed } from '../lib/curves.js';
import { h, replace } from '../lib/dom.js';
import { whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { setQuery } from '../lib/router.js';
import { parseView, viewQuery, wantsLog } from '../lib/view.js';
import { lossWords, metricWords, runsWords } from '../lib/words.js';
import { Chart } from './chart.js';
import { CurveTools } from './curve_tools.js';
import { saveEpochs } from './download.js';

const RAW = new Set([
    'epoch',
    'weight_updates',
    'elapsed_seconds',
    'seconds',
    'total',
    'train_loss',
    'valid_loss',
]);

/** runs: [{id, label, color, dash}], given to refresh(). */
export class Curves {
    constructor({ query, height = 340 }) {
        this.view = parseView(query);
        this.runs = [];
        this.generation = 0;
        this.whole = new Map(); // run -> columns of all of it, thinned
        this.part = new Map(); // run -> columns of the part that is shown
        this.chart = new Chart({
            height,
            zoom: (from, to) => this.change(from === null ? { from: null, to: null } : { from, to }),
        });
        this.tools = new CurveTools(
            (changes) => this.change(changes),
            (step) => this.step(step),
        );
        this.count = h('span', { class: 'soft', id: 'count' });
        this.element = h(
            'div',
            { class: 'curves' },
            this.tools.element,
            this.chart.element,
            h('div', { class: 'more under' }, this.count, (this.links = h('span'))),
        );
        this.tools.show(this.view, []);
    }

    change(changes) {
        const axis = changes.x && changes.x !== this.view.x ? { from: null, to: null } : {};
        setQuery(viewQuery({ ...this.view, ...axis, ...changes }));
    }

    /** The keys and buttons that zoom. */
    step(step) {
        const all = this.extent();
        if (!all) return;
        const now = this.view.from === null ? all : { from: this.view.from, to: this.view.to };
        const next = zoomed(now, all, step);
        this.change(next.to - next.from >= all.to - all.from ? { from: null, to: null } : next);
    }

    extent() {
        const axesOf = [...this.whole.values()]
            .map((columns) => axisOf(columns, this.view.x))
            .filter((axis) => axis.length > 1);
        return axesOf.length === 0
            ? null
            : { from: Math.min(...axesOf.map((axis) => axis[0])), to: Math.max(...axesOf.map((axis) => axis.at(-1))) };
    }

    /** The view as the address has it now. Another part is asked for at once, before anything else of the page. */
    update(query) {
        const before = this.view;
        this.view = parseView(query);
        this.tools.show(this.view, this.metrics());
        if (before.from === this.view.from && before.to === this.view.to) this.draw();
        else this.refresh(this.runs).catch(() => {}); // the page's next reading says what is wrong
    }

    points() {
        const width = this.element.clientWidth || 800; // the canvas has none before there is something to draw
        return Math.ceil(Math.max(200, (this.runs.length > 3 ? 1 : 2) * width) / 200) * 200;
    }

    /** What is late, since another view was asked for meanwhile, is dropped. */
    async load(run, generation) {
        const { view } = this,
            path = `v1/runs/${run.id}/epochs?points=${this.points()}`;
        if (view.from === null || view.x !== 'epoch' || !this.whole.has(run.id))
            this.whole.set(run.id, await get(path));
        let part = this.whole.get(run.id);
        if (view.from !== null) {
            const { from, to } = epochsBetween(part, view.x, view.from, view.to);
            part = await get(`${path}&from=${from}&to=${to}`);
        }
        if (generation === this.generation) this.part.set(run.id, part);
    }

    /** Reads the curves of these runs and draws them. */
    async refresh(runs) {
        this.runs = runs;
        const mine = ++this.generation;
        await Promise.all(runs.map((run) => this.load(run, mine)));
        if (mine === this.generation) this.draw();
    }

    loaded() {
        return this.runs
            .filter(({ id }) => this.part.has(id))
            .map((run) => ({ ...run, columns: this.part.get(run.id) }));
    }

    /** What else than the losses is there to draw. */
    metrics() {
        const loaded = this.loaded(),
            names = new Set(loaded.flatMap(({ columns }) => Object.keys(columns))),
            scheduled = loaded.some(({ columns: { learning_rate: r } }) => r.some((rate) => rate !== r[0]));
        return [...names].filter((name) => !RAW.has(name) && (name !== 'learning_rate' || scheduled));
    }

    draw() {
        const runs = this.loaded(),
            { view } = this;
        if (runs.length === 0) return;
        const losses = runs.flatMap(({ columns }) => [columns.train_loss, columns.valid_loss]);
        this.view.logYNow = view.logY ?? (view.metric === 'loss' && wantsLog(losses));
        this.tools.show(view, this.metrics());
        const one = runs.length === 1,
            lines = runs.flatMap((run) => this.linesOf(run, one));
        this.chart.sync = view.x; // cursors go together with those of charts by the same axis
        this.chart.draw({
            lines,
            logX: view.logX,
            logY: view.logYNow,
            range: view.from === null ? null : [view.from, view.to],
            xLabel: t(`axis.${view.x}`),
            yLabel: view.metric === 'loss' ? t('axis.loss') : view.metric,
            marks: runs.flatMap((run) => this.bestOf(run)),
            caption: this.words(runs, one),
            legendTitle: this.legendTitle,
        });
        this.showCount(runs);
    }

    linesOf({ label, columns, color, dash }, one) {
        const { view } = this,
            x = axisOf(columns, view.x),
            lines = [];
        const add = (name, values, line) => {
            if (values?.some((value) => value !== null)) {
                if (view.smooth > 0)
                    lines.push({
                        ...line,
                        label: `${line.label} (${t('chart.raw')})`,
                        group: line.group ?? line.label,
                        x,
                        y: values,
                        faint: true,
                    });
                lines.push({ ...line, x, y: view.smooth > 0 ? smooth(values, view.smooth) : values });
            }
        };
        if (view.metric !== 'loss') {
            add(view.metric, columns[view.metric], { label: one ? view.metric : label, color, dash });
            return lines;
        }
        const valid = columns.valid_loss.some((value) => value !== null);
        add(
            'train_loss',
            columns.train_loss,
            one
                ? { label: 'train_loss', color: '--line-1', dash: [] }
                : {
                      label: valid ? `${label} · train_loss` : label,
                      group: label,
                      color,
                      dash,
                      width: valid ? 1 : 2,
                      quiet: valid,
                  },
        );
        add(
            'valid_loss',
            columns.valid_loss,
            one ? { label: 'valid_loss', color: '--line-2', dash: [9, 4] } : { label, color, dash },
        );
        return lines;
    }

    /** A ring at the lowest validation loss (train_loss without validation) of what is shown. */
    bestOf({ columns, color }) {
        if (this.view.metric !== 'loss' || this.view.smooth > 0) return [];
        const values = columns.valid_loss.some((value) => value !== null) ? columns.valid_loss : columns.train_loss,
            best = lowest(values);
        return best < 0
            ? []
            : [
                  {
                      x: axisOf(columns, this.view.x)[best],
                      y: values[best],
                      color: this.runs.length === 1 ? '--line-2' : color,
                  },
              ];
    }

    words(runs, one) {
        if (one)
            return this.view.metric === 'loss'
                ? lossWords(runs[0].columns)
                : metricWords(runs[0].columns, this.view.metric);
        const loss = runs.some(({ columns }) => columns.valid_loss.some((value) => value !== null))
            ? 'valid_loss'
            : 'train_loss';
        return (
            runsWords(runs, this.view.metric === 'loss' ? loss : this.view.metric) +
            (this.view.metric === 'loss' && loss === 'valid_loss' ? ' ' + t('words.thin') : '')
        );
    }

    showCount(runs) {
        const shown = runs.reduce((n, { columns }) => n + columns.epoch.length, 0),
            all = runs.reduce((n, { columns }) => n + columns.total, 0);
        replace(this.count, t('chart.count', { shown: whole(shown), all: whole(all) }));
        const ids = runs.map(({ id }) => id).join();
        if (this.linked !== ids && runs.length === 1) {
            this.linked = ids;
            const save = () => saveEpochs(runs[0].id, this.whole.get(runs[0].id));
            replace(this.links, h('button', { class: 'link', id: 'csv', onclick: save }, t('chart.csv')));
        } else if (runs.length !== 1) {
            this.linked = ids;
            replace(this.links);
        }
    }

    close() {
        this.chart.close();
    }
}
