// Runs of any jobs over each other: ?runs=1,2 or ?jobs=3,4 (the best run of each).
import { get } from '../lib/api.js';
import { look } from '../lib/curves.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { parseIds } from '../lib/url.js';
import { Curves } from '../parts/curves.js';
import { problemBox } from '../parts/dialogs.js';
import { RunsTable } from '../parts/runs_table.js';

const MAX = 32;

class ComparePage {
    constructor(query) {
        this.query = query;
        this.title = t('compare.title');
        this.hidden = new Set();
        this.jobs = new Set();
        this.problem = h('div', { hidden: true });
        this.curves = new Curves({ query, height: 380 });
        this.table = new RunsTable({
            sortable: false,
            order: () => {},
            labelOf: (run) => this.labelOf(run),
            pick: (id, on) => this.pick(id, on),
        });
        this.element = h(
            'div',
            null,
            h('div', { class: 'head' }, h('h1', null, this.title)),
            this.problem,
            h('section', { class: 'card', id: 'curves' }, this.curves.element),
            h('section', { class: 'card list', id: 'runs' }, h('h2', null, t('runs.title')), this.table.element),
        );
        this.unbind = [this.curves.tools.keys(), this.table.cursor.keys()];
        this.end = follow(() => this.refresh(), {
            concerns: ({ name, data }) => this.jobs.has(name === 'job' ? data.id : data.job),
        });
    }

    labelOf(run) {
        return `${run.spec.name ?? t('jobs.unnamed', { id: run.job })} · ${t('runs.number', { n: run.number })}`;
    }

    /** The ids of the runs: those named, and the best of each job that is named. */
    async runIds() {
        const jobs = await Promise.all(
            parseIds(this.query.jobs)
                .slice(0, MAX)
                .map((id) => get(`v1/jobs/${id}`)),
        );
        return [...new Set([...parseIds(this.query.runs), ...jobs.map((job) => job.best?.run).filter(Boolean)])].slice(
            0,
            MAX,
        );
    }

    async refresh() {
        try {
            const ids = await this.runIds(),
                runs = await Promise.all(ids.map((id) => get(`v1/runs/${id}`)));
            this.jobs = new Set(runs.map(({ job }) => job));
            const drawn = ids.filter((id) => !this.hidden.has(id));
            this.problem.hidden = true;
            this.table.show(runs, { drawn, orderBy: null, descending: false });
            await this.curves.refresh(
                runs
                    .filter(({ id }) => drawn.includes(id))
                    .map((run, i) => ({ id: run.id, label: this.labelOf(run), ...look(i) })),
            );
            return runs.every((run) => run.terminal);
        } catch (problem) {
            this.problem.hidden = false;
            problemBox(problem, this.problem);
            throw problem;
        }
    }

    pick(id, on) {
        this.hidden[on ? 'delete' : 'add'](id);
        this.end.now();
    }

    update(query) {
        const { runs, jobs } = this.query;
        this.query = query;
        this.curves.update(query);
        if (runs !== query.runs || jobs !== query.jobs) this.end.now();
    }

    close() {
        this.end();
        this.unbind.forEach((unbind) => unbind());
        this.curves.close();
    }
}

export function page({ query }) {
    return new ComparePage(query);
}
