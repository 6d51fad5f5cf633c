// The columns of a table, and what each of them is for.
import { h, replace } from '../lib/dom.js';
import { assign, below } from '../lib/form.js';
import { figure, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';

function holds(column) {
    if (column.type === 'numeric')
        return t('new.numbers', { min: figure(column.min), max: figure(column.max), mean: figure(column.mean) });
    const some = (column.categories ?? []).slice(0, 4).map(({ value, count }) => `${value} (${whole(count)})`);
    return some.join(', ') + (column.distinct > 4 ? ', …' : '');
}

export class ColumnsForm {
    constructor(schema, changed) {
        this.roles = schema.properties.columns.additionalProperties.properties.role.enum;
        this.changed = changed;
        this.element = h('div', { class: 'scroll', tabindex: '0' });
    }

    show(dataset, job) {
        this.dataset = dataset;
        this.job = job;
        const heads = ['target', 'column', 'type', 'missing', 'holds', 'role'];
        replace(
            this.element,
            h(
                'table',
                { id: 'columns' },
                h('caption', null, t('new.columns', { rows: whole(dataset.rows), n: dataset.columns.length })),
                h(
                    'thead',
                    null,
                    h(
                        'tr',
                        null,
                        heads.map((name) => h('th', { scope: 'col' }, t(`new.column.${name}`))),
                    ),
                ),
                h(
                    'tbody',
                    null,
                    dataset.columns.map((column) => this.row(column)),
                ),
            ),
        );
    }

    row(column) {
        const target = this.job.target === column.name;
        return h(
            'tr',
            { class: target && 'current' },
            h(
                'td',
                null,
                h('input', {
                    type: 'radio',
                    name: 'target',
                    'aria-label': t('new.target', { column: column.name }),
                    checked: target,
                    onchange: () => this.choose(column.name),
                }),
            ),
            h('th', { scope: 'row' }, column.name),
            h('td', { class: 'soft' }, column.type),
            h('td', { class: 'number' }, whole(column.missing)),
            h('td', { class: 'soft' }, holds(column)),
            h('td', null, target ? t('new.column.target') : this.role(column)),
        );
    }

    choose(name) {
        this.job.target = name;
        assign(this.job, below('/columns', name), undefined);
        this.show(this.dataset, this.job);
        this.element.querySelector('input:checked').focus();
        this.changed();
    }

    role(column) {
        const given = this.job.columns?.[column.name] ?? {},
            pointer = below('/columns', column.name);
        const order = h('input', {
            type: 'text',
            'aria-label': t('new.order', { column: column.name }),
            hidden: given.role !== 'ordinal',
            value: (given.order ?? column.categories?.map(({ value }) => value) ?? []).join(', '),
            oninput: () => set('ordinal'),
        });
        const set = (role) => {
            order.hidden = role !== 'ordinal';
            const list = order.value.split(',').map((text) => text.trim());
            const one = { ...given, role, order: role === 'ordinal' ? list : undefined };
            assign(this.job, pointer, role === 'auto' ? undefined : one);
            this.changed();
        };
        return [
            h(
                'select',
                { 'aria-label': t('new.role', { column: column.name }), onchange: ({ target }) => set(target.value) },
                this.roles.map((role) =>
                    h('option', { value: role, selected: role === (given.role ?? 'auto') }, t(`role.${role}`)),
                ),
            ),
            order,
        ];
    }
}
