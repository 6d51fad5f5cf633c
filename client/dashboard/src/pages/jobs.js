// The list of jobs: a table that the server filters, orders and pages, newest first unless told otherwise.
import { askEarly, get } from '../lib/api.js';
import { curlJob, curlUpload, withToken } from '../lib/curl.js';
import { h, keyed, replace, text } from '../lib/dom.js';
import { ago, duration, figure, moment, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { go, setQuery } from '../lib/router.js';
import { trainOnSample } from '../lib/sample.js';
import { codeBlock } from '../parts/copy.js';
import { problemBox } from '../parts/dialogs.js';
import { icon } from '../parts/icons.js';
import { RowCursor } from '../parts/rows.js';
import { progressBar, statuses, statusMark, updateProgress, updateStatus } from '../parts/status.js';
import { networkOf, targetOf } from '../parts/spec.js';

const LIMIT = 50;

function listPath({ status, name, cursor, order, desc }) {
    const parameters = new URLSearchParams({ limit: LIMIT });
    for (const [key, value] of Object.entries({ status, name, cursor, order_by: order, desc }))
        if (value) parameters.set(key, value);
    return `v1/jobs?${parameters}`;
}

export function early({ query }) {
    askEarly(listPath(query));
}

// ---- rows
// -------------------------------------------------------------------------------------------------------------

function makeRow(job, selected, changed) {
    const check = h('input', {
        type: 'checkbox',
        'aria-label': t('jobs.select', { id: job.id }),
        checked: selected.has(job.id),
        onchange: () => {
            selected[check.checked ? 'add' : 'delete'](job.id);
            changed();
        },
    });
    return h(
        'tr',
        null,
        h('td', null, check),
        h('td', null, statusMark(job.status)),
        h('td', { class: 'name' }, h('a', { href: `#/jobs/${job.id}` })),
        h('td', { class: 'soft' }),
        h('td', { class: 'soft' }, networkOf(job.spec)),
        h('td', { class: 'number' }),
        h('td', { class: 'number' }),
        h('td', null, progressBar(), h('span', { class: 'soft brief' })),
        h('td', { class: 'soft brief', onmouseenter: ({ target }) => (target.title = moment(job.created_at)) }),
    );
}

function updateRow(row, job) {
    const [, status, name, data, , best, runs, progress, age] = row.children;
    updateStatus(status.firstChild, job.status);
    text(name.firstChild, job.name ?? t('jobs.unnamed', { id: job.id }));
    text(data, t('jobs.target', { target: targetOf(job.spec), dataset: job.dataset }));
    text(best, figure(job.best?.loss));
    text(runs, whole(job.runs.total));
    progress.firstChild.hidden = job.terminal;
    updateProgress(progress.firstChild, job.progress);
    text(progress.lastChild, job.terminal ? t('jobs.took', { time: tookOf(job) }) : '');
    text(age, ago(Date.parse(job.created_at), Date.now()));
}

/** Between the start of its first run and the end of its last one. */
function tookOf({ started_at: started, finished_at: finished }) {
    return started && finished ? duration((Date.parse(finished) - Date.parse(started)) / 1000) : '–';
}

/** [name, kind, what the server orders by]; newest first is how it lists by itself. */
const columns = [
    ['select'],
    ['status', null, 'status'],
    ['name', null, 'name'],
    ['data'],
    ['network'],
    ['best', 'number', 'best.loss'],
    ['runs', 'number'],
    ['progress'],
    ['age', null, 'created_at'],
];

function orderOf({ order, desc }) {
    return order ? { by: order, descending: desc === 'true' } : { by: 'created_at', descending: true };
}

/** By what is ordered already: the other way round. */
function reorder(query, key) {
    const { by, descending } = orderOf(query),
        down = by === key && !descending,
        usual = key === 'created_at' && down;
    setQuery({ order: usual ? undefined : key, desc: (down && !usual) || undefined, cursor: undefined });
}

function heading([name, kind, key], query) {
    const { by, descending } = orderOf(query),
        sorted = key === by;
    const label = t(`jobs.column.${name}`);
    return h(
        'th',
        { scope: 'col', class: kind, 'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null },
        key
            ? h(
                  'button',
                  { 'data-order': key, onclick: () => reorder(query, key) },
                  label,
                  sorted && (descending ? ' ↓' : ' ↑'),
              )
            : name === 'select'
              ? h('span', { class: 'away' }, label)
              : label,
    );
}

// ---- nothing there
// ----------------------------------------------------------------------------------------------------

function emptyState(failed) {
    const example = { dataset: 'mytable', target: 'species', epochs: 100 };
    const button = h(
        'button',
        {
            class: 'primary',
            id: 'sample',
            onclick: async () => {
                button.disabled = true;
                button.textContent = t('jobs.empty.busy');
                try {
                    go(`/jobs/${(await trainOnSample()).id}`);
                } catch (problem) {
                    failed(problem);
                    button.disabled = false;
                    button.textContent = t('jobs.empty.sample');
                }
            },
        },
        t('jobs.empty.sample'),
    );
    return h(
        'div',
        { class: 'card empty' },
        h('h2', null, t('jobs.empty.title')),
        h('p', null, t('jobs.empty.text')),
        button,
        h('p', null, t('jobs.empty.curl')),
        codeBlock(withToken(curlUpload('mytable.csv', 'mytable')) + '\n' + withToken(curlJob(example))),
    );
}

// ---- the view
// ---------------------------------------------------------------------------------------------------------

function filterBar(query) {
    let timer = 0;
    const search = h('input', {
        type: 'search',
        id: 'search',
        value: query.name ?? '',
        placeholder: t('jobs.search.hint'),
        'aria-label': t('jobs.search'),
        maxlength: 200,
        oninput: () => {
            clearTimeout(timer);
            timer = setTimeout(() => setQuery({ name: search.value, cursor: undefined }), 150);
        },
    });
    const status = h(
        'select',
        { id: 'status', onchange: () => setQuery({ status: status.value, cursor: undefined }) },
        h('option', { value: '' }, t('jobs.any')),
        statuses.map((name) => h('option', { value: name, selected: name === query.status }, t(`status.${name}`))),
    );
    return {
        search,
        status,
        element: h(
            'div',
            { class: 'filters' },
            h('span', { class: 'search' }, icon('search'), search),
            h('label', { class: 'field' }, t('jobs.status'), status),
        ),
    };
}

class JobsPage {
    constructor(query) {
        this.title = t('jobs.title');
        this.query = query;
        this.selected = new Set();
        this.list = null;
        this.head = h('thead');
        this.body = h('tbody');
        this.cursor = new RowCursor(this.body);
        this.problem = h('div', { hidden: true });
        this.filters = filterBar(query);
        this.compare = h('button', { hidden: true, onclick: () => this.openComparison() });
        this.card = h('div');
        this.table = h(
            'div',
            { class: 'card list' },
            h(
                'div',
                { class: 'scroll', tabindex: '0' },
                h('table', null, h('caption', { class: 'away' }, this.title), this.head, this.body),
            ),
        );
        this.foot = h('div', { class: 'more' });
        this.element = h(
            'div',
            null,
            h('div', { class: 'head' }, h('h1', null, this.title), h('div', { class: 'buttons' }, this.compare)),
            this.problem,
            this.filters.element,
            this.card,
        );
        this.showHead();
        this.unbind = this.cursor.keys([
            ['/', t('keys.search'), () => this.filters.search.focus()],
            ['c', t('keys.compare'), () => this.openComparison()],
        ]);
        this.end = follow(() => this.refresh());
    }

    showHead() {
        const focus = this.head.contains(document.activeElement) ? document.activeElement.dataset.order : null;
        replace(
            this.head,
            h(
                'tr',
                null,
                columns.map((column) => heading(column, this.query)),
            ),
        );
        if (focus) this.head.querySelector(`[data-order="${focus}"]`).focus();
    }

    openComparison() {
        if (this.selected.size) go('/compare', { jobs: [...this.selected].join(',') });
    }

    async refresh() {
        try {
            const list = await get(listPath(this.query));
            this.problem.hidden = true;
            this.show(list);
            return list.data.every((job) => job.terminal);
        } catch (problem) {
            this.fail(problem);
            throw problem;
        }
    }

    fail(problem) {
        this.problem.hidden = false;
        problemBox(problem, this.problem);
    }

    show(list) {
        const filtered = this.query.status || this.query.name || this.query.cursor;
        this.filters.element.hidden = !filtered && list.data.length === 0;
        if (list.data.length === 0 && !filtered) {
            if (this.list?.data.length !== 0)
                replace(
                    this.card,
                    emptyState((problem) => this.fail(problem)),
                );
        } else {
            keyed(
                this.body,
                list.data,
                (job) => job.id,
                (job) => makeRow(job, this.selected, () => this.showSelection()),
                updateRow,
            );
            this.cursor.mark();
            if (this.table.parentNode !== this.card) replace(this.card, this.table, this.foot);
            this.showFoot(list);
        }
        this.list = list;
    }

    showFoot(list) {
        const { order } = this.query;
        replace(
            this.foot,
            list.data.length === 0 && [t('jobs.none'), h('button', { onclick: () => go('/jobs') }, t('jobs.clear'))],
            this.query.cursor &&
                h(
                    'button',
                    { onclick: () => go('/jobs', { ...this.query, cursor: undefined }) },
                    t(order ? 'runs.start' : 'jobs.newest'),
                ),
            list.next &&
                h(
                    'button',
                    { id: 'older', onclick: () => go('/jobs', { ...this.query, cursor: list.next }) },
                    t(order ? 'jobs.more' : 'jobs.older'),
                ),
        );
    }

    showSelection() {
        this.compare.hidden = this.selected.size === 0;
        text(this.compare, t('jobs.compare', { n: this.selected.size }));
    }

    update(query) {
        this.query = query;
        this.showHead();
        this.filters.status.value = query.status ?? '';
        if (document.activeElement !== this.filters.search) this.filters.search.value = query.name ?? '';
        this.end.now();
    }

    close() {
        this.end();
        this.unbind();
    }
}

export function page({ query }) {
    return new JobsPage(query);
}
