// A job whose validation is by folds: the score of each, their mean and spread, for each point of its grid or search.
import { get } from '../lib/api.js';
import { shortNames } from '../lib/differences.js';
import { h, replace, s, text } from '../lib/dom.js';
import { extent, ticks } from '../lib/evaluation.js';
import { figure, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { moreIsBetter } from '../lib/parallel.js';
import { setQuery } from '../lib/router.js';

const DRAWN = 20, // points
    ROW = 44,
    LEFT = 190,
    RIGHT = 24,
    BOTTOM = 40,
    WIDTH = 760,
    NUMBERED = 12; // folds: of more, the dots have no numbers
const OF_RUN = /^best_/; // figures that say when, not how well

export class Folds {
    constructor(query) {
        this.query = query;
        this.metricChoice = h('select', {
            id: 'folds-metric',
            onchange: () => setQuery({ by: this.metricChoice.value }),
        });
        this.frame = h('div', { class: 'scroll' });
        this.caption = h('figcaption');
        this.table = h('div', { class: 'scroll rows', tabindex: '0' });
        this.element = h(
            'section',
            { class: 'card', id: 'folds', hidden: true },
            h('h2', null, t('folds.title')),
            h('div', { class: 'filters' }, h('label', { class: 'field' }, t('folds.metric'), this.metricChoice)),
            h('figure', { class: 'chart data' }, this.frame, this.caption, this.table),
        );
    }

    /** job: its id; runs: all of it. */
    async refresh(job, runs) {
        this.job = job;
        this.runs = new Map(runs.map((run) => [run.id, run]));
        await this.load();
    }

    update(query) {
        const before = this.query;
        this.query = query;
        if (!this.element.hidden && before.by !== query.by) this.load().catch(() => {}); // the next reading says why
    }

    async load() {
        const metrics = this.metrics();
        this.metric = metrics.includes(this.query.by) ? this.query.by : 'valid_loss';
        const better = moreIsBetter(this.metric);
        const { folds, total, data } = await get(
            `v1/jobs/${this.job.id}/folds?limit=200&order_by=metrics.${this.metric}${better ? '&desc=true' : ''}`,
        );
        this.element.hidden = false;
        Object.assign(this, { folds, total, points: data });
        replace(
            this.metricChoice,
            metrics.map((name) => h('option', { value: name, selected: name === this.metric }, name)),
        );
        this.draw();
    }

    metrics() {
        const names = new Set([...this.runs.values()].flatMap(({ metrics }) => Object.keys(metrics ?? {})));
        return [...names].filter((name) => !OF_RUN.test(name));
    }

    /** Of the folds of a point: {id, fold, value}; value is null until it is there. */
    scores({ runs }) {
        return runs.map((id, i) => ({ id, fold: i + 1, value: this.runs.get(id)?.metrics?.[this.metric] ?? null }));
    }

    /** What the picture has to have room for. */
    extentOf(point) {
        const { mean, standard_deviation: deviation } = point.metrics[this.metric] ?? {};
        return [...this.scores(point).map(({ value }) => value), mean - deviation, mean + deviation];
    }

    nameOf({ hyperparameters }) {
        const pointers = Object.keys(hyperparameters),
            names = shortNames(pointers);
        return pointers.map((pointer, i) => `${names[i]} ${JSON.stringify(hyperparameters[pointer])}`).join(', ');
    }

    draw() {
        const drawn = this.points.slice(0, DRAWN);
        const known = drawn.flatMap((point) => this.extentOf(point)).filter(Number.isFinite);
        replace(this.frame, known.length > 0 && this.picture(drawn, extent(known, 0.08)));
        text(this.caption, this.words());
        replace(this.table, this.points.length === 1 ? this.figures(this.points[0]) : this.list());
    }

    // ---- the picture
    // -------------------------------------------------------------------------------------------------------------

    picture(points, [from, to]) {
        const x = (value) =>
                LEFT + ((Math.min(to, Math.max(from, value)) - from) / (to - from)) * (WIDTH - LEFT - RIGHT),
            bottom = ROW * points.length + 6,
            height = bottom + BOTTOM;
        const grid = ticks(from, to).map((value) => [
            s('line', { class: 'grid-line', x1: x(value), x2: x(value), y1: 4, y2: bottom }),
            s('text', { x: x(value), y: bottom + 16, 'text-anchor': 'middle' }, figure(value, 5)),
        ]);
        const middle = (LEFT + WIDTH - RIGHT) / 2;
        return s(
            'svg',
            { class: 'folds', viewBox: `0 0 ${WIDTH} ${height}`, role: 'group', 'aria-label': this.words() },
            grid.flat(),
            s('text', { class: 'axis', x: middle, y: height - 6, 'text-anchor': 'middle' }, this.metric),
            points.map((point, i) => this.row(point, ROW * i + ROW / 2 + 4, x)),
        );
    }

    row(point, y, x) {
        const { mean, standard_deviation: deviation } = point.metrics[this.metric] ?? {},
            name = this.nameOf(point) || t('folds.one');
        const short = name.length > 30 ? `${name.slice(0, 29)}…` : name;
        return s(
            'g',
            null,
            s('text', { x: LEFT - 12, y: y + 4, 'text-anchor': 'end' }, short, s('title', null, name)),
            mean !== undefined && [
                deviation &&
                    s('rect', {
                        class: 'deviation',
                        x: x(mean - deviation),
                        width: x(mean + deviation) - x(mean - deviation),
                        y: y - 15,
                        height: 30,
                        rx: 4,
                    }),
                s('line', { class: 'mean', x1: x(mean), x2: x(mean), y1: y - 18, y2: y + 18 }),
            ],
            this.scores(point).map((score) => this.dot(score, x, y)),
        );
    }

    dot({ id, fold, value }, x, y) {
        if (value === null) return null;
        const numbered = this.folds <= NUMBERED,
            at = { cx: x(value), cy: y + ((fold % 3) - 1) * 7 },
            words = `${t('folds.fold', { fold })}: ${this.metric} ${figure(value)}`;
        return s(
            'a',
            { href: `#/runs/${id}`, 'aria-label': words, class: 'dot' },
            s('title', null, words),
            s('circle', { ...at, r: numbered ? 8 : 5 }),
            numbered && s('text', { x: at.cx, y: at.cy + 3.5, 'text-anchor': 'middle' }, String(fold)),
        );
    }

    // ---- in words and figures
    // ----------------------------------------------------------------------------------------------------------

    words() {
        const [best] = this.points,
            { mean, standard_deviation: deviation } = best?.metrics[this.metric] ?? {};
        if (mean === undefined) return t('folds.none', { folds: whole(this.folds) });
        const scores = this.scores(best)
            .filter(({ value }) => value !== null)
            .sort((a, b) => a.value - b.value);
        const [least, most] = [scores[0], scores.at(-1)];
        const values = {
            metric: this.metric,
            mean: figure(mean),
            deviation: figure(deviation),
            folds: whole(best.succeeded),
            all: whole(this.folds),
            least: figure(least?.value),
            low: least?.fold,
            most: figure(most?.value),
            high: most?.fold,
            point: this.nameOf(best),
            n: whole(this.total),
        };
        const parts = [t(this.total > 1 ? 'folds.best' : 'folds.words', values), t('folds.range', values)];
        if (this.points.length > DRAWN) parts.push(t('folds.drawn', { n: DRAWN }));
        return parts.join(' ');
    }

    heads(first) {
        const folds = Array.from({ length: this.folds }, (_, i) => t('folds.fold', { fold: i + 1 }));
        return h(
            'thead',
            null,
            h(
                'tr',
                null,
                h('th', { scope: 'col' }, first),
                [t('folds.mean'), '±', ...folds].map((name) => h('th', { scope: 'col', class: 'number' }, name)),
            ),
        );
    }

    line(name, { mean, standard_deviation: deviation } = {}, values) {
        return h(
            'tr',
            null,
            h('th', { scope: 'row' }, name),
            [mean, deviation, ...values].map((value) =>
                h('td', { class: 'number' }, value?.nodeType ? value : value === undefined ? '' : figure(value)),
            ),
        );
    }

    /** Every figure of the only point. */
    figures(point) {
        const runs = point.runs.map((id) => this.runs.get(id));
        const linked = h(
            'tr',
            null,
            h('th', { scope: 'row' }, t('runs.run')),
            h('td'),
            h('td'),
            point.runs.map((id) =>
                h(
                    'td',
                    { class: 'number' },
                    h('a', { href: `#/runs/${id}` }, t('runs.number', { n: this.runs.get(id)?.number ?? id })),
                ),
            ),
        );
        const rows = Object.entries(point.metrics).map(([name, spread]) =>
            this.line(
                name,
                spread,
                runs.map((run) => run?.metrics?.[name]),
            ),
        );
        return h(
            'table',
            null,
            h('caption', { class: 'away' }, t('folds.title')),
            this.heads(t('health.figure')),
            h('tbody', null, linked, rows),
        );
    }

    /** Every point, by one figure. */
    list() {
        const link = ({ id, value }) => h('a', { href: `#/runs/${id}` }, figure(value));
        return h(
            'table',
            null,
            h('caption', { class: 'away' }, this.metric),
            this.heads(this.metric),
            h(
                'tbody',
                null,
                this.points.map((point) =>
                    this.line(this.nameOf(point), point.metrics[this.metric], this.scores(point).map(link)),
                ),
            ),
        );
    }
}
