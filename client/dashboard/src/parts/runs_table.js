// Runs as a table: what differs between them, how well they do, and which of them are drawn.
import { look } from '../lib/curves.js';
import { differing, shortNames, valueAt } from '../lib/differences.js';
import { h, keyed, replace, text } from '../lib/dom.js';
import { duration, figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { problemWords } from '../lib/problems.js';
import { RowCursor } from './rows.js';
import { statusMark, updateStatus } from './status.js';
import { swatch } from './chart.js';

/** name, the server's order_by (null: it cannot order by it), value of a run */
const columns = [
    ['train_loss', 'metrics.train_loss', (run) => figure(run.metrics.train_loss)],
    ['valid_loss', 'metrics.valid_loss', (run) => figure(run.metrics.valid_loss)],
    ['valid_accuracy', 'metrics.valid_accuracy', (run) => percent(run.metrics.valid_accuracy)],
    ['valid_rmse', 'metrics.valid_rmse', (run) => figure(run.metrics.valid_rmse)],
    ['best_epoch', 'metrics.best_epoch', (run) => whole(run.metrics.best_epoch)],
    ['epoch', 'epoch', (run) => `${whole(run.epoch)} / ${whole(run.epochs)}`],
    ['time', 'timings.training_seconds', (run) => duration(run.timings.training_seconds)],
];

export class RunsTable {
    /** order(order_by), pick(id, on): what the reader did; labelOf(run) names a run; sortable: by the server */
    constructor({ order, pick, labelOf, sortable = true }) {
        Object.assign(this, { order, pick, labelOf, sortable });
        this.head = h('thead');
        this.body = h('tbody');
        this.cursor = new RowCursor(this.body);
        this.element = h(
            'div',
            { class: 'scroll', tabindex: '0' },
            h('table', { class: 'runs' }, h('caption', { class: 'away' }, t('runs.title')), this.head, this.body),
        );
        this.shape = '';
    }

    /** drawn: ids in the order of their looks. */
    show(runs, { drawn, orderBy, descending }) {
        const pointers = differing(runs.map(({ spec }) => spec)).slice(0, 12);
        const shown = columns.filter(
            ([name]) =>
                ['valid_accuracy', 'valid_rmse'].every((one) => one !== name) ||
                runs.some(({ metrics }) => name in metrics),
        );
        const shape = JSON.stringify([pointers, shown.map(([name]) => name), orderBy, descending]);
        if (shape !== this.shape) {
            this.shape = shape;
            this.body.replaceChildren();
            this.showHead(pointers, shown, orderBy, descending);
        }
        keyed(
            this.body,
            runs,
            (run) => run.id,
            (run) => this.makeRow(run, pointers, shown),
            (row, run) => this.updateRow(row, run, shown, drawn),
        );
        this.cursor.mark();
    }

    heading(name, key, { kind, title, orderBy, descending }) {
        const sorted = key !== null && key === orderBy;
        return h(
            'th',
            {
                scope: 'col',
                class: kind,
                title,
                'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null,
            },
            this.sortable && key
                ? h('button', { onclick: () => this.order(key) }, name, sorted && (descending ? ' ↓' : ' ↑'))
                : name,
        );
    }

    showHead(pointers, shown, orderBy, descending) {
        const names = shortNames(pointers),
            state = { orderBy, descending };
        replace(
            this.head,
            h(
                'tr',
                null,
                h('th', { scope: 'col' }, h('span', { class: 'away' }, t('runs.draw'))),
                this.heading(t('runs.run'), 'number', state),
                this.heading(t('jobs.column.status'), 'status', state),
                pointers.map((pointer, i) =>
                    this.heading(names[i], null, { ...state, kind: 'number', title: pointer }),
                ),
                shown.map(([name, key]) => this.heading(t(`runs.${name}`), key, { ...state, kind: 'number' })),
            ),
        );
    }

    makeRow(run, pointers, shown) {
        const check = h('input', {
            type: 'checkbox',
            'aria-label': t('runs.draw.one', { id: run.id }),
            onchange: () => this.pick(run.id, check.checked),
        });
        return h(
            'tr',
            null,
            h('td', { class: 'draw' }, check, h('span')),
            h('td', { class: 'name' }, h('a', { href: `#/runs/${run.id}` }, this.labelOf(run))),
            h('td', null, statusMark(run.status)),
            pointers.map((pointer) => h('td', { class: 'number mono' }, valueAt(run.spec, pointer))),
            shown.map(() => h('td', { class: 'number' })),
        );
    }

    updateRow(row, run, shown, drawn) {
        const [draw, , status] = row.children,
            place = drawn.indexOf(run.id);
        draw.firstChild.checked = place >= 0;
        if (draw.dataset.place !== String(place)) {
            draw.dataset.place = place;
            replace(draw.lastChild, place >= 0 && swatch(look(place)));
        }
        updateStatus(status.firstChild, run.status);
        status.title = run.failure ? problemWords(run.failure.detail) : '';
        shown.forEach(([, , value], i) => text(row.children[row.children.length - shown.length + i], value(run)));
    }
}
