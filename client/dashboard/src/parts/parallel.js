// The runs of a grid or a search of many axes: a line for each over parallel axes, filtered by ranges on them. By
// keyboard the lines are a list (arrows, Enter), the ends of a range are sliders.
import { shortNames } from '../lib/differences.js';
import { h, keepingFocus, replace, s, text } from '../lib/dom.js';
import { figure, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { goodness } from '../lib/lab.js';
import { isWithin, kept, moreIsBetter, nearest, parseRanges, rangeBetween, scaleOf } from '../lib/parallel.js';
import { go, setQuery } from '../lib/router.js';
import { RUNS_MAX } from '../lib/runs.js';
import { ParallelAxis } from './parallel_axis.js';
import { table, TableBehind } from './table.js';

const HEIGHT = 360,
    TOP = 62,
    BOTTOM = 34,
    SIDE = 76,
    AXIS_WIDTH = 112, // at least
    REACH = 14,
    STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 };

const said = (value) => (typeof value === 'number' ? figure(value) : String(value));
const METRIC = 'metrics/'; // names the axis of the metric beside those of JSON Pointers

export class Parallel {
    constructor(query) {
        this.query = query;
        this.runs = [];
        this.hot = null;
        this.metricChoice = h('select', {
            id: 'parallel-metric',
            onchange: () => setQuery({ by: this.metricChoice.value, only: this.withoutMetric() }),
        });
        this.reset = h(
            'button',
            { id: 'parallel-reset', onclick: () => setQuery({ only: undefined }) },
            t('parallel.reset'),
        );
        this.count = h('span', { class: 'soft', id: 'parallel-count', role: 'status' });
        this.frame = h('div', { class: 'scroll' });
        this.readout = h('p', { class: 'readout soft' });
        this.caption = h('figcaption');
        this.table = new TableBehind(() => this.active && this.figures());
        this.element = this.layout();
        this.observer = new ResizeObserver(() => this.resize());
        this.observer.observe(this.frame);
    }

    layout() {
        return h(
            'section',
            { class: 'card', id: 'parallel', hidden: true },
            (this.heading = h('h2', null, t('parallel.title'))),
            (this.part = h('p', { class: 'soft', id: 'parallel-part', hidden: true })),
            h(
                'div',
                { class: 'filters' },
                h('label', { class: 'field' }, t('parallel.colour'), this.metricChoice),
                h('span', { class: 'ramp', 'aria-hidden': 'true' }, t('parallel.worse'), h('i'), t('parallel.better')),
                this.reset,
                this.count,
            ),
            h('figure', { class: 'chart' }, this.frame, this.readout, this.caption, this.table.element),
        );
    }

    /** runs: as lib/runs.js gives them by `order`; axes: [{pointer, values}], of lib/lab.js; job: of which they are. */
    refresh(runs, axes, { spec, runs: { total } }, order) {
        if (this.axes?.some(({ dragged }) => dragged)) return; // not under the reader's hand
        if (runs === this.runs) return;
        this.element.hidden = false;
        this.runs = runs;
        this.pointers = axes.map(({ pointer }) => pointer);
        this.drawnFrom = spec.search?.parameters ?? {};
        this.part.hidden = total <= RUNS_MAX;
        text(this.heading, t(this.part.hidden ? 'parallel.title' : 'parallel.best'));
        const by = order.replace('metrics.', '');
        text(this.part, t('parallel.part', { all: whole(total), drawn: whole(runs.length), metric: by }));
        this.prepare();
    }

    update(query) {
        const before = this.query;
        this.query = query;
        if (this.element.hidden || (before.by === query.by && before.only === query.only)) return;
        if (before.by === query.by) this.filter();
        else this.prepare();
    }

    // ---- what is drawn
    // ----------------------------------------------------------------------------------------------------------

    metrics() {
        const names = new Set(this.runs.flatMap(({ metrics }) => Object.keys(metrics ?? {})));
        names.delete('best_epoch');
        return [...names].filter((name) => this.runs.some(({ metrics }) => Number.isFinite(metrics?.[name])));
    }

    withoutMetric() {
        const { [METRIC]: _, ...ranges } = parseRanges(this.query.only);
        return Object.keys(ranges).length ? JSON.stringify(ranges) : undefined;
    }

    metricOf(run) {
        return run.failure ? null : (run.metrics?.[this.metric] ?? null);
    }

    /** What was drawn evenly, or by magnitude, is shown so; of lists their values decide. */
    scaleAt(pointer) {
        const from = this.drawnFrom[pointer] ?? {},
            log = 'log_uniform' in from ? true : 'uniform' in from ? false : undefined;
        return scaleOf(
            this.runs.map((run) => run.hyperparameters[pointer]),
            log,
        );
    }

    /** Scales, colors and lines; the picture is made anew when its axes or its runs are others. */
    prepare() {
        const metrics = this.metrics();
        this.metric = metrics.includes(this.query.by)
            ? this.query.by
            : ['valid_loss', ...metrics, 'train_loss'].find((name) => metrics.includes(name) || metrics.length === 0);
        replace(
            this.metricChoice,
            metrics.map((name) => h('option', { value: name, selected: name === this.metric }, name)),
        );
        const names = shortNames(this.pointers);
        this.scales = new Map([
            ...this.pointers.map((pointer) => [pointer, this.scaleAt(pointer)]),
            [METRIC, scaleOf(this.runs.map((run) => this.metricOf(run)))],
        ]);
        this.names = new Map([...this.pointers.map((pointer, i) => [pointer, names[i]]), [METRIC, this.metric]]);
        const sign = moreIsBetter(this.metric) ? -1 : 1,
            values = this.runs.map((run) => this.metricOf(run)),
            good = goodness(values.map((value) => (value === null ? null : sign * value)));
        this.good = new Map(this.runs.map(({ id }, i) => [id, good[i]]));
        this.ordered = [...this.runs].sort(
            (a, b) => (this.good.get(b.id) ?? -1) - (this.good.get(a.id) ?? -1) || a.number - b.number,
        );
        this.draw();
    }

    valueAt(run, name) {
        return name === METRIC ? this.metricOf(run) : run.hyperparameters[name];
    }

    width() {
        return Math.max(this.frame.clientWidth, 2 * SIDE + AXIS_WIDTH * (this.scales.size - 1));
    }

    y(place) {
        return HEIGHT - BOTTOM - place * (HEIGHT - BOTTOM - TOP);
    }

    resize() {
        if (!this.element.hidden && this.scales && this.drawnWidth !== this.width()) this.draw();
    }

    draw() {
        const width = (this.drawnWidth = this.width()),
            all = [...this.scales.keys()];
        this.xs = all.map((_, i) => SIDE + (i * (width - 2 * SIDE)) / (all.length - 1));
        this.axes = all.map((name, i) => this.axisOf(name, this.xs[i]));
        this.lines = this.runs.map((run) => ({
            id: run.id,
            ys: all.map((name) => {
                const place = this.scales.get(name).place(this.valueAt(run, name));
                return place === null ? null : this.y(place);
            }),
        }));
        this.list = this.listOfLines();
        this.over = s('path', { class: 'hot', 'aria-hidden': 'true' });
        const svg = s(
            'svg',
            { class: 'parallel', viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT },
            this.list,
            this.over,
            this.axes.map(({ element }) => element),
        );
        for (const [event, action] of [
            ['pointermove', (e) => this.point(e)],
            ['pointerleave', () => this.heat(null)],
            ['click', (e) => this.clicked(e)],
        ])
            svg.addEventListener(event, action);
        this.svg = svg;
        keepingFocus(() => replace(this.frame, svg));
        this.filter();
    }

    axisOf(name, x) {
        return new ParallelAxis({
            id: `axis-${name}`,
            x,
            y: (place) => this.y(place),
            top: TOP,
            bottom: HEIGHT - BOTTOM,
            name: this.names.get(name),
            scale: this.scales.get(name),
            between: (a, b) => this.between(name, a, b),
            change: (range) => this.keep(name, range),
        });
    }

    styleOf(good) {
        return { '--good': `${Math.round(good * 100)}%`, '--weight': good.toFixed(2) };
    }

    listOfLines() {
        this.paths = new Map(
            this.lines.map(({ id, ys }, i) => [
                id,
                s('path', {
                    id: `line-${id}`,
                    role: 'option',
                    'aria-selected': 'false',
                    'aria-label': this.wordsOf(this.runs[i]),
                    d: pathOf(this.xs, ys),
                    class: ys.includes(null) ? 'line broken' : 'line',
                    style: this.styleOf(this.good.get(id) ?? 0),
                }),
            ]),
        );
        return s(
            'g',
            {
                role: 'listbox',
                tabindex: '0',
                id: 'parallel-runs',
                'aria-label': t('parallel.runs'),
                onkeydown: (event) => this.key(event),
                onfocus: () => this.heat(this.hot ?? this.active[0]?.id ?? null),
                onblur: () => this.heat(null),
            },
            this.ordered.toReversed().map(({ id }) => this.paths.get(id)), // the best ones are above the others
        );
    }

    // ---- filtering
    // --------------------------------------------------------------------------------------------------------------

    /** The range of one axis (null: none) goes into the address. */
    keep(name, range) {
        const { [name]: _, ...others } = parseRanges(this.query.only);
        const ranges = kept(range ? { ...others, [name]: range } : others, this.scales);
        setQuery({ only: Object.keys(ranges).length ? JSON.stringify(ranges) : undefined });
    }

    between(name, a, b) {
        const range = rangeBetween(this.scales.get(name), a, b);
        if (range) this.keep(name, range); // of no run at all it would be of no use
    }

    filter() {
        const ranges = kept(parseRanges(this.query.only), this.scales),
            filters = Object.entries(ranges);
        const isActive = (run) =>
            filters.every(([name, range]) => isWithin(this.scales.get(name), this.valueAt(run, name), range));
        this.active = this.ordered.filter(isActive);
        const active = new Set(this.active.map(({ id }) => id));
        for (const run of this.runs) this.mark(run, active.has(run.id));
        this.activeLines = this.lines.filter(({ id }) => active.has(id));
        [...this.scales.keys()].forEach((name, i) => this.axes[i].show(ranges[name] ?? null));
        this.list.setAttribute('tabindex', this.active.length ? '0' : '-1');
        this.reset.hidden = filters.length === 0;
        text(this.count, t('parallel.count', { shown: whole(active.size), runs: whole(this.runs.length) }));
        this.heat(active.has(this.hot) ? this.hot : null);
        this.words();
        this.table.fill();
    }

    mark(run, on) {
        const path = this.paths.get(run.id);
        path.classList.toggle('off', !on);
        if (on) path.removeAttribute('aria-hidden');
        else path.setAttribute('aria-hidden', 'true');
    }

    // ---- one run
    // ----------------------------------------------------------------------------------------------------------------

    wordsOf(run) {
        const parts = [...this.scales.keys()].map(
            (name) => `${this.names.get(name)} ${said(this.valueAt(run, name) ?? '–')}`,
        );
        return `${t('runs.number', { n: run.number })}: ${parts.join(' · ')}`;
    }

    /** Shows one run above the others, in full; null: none. */
    heat(id) {
        const run = this.active.find((one) => one.id === id);
        this.paths.get(this.hot)?.setAttribute('aria-selected', 'false');
        this.hot = run ? id : null;
        this.over.setAttribute('d', run ? this.paths.get(id).getAttribute('d') : '');
        text(this.readout, run ? this.wordsOf(run) : t('parallel.hint'));
        if (run) {
            this.list.setAttribute('aria-activedescendant', `line-${id}`);
            this.paths.get(id).setAttribute('aria-selected', 'true');
        } else this.list.removeAttribute('aria-activedescendant');
    }

    at(event) {
        const box = this.svg.getBoundingClientRect(),
            scale = this.drawnWidth / box.width;
        return nearest(
            this.activeLines,
            this.xs,
            (event.clientX - box.left) * scale,
            (event.clientY - box.top) * scale,
            REACH,
        );
    }

    point(event) {
        if (event.buttons === 0) this.heat(this.at(event));
        this.svg.classList.toggle('over', this.hot !== null);
    }

    clicked(event) {
        if (event.target.closest('.axis-parts')) return; // a range was drawn
        const id = this.at(event);
        if (id !== null) go(`/runs/${id}`);
    }

    key(event) {
        const at = this.active.findIndex(({ id }) => id === this.hot),
            last = this.active.length - 1;
        if (event.key === 'Enter' && this.hot !== null) go(`/runs/${this.hot}`);
        else if (event.key in STEPS)
            this.heat(this.active[Math.min(last, Math.max(0, at + STEPS[event.key]))]?.id ?? null);
        else if (event.key === 'Home') this.heat(this.active[0]?.id ?? null);
        else if (event.key === 'End') this.heat(this.active[last]?.id ?? null);
        else return;
        event.preventDefault();
    }

    // ---- in words
    // ----------------------------------------------------------------------------------------------------------------

    words() {
        const best = this.active[0],
            known = best && this.good.get(best.id) !== null;
        const worst = known && this.active.findLast(({ id }) => this.good.get(id) !== null);
        const values = {
            metric: this.metric,
            best: known && this.wordsOf(best),
            worst: known && said(this.metricOf(worst)),
            n: this.scales.size - 1,
        };
        const caption = known ? t('parallel.words', values) : t('parallel.none');
        text(this.caption, caption);
    }

    figures() {
        const names = [...this.scales.keys()];
        const head = (name) => h('th', { scope: 'col', class: 'number' }, name);
        const row = (run) =>
            h(
                'tr',
                null,
                h('th', { scope: 'row' }, h('a', { href: `#/runs/${run.id}` }, t('runs.number', { n: run.number }))),
                names.map((name) => h('td', { class: 'number mono' }, said(this.valueAt(run, name) ?? '–'))),
            );
        return table(
            [h('th', { scope: 'col' }, t('runs.run')), ...[...this.names.values()].map(head)],
            this.active.map(row),
        );
    }

    close() {
        this.observer.disconnect();
    }
}

/** A line through what is known; it ends where a value is not on its axis. */
function pathOf(xs, ys) {
    return ys
        .map((y, i) =>
            y === null ? '' : `${i > 0 && ys[i - 1] !== null ? 'L' : 'M'}${xs[i].toFixed(1)} ${y.toFixed(1)}`,
        )
        .join('');
}
