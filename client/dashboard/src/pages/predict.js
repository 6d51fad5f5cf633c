// The playground: what a model says of a row that is made up, as it is made up; and of a whole file.
import { get, post } from '../lib/api.js';
import { curlPredict, withToken } from '../lib/curl.js';
import { h, replace, text } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { fieldsOf, initialRow, readRow, writeRow } from '../lib/playground.js';
import { setQuery } from '../lib/router.js';
import { codeBlock } from '../parts/copy.js';
import { crumbs } from '../parts/crumbs.js';
import { problemBox } from '../parts/dialogs.js';
import { Batch } from '../parts/predict_file.js';
import { PredictForm } from '../parts/predict_form.js';
import { Prediction } from '../parts/prediction.js';

const PAUSE_MS = 120; // after the last change, before the daemon is asked

class PredictPage {
    constructor(id, query) {
        this.id = id;
        this.query = query;
        this.title = t('predict.title', { id });
        this.generation = 0;
        this.name = h('a', { href: '#/jobs' });
        this.problem = h('div', { hidden: true });
        this.refused = h('div', { hidden: true });
        this.waiting = h('p', { role: 'status' });
        this.content = h('div', { hidden: true });
        this.curl = h('div', { class: 'stack' });
        this.element = h(
            'div',
            null,
            crumbs(this.name, h('a', { href: `#/runs/${id}` }, t('run.short', { id })), h('span', null, t('run.try'))),
            h('div', { class: 'head' }, h('h1', null, this.title)),
            this.problem,
            this.waiting,
            this.content,
        );
        this.end = follow(() => this.refresh(), { concerns: ({ name, data }) => name === 'run' && data.id === id });
    }

    /** Until there is a model, and then once: it never changes. */
    async refresh() {
        try {
            const run = await get(`v1/runs/${this.id}`);
            this.name.href = `#/jobs/${run.job}`;
            text(this.name, run.spec.name ?? t('jobs.unnamed', { id: run.job }));
            text(this.waiting, run.model_sha256 ? '' : t('predict.none', { status: t(`status.${run.status}`) }));
            if (run.model_sha256 && !this.form) await this.open(run, await get(`v1/runs/${this.id}/features`));
            this.problem.hidden = true;
            return run.terminal;
        } catch (problem) {
            this.fail(problem);
            throw problem;
        }
    }

    async open(run, model) {
        this.fields = fieldsOf(model.features);
        this.form = new PredictForm(this.fields, (row) => this.change(row));
        this.prediction = new Prediction(model.targets, run.metrics.valid_rmse ?? null);
        replace(this.content, this.layout(), new Batch(this.id, model).element);
        this.row = readRow(this.query.row, this.fields);
        this.form.show(this.row);
        await this.ask();
        this.content.hidden = false;
    }

    layout() {
        return h(
            'div',
            { class: 'beside' },
            h(
                'section',
                { class: 'card stack', id: 'inputs' },
                h('h2', null, t('predict.inputs')),
                h('p', { class: 'soft' }, t('predict.why')),
                this.form.element,
                h('div', null, h('button', { id: 'reset', onclick: () => this.reset() }, t('predict.reset'))),
            ),
            h(
                'aside',
                { class: 'card stack', id: 'prediction', 'aria-label': t('predict.output') },
                h('h2', null, t('predict.output')),
                this.refused,
                this.prediction.element,
                h('h3', null, 'curl'),
                this.curl,
            ),
        );
    }

    change(row) {
        this.row = row;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            setQuery({ row: writeRow(this.row, this.fields) });
            this.ask();
        }, PAUSE_MS);
    }

    reset() {
        this.form.show(initialRow(this.fields));
        this.change(this.form.row);
    }

    /** An answer to an earlier row that comes late is dropped. */
    async ask() {
        const mine = ++this.generation;
        replace(this.curl, codeBlock(withToken(curlPredict(this.id, this.row))));
        try {
            const answer = await post(`v1/runs/${this.id}/predict`, { instances: [this.row] });
            if (mine !== this.generation) return;
            this.refused.hidden = true;
            this.prediction.show(answer);
        } catch (problem) {
            if (problem.status === undefined) throw problem;
            if (mine === this.generation) this.fail(problem, this.refused);
        }
    }

    /** What is wrong with an answer stands beside it, until there is a better one. */
    fail(problem, box = this.problem) {
        if (problem.status === undefined) throw problem;
        box.hidden = false;
        problemBox(problem, box);
    }

    /** Another row of the address, by going back say: not the one that stands there by itself. */
    update(query) {
        this.query = query;
        if (!this.fields || (query.row ?? undefined) === writeRow(this.row, this.fields)) return;
        this.row = readRow(query.row, this.fields);
        this.form.show(this.row);
        this.ask();
    }

    close() {
        this.end();
        clearTimeout(this.timer);
        this.generation++;
    }
}

export function page({ parameters, query }) {
    return new PredictPage(Number(parameters.run), query);
}
