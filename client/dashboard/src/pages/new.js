// A new job: a table, what its columns are for, and a form that the daemon judges as one types.
import { get, post } from '../lib/api.js';
import { curlJob, withToken } from '../lib/curl.js';
import { newestDatasets } from '../lib/datasets.js';
import { h, keepingFocus, replace } from '../lib/dom.js';
import { cloned } from '../lib/form.js';
import { bytes, duration, whole } from '../lib/format.js';
import { loadHelp } from '../lib/help.js';
import { t } from '../lib/i18n.js';
import { listen } from '../lib/live.js';
import { problemText } from '../lib/problems.js';
import { go, setQuery } from '../lib/router.js';
import { exercise, trainOnSample } from '../lib/sample.js';
import { codeBlock } from '../parts/copy.js';
import { ColumnsForm } from '../parts/columns_form.js';
import { problemBox } from '../parts/dialogs.js';
import { JobForm } from '../parts/job_form.js';
import { dropZone } from '../parts/upload.js';

const PAUSE_MS = 200; // after the last key, before the daemon is asked

/** A job as the address has it once somebody wrote in the form; null when there is none. */
function parseSpec(text) {
    try {
        const job = JSON.parse(text ?? 'null');
        return job !== null && typeof job === 'object' && !Array.isArray(job) ? job : null;
    } catch {
        return null;
    }
}

class NewPage {
    constructor(query) {
        this.title = t('new.title');
        this.job = {};
        this.generation = 0;
        this.problem = h('div', { hidden: true });
        this.choice = h('select', { id: 'dataset', onchange: () => this.choose(this.choice.value) });
        this.name = h('input', { type: 'text', id: 'name', maxlength: 200, oninput: () => this.rename() });
        this.estimate = h('div', { id: 'estimate', 'aria-live': 'polite' });
        this.curl = h('div', { class: 'stack' });
        this.start = h(
            'button',
            { class: 'primary', id: 'start', disabled: true, onclick: () => this.send() },
            t('new.start'),
        );
        this.rest = h('div', { id: 'rest' });
        this.form = h('div', { hidden: true });
        this.element = this.layout();
        this.isWritten = false; // whether the reader has changed anything
        this.isSent = false;
        this.opened = this.open(query).then(() => {
            this.isWritten = true;
        });
        this.opened.catch((problem) => this.fail(problem));
    }

    layout() {
        const fail = (problem) => this.fail(problem);
        return h(
            'div',
            null,
            h(
                'div',
                { class: 'head' },
                h('h1', null, this.title),
                h(
                    'div',
                    { class: 'buttons' },
                    h('button', { id: 'exercise', onclick: () => this.exercise() }, t('new.exercise')),
                ),
            ),
            this.problem,
            h(
                'div',
                { class: 'beside' },
                h(
                    'div',
                    null,
                    h(
                        'section',
                        { class: 'card stack', id: 'data' },
                        h('h2', null, t('new.data')),
                        dropZone({ done: (dataset) => this.uploaded(dataset), fail }),
                        (this.choosing = h('label', { class: 'field', hidden: true }, t('new.dataset'), this.choice)),
                        (this.columns = h('div')),
                    ),
                    this.form,
                ),
                h(
                    'aside',
                    { class: 'card stack', id: 'result', 'aria-label': t('new.result') },
                    h('h2', null, t('new.result')),
                    this.estimate,
                    this.rest,
                    this.start,
                    this.curl,
                ),
            ),
        );
    }

    async open(query) {
        const source = query.run ? `v1/runs/${Number(query.run)}` : query.job ? `v1/jobs/${Number(query.job)}` : null;
        const [schema, datasets, from] = await Promise.all([
            get('v1/schema'),
            newestDatasets(),
            source && get(source),
            loadHelp(),
        ]);
        listen();
        this.fields = new JobForm(schema, () => this.changed());
        this.table = new ColumnsForm(schema, {
            changed: () => this.columnsChanged(),
            retargeted: () => this.fields.again(),
        });
        const written = parseSpec(query.spec);
        if (from) this.job = cloned(from.spec);
        if (written) this.job = written;
        if (query.run) delete this.job.halving; // which compares runs, and this is one
        this.name.value = this.job.name ?? '';
        this.datasets = datasets;
        this.showChoice();
        replace(
            this.form,
            h(
                'section',
                { class: 'card stack', id: 'form' },
                h('h2', null, t('new.form')),
                h('label', { class: 'field' }, t('new.name'), this.name),
                this.fields.element,
            ),
        );
        const dataset = this.job.dataset ?? query.dataset ?? this.datasets[0]?.name;
        if (dataset !== undefined) await this.choose(dataset, Boolean(from ?? written));
        else replace(this.estimate, h('p', { class: 'soft' }, t('new.nothing')));
    }

    showChoice() {
        this.choosing.hidden = this.datasets.length === 0;
        replace(
            this.choice,
            this.datasets.map(({ name }) => h('option', { value: name, selected: name === this.job.dataset }, name)),
        );
    }

    /** A table may be dropped before the rest of the page is there. */
    async uploaded(dataset) {
        await this.opened;
        this.problem.hidden = true;
        this.datasets = [dataset, ...this.datasets.filter(({ id }) => id !== dataset.id)];
        return this.choose(dataset.name);
    }

    /** Another table: what the columns were for is no longer meant. The last column is the target until one says. */
    async choose(name, keep = false) {
        const dataset = await get(`v1/datasets/${encodeURIComponent(name)}`);
        if (!keep) {
            delete this.job.columns;
            delete this.job.features;
            this.job.dataset = dataset.name;
            if (![this.job.target].flat().every((target) => dataset.columns.some(({ name }) => name === target)))
                this.job.target = (
                    dataset.columns.find(({ type }) => type === 'categorical') ?? dataset.columns.at(-1)
                ).name;
        }
        this.showChoice();
        this.choice.value = dataset.name;
        this.table.show(dataset, this.job);
        replace(this.columns, this.table.element, this.names(dataset));
        keepingFocus(() => this.fields.show(this.job, dataset)); // who has begun to type goes on
        this.form.hidden = false;
        this.changed();
    }

    /** What fields suggest that take the name of a column, or of a table. */
    names(dataset) {
        const list = (id, things) =>
            h(
                'datalist',
                { id },
                things.map(({ name }) => h('option', { value: name })),
            );
        return [list('names-of-columns', dataset.columns), list('names-of-datasets', this.datasets)];
    }

    columnsChanged() {
        this.fields.axes.show(this.job);
        this.changed();
    }

    rename() {
        this.job.name = this.name.value || undefined;
        this.changed();
    }

    changed() {
        clearTimeout(this.timer);
        if (this.isWritten)
            setQuery({ spec: JSON.stringify(this.job), job: undefined, run: undefined, dataset: undefined });
        this.generation++; // what is under way is about the job as it was
        this.start.disabled = true;
        this.timer = setTimeout(() => this.judge(), PAUSE_MS);
        replace(this.curl, h('h3', null, 'curl'), codeBlock(withToken(curlJob(this.job))));
    }

    async judge() {
        const mine = ++this.generation;
        try {
            const report = await post('v1/jobs?dry_run=report', this.job);
            if (mine !== this.generation) return;
            if (report.valid) this.valid(report);
            else this.invalid(report.errors);
        } catch (problem) {
            if (mine === this.generation) this.fail(problem);
        }
    }

    valid(plan) {
        this.problem.hidden = true;
        this.fields.judge(plan.job, []);
        replace(this.rest);
        const facts = [
            ['runs', whole(plan.runs)],
            ['parameters', whole(plan.parameters)],
            ['memory', bytes(plan.memory_bytes)],
            ['seconds', plan.seconds === null ? t('new.unknown') : duration(plan.seconds)],
        ];
        replace(
            this.estimate,
            h(
                'dl',
                { class: 'facts' },
                facts.map(([name, value]) =>
                    h('div', null, h('dt', null, t(`new.plan.${name}`)), h('dd', { class: 'big' }, value)),
                ),
            ),
        );
        this.start.disabled = false;
    }

    invalid(errors) {
        const rest = this.fields.judge(null, errors);
        this.problem.hidden = true;
        replace(this.estimate, h('p', { class: 'error' }, t('new.wrong', { n: errors.length })));
        replace(
            this.rest,
            rest.length > 0 &&
                h(
                    'ul',
                    null,
                    rest.map((error) => h('li', null, h('code', null, error.pointer || '/'), ' ', problemText(error))),
                ),
        );
    }

    async send() {
        this.start.disabled = true;
        try {
            go(`/jobs/${(await post('v1/jobs', this.job)).id}`);
            this.isSent = true;
        } catch (problem) {
            this.start.disabled = false;
            this.fail(problem);
        }
    }

    async exercise() {
        try {
            go(`/jobs/${(await trainOnSample(exercise)).id}`);
        } catch (problem) {
            this.fail(problem);
        }
    }

    /** Who goes back before the job's view is there finds this one again. */
    update() {
        if (!this.isSent) return;
        this.isSent = false;
        this.changed();
    }

    fail(problem) {
        if (problem.status === undefined) throw problem;
        this.problem.hidden = false;
        problemBox(problem, this.problem);
    }

    close() {
        clearTimeout(this.timer);
        this.generation++;
    }
}

export function page({ query }) {
    return new NewPage(query);
}
