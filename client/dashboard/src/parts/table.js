// Tables: one, one of columns of figures, and one behind a picture that is made when it is opened.
import { h, replace } from '../lib/dom.js';
import { figure } from '../lib/format.js';
import { t } from '../lib/i18n.js';

const ROWS = 1000;

/** head: the cells of its one row; body: a tbody, or the rows of one. */
export function table(head, body) {
    return h(
        'table',
        null,
        h('thead', null, h('tr', null, head)),
        body instanceof Element ? body : h('tbody', null, body),
    );
}

const inDigits = (value) => (value === undefined ? '' : figure(value, 6));

/** Columns are [{name, values, show}], of one length. Of many rows some, the first and the last among them. */
export function tableOfColumns(columns) {
    const count = columns[0].values.length,
        step = Math.max(1, Math.ceil(count / ROWS)),
        kept = columns[0].values.map((_, i) => i).filter((i) => i % step === 0 || i === count - 1);
    return table(
        columns.map(({ name }) => h('th', { scope: 'col', class: 'number' }, name)),
        kept.map((i) =>
            h(
                'tr',
                null,
                columns.map(({ values, show = inDigits }) => h('td', { class: 'number' }, show(values[i]))),
            ),
        ),
    );
}

/** What says a picture in figures. make() returns the table, or null as long as there is nothing to show. */
export class TableBehind {
    constructor(make) {
        this.make = make;
        this.rows = h('div', { class: 'scroll rows', tabindex: '0' });
        this.element = h(
            'details',
            { class: 'data', ontoggle: () => this.fill() },
            h('summary', null, t('chart.table')),
            this.rows,
        );
    }

    /** Once the picture has changed. */
    fill() {
        const made = this.element.open && this.make();
        if (made) replace(this.rows, made);
    }
}
