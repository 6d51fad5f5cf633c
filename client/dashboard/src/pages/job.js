// One job: the curves of its runs over each other, and its runs by what differs between them.
import { get } from '../lib/api.js';
import { axisAt } from '../lib/axes.js';
import { curlJob, withToken } from '../lib/curl.js';
import { look } from '../lib/curves.js';
import { differing, shortNames, valueAt } from '../lib/differences.js';
import { h, replace, text } from '../lib/dom.js';
import { whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { axesOf } from '../lib/lab.js';
import { follow } from '../lib/live.js';
import { go, setQuery } from '../lib/router.js';
import { allRuns } from '../lib/runs.js';
import { parseIds } from '../lib/url.js';
import { codeBlock } from '../parts/copy.js';
import { crumbs } from '../parts/crumbs.js';
import { Curves } from '../parts/curves.js';
import { problemBox } from '../parts/dialogs.js';
import { Lab } from '../parts/lab.js';
import { Parallel } from '../parts/parallel.js';
import { Folds } from '../parts/folds.js';
import { JobActions } from '../parts/job_actions.js';
import { RunsTable } from '../parts/runs_table.js';
import { networkOf, targetOf, trainingOf } from '../parts/spec.js';
import { progressBar, statuses, statusMark, updateProgress, updateStatus } from '../parts/status.js';

const DRAWN = 10,
    DRAWN_MAX = 32,
    LIMIT = 50,
    FOLD = '/validation/fold',
    MAP_MAX = 600, // runs of the map of a grid
    MANY = 200, // runs: while they train all of them are read
    MANY_PAUSE_MS = 3000; // that far apart at least

class JobPage {
    constructor(id, query) {
        this.id = id;
        this.query = query;
        this.title = t('jobs.unnamed', { id });
        this.heading = h('h1', null, this.title);
        this.status = statusMark('queued');
        this.progress = progressBar();
        this.status.hidden = this.progress.hidden = true;
        this.counts = h('p', { class: 'soft counts' });
        this.problem = h('div', { hidden: true });
        this.actions = new JobActions({ done: () => this.end.now(), fail: (problem) => this.fail(problem) });
        this.curves = new Curves({ query, height: 360 });
        this.table = new RunsTable({
            labelOf: (run) => t('runs.number', { n: run.number }),
            pick: (run, on) => this.pick(run, on),
            order: (order) => this.orderBy(order),
        });
        this.lab = new Lab(query, (run, on) => this.pick(run, on));
        this.parallel = new Parallel(query);
        this.folds = new Folds(query);
        this.foot = h('div', { class: 'more' });
        this.spec = h('div', { class: 'stack' });
        this.element = this.layout();
        this.unbind = [
            this.curves.tools.keys(),
            this.table.cursor.keys([['c', t('keys.compare'), () => go('/compare', { runs: this.drawn.join(',') })]]),
        ];
        this.drawn = [];
        this.end = follow(() => this.refresh(), {
            concerns: ({ name, data }) => (name === 'job' ? data.id : data.job) === id,
        });
    }

    layout() {
        return h(
            'div',
            null,
            crumbs(h('span', null, t('jobs.unnamed', { id: this.id }))),
            h(
                'div',
                { class: 'head' },
                this.heading,
                this.status,
                this.progress,
                h('div', { class: 'buttons' }, this.actions.element),
            ),
            this.problem,
            (this.content = h(
                'div',
                { hidden: true },
                this.counts,
                this.folds.element,
                this.lab.element,
                this.parallel.element,
                h('section', { class: 'card', id: 'curves' }, h('h2', null, t('run.curves')), this.curves.element),
                h(
                    'section',
                    { class: 'card list', id: 'runs' },
                    h('h2', null, t('runs.title')),
                    this.table.element,
                    this.foot,
                ),
                h('section', { class: 'card', id: 'spec' }, h('h2', null, t('run.spec')), this.spec),
            )),
        );
    }

    /** By what is ordered already: the other way round. */
    orderBy(order) {
        const { orderBy, descending } = this.order();
        setQuery({ order, desc: (order === orderBy && !descending) || undefined, cursor: undefined });
    }

    loss() {
        return this.job.spec.validation.fraction !== 0 ? 'metrics.valid_loss' : 'metrics.train_loss';
    }

    order() {
        const { order, desc, cursor } = this.query;
        return { orderBy: order ?? this.loss(), descending: desc === 'true', cursor };
    }

    runsPath() {
        const { orderBy, descending, cursor } = this.order();
        const parameters = new URLSearchParams({ limit: LIMIT, order_by: orderBy });
        if (descending) parameters.set('desc', 'true');
        if (cursor) parameters.set('cursor', cursor);
        return `v1/jobs/${this.id}/runs?${parameters}`;
    }

    async refresh() {
        try {
            this.job = await get(`v1/jobs/${this.id}`);
            const runs = await get(this.runsPath());
            if (this.closed) return true; // the reader is elsewhere already, and stays there
            if (this.job.runs.total === 1) return location.replace(`#/runs/${runs.data[0].id}`);
            this.problem.hidden = true;
            this.show(this.job);
            await this.showRuns(runs);
            await this.showWhole();
            return this.job.terminal;
        } catch (problem) {
            this.fail(problem);
            throw problem;
        }
    }

    show(job) {
        this.title = job.name ?? t('jobs.unnamed', { id: job.id });
        this.content.hidden = this.status.hidden = false;
        document.title = `${this.title} · mlpd`;
        text(this.heading, this.title);
        updateStatus(this.status, job.status);
        updateProgress(this.progress, job.progress);
        this.progress.hidden = job.terminal;
        this.actions.show(job);
        const counts = statuses
            .filter((name) => job.runs[name] > 0)
            .map((name) => t(`runs.in.${name}`, { n: job.runs[name], runs: whole(job.runs[name]) }));
        text(
            this.counts,
            [targetOf(job.spec), job.dataset, networkOf(job.spec), trainingOf(job.spec)].join(' · ') +
                ` — ${t('runs.count', { n: job.runs.total, runs: whole(job.runs.total) })}: ${counts.join(', ')}`,
        );
        if (!this.spec.firstChild)
            replace(
                this.spec,
                h('details', null, h('summary', null, 'JSON'), codeBlock(JSON.stringify(job.spec, null, 2))),
                h('details', null, h('summary', null, 'curl'), codeBlock(withToken(curlJob(job.spec)))),
            );
    }

    /** The runs that are drawn: those that the reader chose, else the first ones of the table. */
    async showRuns(list) {
        const chosen = parseIds(this.query.runs);
        this.drawn = (this.query.runs === undefined ? list.data.slice(0, DRAWN).map(({ id }) => id) : chosen).slice(
            0,
            DRAWN_MAX,
        );
        this.table.show(list.data, { drawn: this.drawn, ...this.order() });
        replace(
            this.foot,
            h(
                'span',
                { class: 'soft' },
                t('runs.drawn', { drawn: whole(this.drawn.length), all: whole(this.job.runs.total) }),
            ),
            this.query.runs !== undefined &&
                h('button', { onclick: () => setQuery({ runs: undefined }) }, t('runs.first', { n: DRAWN })),
            this.query.cursor && h('button', { onclick: () => setQuery({ cursor: undefined }) }, t('runs.start')),
            list.next &&
                h(
                    'button',
                    { id: 'further', onclick: () => go(`/jobs/${this.id}`, { ...this.query, cursor: list.next }) },
                    t('runs.more'),
                ),
        );
        const pointers = differing(list.data.map(({ spec }) => spec)),
            known = new Map(list.data.map((run) => [run.id, run]));
        this.curves.legendTitle = pointers.length > 3 ? null : [t('runs.run'), ...shortNames(pointers)].join(' · ');
        await this.curves.refresh(
            this.drawn.map((id, i) => ({
                id,
                label: known.has(id) ? this.labelOf(known.get(id), pointers) : t('run.short', { id }),
                ...look(i),
            })),
        );
    }

    /** With what sets the run apart, when that is short. */
    labelOf(run, pointers) {
        return pointers.length > 3
            ? t('runs.number', { n: run.number })
            : [run.number, ...pointers.map((pointer) => valueAt(run.spec, pointer))].join(' · ');
    }

    /** A grid of two axes is a map; what has more axes, or random points, is lines over them. */
    async showWhole() {
        const { total } = this.job.runs,
            pause = total > MANY ? MANY_PAUSE_MS : 0;
        if (this.whole !== undefined && !this.whole.over && Date.now() >= this.whole.time + pause)
            this.whole = undefined;
        this.whole ??= { runs: await allRuns(this.job, this.loss()), over: this.job.terminal, time: Date.now() };
        const { runs } = this.whole,
            { folds, fold } = this.job.spec.validation,
            axes = axesOf(runs),
            { search } = this.job.spec;
        if (folds && !fold && !axisAt(this.job.spec, FOLD)) await this.folds.refresh(this.job, runs);
        if (axes.length === 2 && !search && total <= MAP_MAX) await this.lab.refresh(runs, axes, this.drawn);
        else if (axes.length > (search ? 0 : 1)) this.parallel.refresh(runs, axes, this.job, this.loss());
    }

    pick(run, on) {
        const kept = this.drawn.filter((id) => id !== run);
        setQuery({ runs: (on ? [...kept, run] : kept).join(',') || 'none' });
    }

    fail(problem) {
        this.problem.hidden = false;
        problemBox(problem, this.problem);
    }

    update(query) {
        const { order, desc, cursor, runs } = this.query;
        this.query = query;
        this.curves.update(query);
        this.lab.update(query);
        this.parallel.update(query);
        this.folds.update(query);
        if (order !== query.order || desc !== query.desc || cursor !== query.cursor || runs !== query.runs)
            this.end.now();
    }

    close() {
        this.closed = true;
        this.end();
        this.unbind.forEach((unbind) => unbind());
        this.curves.close();
        this.parallel.close();
    }
}

export function page({ parameters, query }) {
    return new JobPage(Number(parameters.job), query);
}
