// One run: is it learning, how well, why not, and how to do it again.
import { get } from '../lib/api.js';
import { curlJob, withToken } from '../lib/curl.js';
import { h, replace, text } from '../lib/dom.js';
import { ago, duration, figure, moment, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { problemText } from '../lib/problems.js';
import { setQuery } from '../lib/router.js';
import { codeBlock } from '../parts/copy.js';
import { crumbs } from '../parts/crumbs.js';
import { Curves } from '../parts/curves.js';
import { problemBox } from '../parts/dialogs.js';
import { saveModel } from '../parts/download.js';
import { Health } from '../parts/health.js';
import { JobActions } from '../parts/job_actions.js';
import { networkOf, targetOf, trainingOf } from '../parts/spec.js';
import { progressBar, statusMark, updateProgress, updateStatus } from '../parts/status.js';

function fact(name, value, note) {
    return h(
        'div',
        null,
        h('dt', null, name),
        h('dd', { class: 'big' }, value),
        note && h('dd', { class: 'soft' }, note),
    );
}

/** Seconds that are left, at the pace so far; null when there is none yet. */
function remaining(run) {
    const { started_at: started } = run.timings;
    if (run.terminal || !started || run.epoch === 0) return null;
    return ((Date.now() - Date.parse(started)) / 1000 / run.epoch) * (run.epochs - run.epoch);
}

/** Why it ended before its last epoch, and which epoch the model is of, when that is not the last. */
function epochNote(run) {
    const notes = [t('run.updates', { n: run.weight_updates, updates: whole(run.weight_updates) })];
    if (run.stopped_by) notes.push(t('run.stopped', { rule: run.stopped_by }));
    if (run.model_epoch && run.model_epoch !== run.epoch)
        notes.push(t('run.model_epoch', { epoch: whole(run.model_epoch) }));
    return notes.join('; ');
}

function metricFacts(run) {
    const { train_loss: train, valid_loss: valid, best_epoch: best, ...others } = run.metrics;
    return [
        fact('train_loss', figure(train)),
        valid !== null && fact('valid_loss', figure(valid), best && t('run.best', { epoch: whole(best) })),
        ...Object.entries(others)
            .filter(([name, value]) => value !== null && name !== 'valid_log_loss')
            .map(([name, value]) => fact(name, name === 'valid_accuracy' ? percent(value) : figure(value))),
        fact(
            t('run.epoch'),
            `${whole(run.epoch)} / ${whole(run.epochs)}`,
            epochNote(run),
        ),
        run.terminal
            ? fact(
                  t('run.time'),
                  duration(run.timings.training_seconds),
                  run.timings.samples_per_second &&
                      t('run.speed', { speed: whole(Math.round(run.timings.samples_per_second)) }),
              )
            : fact(t('run.left'), remaining(run) === null ? '–' : duration(remaining(run))),
    ];
}

class RunPage {
    constructor(id, query) {
        this.id = id;
        this.query = query;
        this.results = [];
        this.title = t('run.title', { id });
        this.name = h('a', { href: '#/jobs' });
        this.status = statusMark('queued');
        this.progress = progressBar();
        this.status.hidden = this.progress.hidden = true;
        this.facts = h('dl', { class: 'facts' });
        this.failure = h('div', { hidden: true, class: 'problem' });
        this.problem = h('div', { hidden: true });
        this.summary = h('p', { class: 'soft summary' });
        this.actions = new JobActions({ done: () => this.end.now(), fail: (problem) => this.fail(problem) });
        const predict = `#/runs/${id}/predict`;
        this.playground = h('a', { class: 'button', id: 'try', hidden: true, href: predict }, t('run.try'));
        this.model = h('button', { id: 'model', hidden: true, onclick: () => saveModel(id) }, t('run.model'));
        this.curves = new Curves({ query });
        this.health = new Health(query);
        this.evaluation = h('section', { class: 'card', id: 'evaluation', hidden: true });
        this.environment = h('dl', { class: 'facts' });
        this.spec = h('div', { class: 'stack' });
        this.element = this.layout();
        this.unbind = this.curves.tools.keys();
        this.end = follow(() => this.refresh(), {
            concerns: ({ name, data }) => data.id === (name === 'job' ? this.run?.job : id),
        });
    }

    layout() {
        return h(
            'div',
            null,
            crumbs(this.name, h('span', null, t('run.short', { id: this.id }))),
            h(
                'div',
                { class: 'head' },
                (this.heading = h('h1', null, this.title)),
                this.status,
                this.progress,
                h('div', { class: 'buttons' }, this.playground, this.model, this.actions.element),
            ),
            this.problem,
            (this.content = h(
                'div',
                { hidden: true },
                this.failure,
                h('section', { class: 'card' }, this.summary, this.facts),
                h('section', { class: 'card', id: 'curves' }, h('h2', null, t('run.curves')), this.curves.element),
                this.health.element,
                this.evaluation,
                h(
                    'div',
                    { class: 'grid' },
                    h('section', { class: 'card', id: 'spec' }, h('h2', null, t('run.spec')), this.spec),
                    h(
                        'section',
                        { class: 'card', id: 'environment' },
                        h('h2', null, t('run.environment')),
                        this.environment,
                    ),
                ),
            )),
        );
    }

    fail(problem) {
        this.problem.hidden = false;
        problemBox(problem, this.problem);
    }

    async refresh() {
        try {
            const run = await get(`v1/runs/${this.id}`);
            if (run !== this.run) this.show(run);
            await this.curves.refresh([
                { id: run.id, label: t('run.short', { id: run.id }), color: '--line-1', dash: [] },
            ]);
            await this.health.refresh(run, this.curves.whole.get(run.id));
            await this.showEvaluation(run);
            this.problem.hidden = true;
            return run.terminal;
        } catch (problem) {
            this.fail(problem);
            throw problem;
        }
    }

    show(run) {
        const fresh = !this.run;
        this.content.hidden = false;
        this.status.hidden = false;
        this.run = run;
        updateStatus(this.status, run.status);
        updateProgress(this.progress, run.terminal ? 1 : run.epoch / run.epochs);
        this.progress.hidden = run.terminal;
        replace(this.facts, metricFacts(run).filter(Boolean));
        this.actions.show({ id: run.job, status: run.status, terminal: run.terminal, run: run.id });
        this.model.hidden = this.playground.hidden = !run.model_sha256;
        this.failure.hidden = !run.failure;
        if (run.failure)
            replace(
                this.failure,
                h('strong', null, t(`failure.${run.failure.code}`)),
                h('p', null, problemText(run.failure)),
            );
        text(
            this.summary,
            `${targetOf(run.spec)} · ${run.spec.dataset} · ${networkOf(run.spec)} · ${trainingOf(run.spec)}`,
        );
        this.name.href = `#/jobs/${run.job}`;
        const name = run.spec.name ?? t('jobs.unnamed', { id: run.job });
        text(this.name, name);
        this.title =
            Object.keys(run.hyperparameters).length === 0 ? name : `${name} · ${t('runs.number', { n: run.number })}`;
        document.title = `${this.title} · mlpd`;
        text(this.heading, this.title);
        this.showEnvironment(run);
        if (fresh) this.showSpec(run.spec);
    }

    showEnvironment({ environment, timings, parameters, model_sha256: sha }) {
        const plain = Object.entries(environment ?? {}).map(([name, value]) => [
            t(`environment.${name}`),
            String(value),
        ]);
        const rows = [
            ...plain,
            [t('run.parameters'), whole(parameters)],
            [t('run.started'), moment(timings.started_at)],
            [t('run.finished'), moment(timings.finished_at)],
            [t('run.queued'), timings.queued_at ? ago(Date.parse(timings.queued_at), Date.now()) : '–'],
            ...(sha ? [['model_sha256', h('span', { class: 'mono' }, sha.slice(0, 16), '…')]] : []),
        ];
        replace(
            this.environment,
            rows.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))),
        );
    }

    showSpec(spec) {
        replace(
            this.spec,
            h('details', { open: true }, h('summary', null, 'JSON'), codeBlock(JSON.stringify(spec, null, 2))),
            h('details', null, h('summary', null, 'curl'), codeBlock(withToken(curlJob(spec)))),
        );
    }

    async showEvaluation(run) {
        if (!run.model_sha256 || run.spec.validation.fraction === 0 || !this.evaluation.hidden) return;
        const evaluation = await get(`v1/runs/${run.id}/evaluation`);
        const { Evaluation, Importance } = await import('../parts/results.js');
        this.results = [new Evaluation(evaluation, this.query, setQuery), new Importance(run.id, this.query, setQuery)];
        replace(this.evaluation, h('h2', null, t('evaluation.title')), this.results[0].element);
        this.evaluation.hidden = false;
        this.evaluation.after(this.results[1].element);
    }

    update(query) {
        this.query = query;
        this.curves.update(query);
        this.health.update(query);
        for (const part of this.results) part.update(query);
    }

    close() {
        this.end();
        this.unbind();
        this.curves.close();
        this.health.close();
        for (const part of this.results) part.close();
    }
}

export function page({ parameters, query }) {
    return new RunPage(Number(parameters.run), query);
}
