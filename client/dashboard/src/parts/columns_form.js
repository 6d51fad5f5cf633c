// The columns of a table, and what each of them is for: to be predicted, to learn from, and how it is read.
import { axisText, parseTyped, parseValues } from '../lib/axes.js';
import { h, keepingFocus, replace } from '../lib/dom.js';
import { assign, below, fieldOf, fieldText, setField, valueOf } from '../lib/form.js';
import { figure, whole } from '../lib/format.js';
import { helpOf } from '../lib/help.js';
import { currentLanguage, t } from '../lib/i18n.js';

function holds(column) {
    if (column.type === 'numeric')
        return t('new.numbers', { min: figure(column.min), max: figure(column.max), mean: figure(column.mean) });
    const some = (column.categories ?? []).slice(0, 4).map(({ value, count }) => `${value} (${whole(count)})`);
    return some.join(', ') + (column.distinct > 4 ? ', …' : '');
}

/** "S, M, L", or a list in JSON where commas would not tell the values apart. */
function orderText(values) {
    const plain = values.every((value) => typeof value !== 'string' || /^[^\s,[\]"][^,]*$/.test(value.trim()));
    return plain ? values.join(', ') : axisText({ kind: 'choice', values });
}

const parseOrder = (text) =>
    text.trim().startsWith('[') ? parseValues(text) : text.split(',').map((value) => value.trim());

export class ColumnsForm {
    /** changed(): after any of it changed; retargeted(): and after the target did */
    constructor(schema, { changed, retargeted }) {
        const { role, order, ...others } = schema.properties.columns.additionalProperties.properties;
        this.roles = role.enum;
        this.options = Object.entries(others); // of each column
        this.takesSeveral = JSON.stringify(schema.properties.target).includes('"array"');
        this.changed = changed;
        this.retargeted = retargeted;
        this.element = h('div', { class: 'scroll', tabindex: '0' });
    }

    show(dataset, job) {
        this.dataset = dataset;
        this.job = job;
        const heads = ['target', 'feature', 'column', 'missing', 'holds', 'role'];
        replace(
            this.element,
            this.takesSeveral && this.severalTargets(),
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

    /** Makes the rows anew; the focus stays on the same thing. */
    again(focus) {
        keepingFocus(() => this.show(this.dataset, this.job), focus);
    }

    // ---- targets
    // ---------------------------------------------------------------------------------------------------------------

    isTarget(name) {
        return [this.job.target].flat().includes(name);
    }

    severalTargets() {
        const several = Array.isArray(this.job.target);
        const change = ({ target: { checked } }) => {
            const [first] = [this.job.target].flat();
            this.retarget(checked ? [first] : first, 'several-targets');
        };
        return h(
            'label',
            { class: 'field' },
            h('input', { type: 'checkbox', id: 'several-targets', checked: several, onchange: change }),
            t('new.targets'),
        );
    }

    target(column, i) {
        const several = Array.isArray(this.job.target);
        return h('input', {
            type: several ? 'checkbox' : 'radio',
            name: 'target',
            id: `target-${i}`,
            'aria-label': t('new.target', { column: column.name }),
            checked: this.isTarget(column.name),
            onchange: ({ target: { checked } }) => {
                const others = [this.job.target].flat().filter((name) => name !== column.name);
                this.retarget(several ? (checked ? [...others, column.name] : others) : column.name, `target-${i}`);
            },
        });
    }

    /** What is predicted is nothing to learn from, and is not encoded as a column. */
    retarget(target, focus) {
        const targets = [target].flat();
        this.job.target = target;
        for (const name of targets) assign(this.job, below('/columns', name), undefined);
        if (this.job.features) this.keepFeatures(this.job.features.filter((name) => !targets.includes(name)));
        this.again(focus);
        this.retargeted();
    }

    // ---- features
    // --------------------------------------------------------------------------------------------------------------

    /** The columns that are learnt from while the job names none. */
    ownFeatures() {
        const others = [this.job.sample_weight, this.job.validation?.column];
        return this.dataset.columns
            .map(({ name }) => name)
            .filter((name) => !this.isTarget(name) && !others.includes(name) && this.roleOf(name) !== 'ignore');
    }

    keepFeatures(names) {
        const own = this.ownFeatures();
        const all = names.length === own.length && own.every((name) => names.includes(name));
        this.job.features = all ? undefined : names;
    }

    feature({ name }, i) {
        const features = this.job.features ?? this.ownFeatures();
        return h('input', {
            type: 'checkbox',
            id: `feature-${i}`,
            'aria-label': t('new.feature', { column: name }),
            checked: features.includes(name),
            disabled: this.isTarget(name) || this.roleOf(name) === 'ignore',
            onchange: ({ target: { checked } }) => {
                if (!checked) assign(this.job, below('/columns', name), undefined); // is said of features only
                this.keepFeatures(checked ? [...features, name] : features.filter((other) => other !== name));
                this.again(`feature-${i}`);
                this.changed();
            },
        });
    }

    // ---- how a column is read
    // --------------------------------------------------------------------------------------------------

    roleOf(name) {
        return valueOf(this.job, below(below('/columns', name), 'role')) ?? 'auto';
    }

    row(column, i = this.dataset.columns.indexOf(column)) {
        const target = this.isTarget(column.name),
            isFeature = !this.job.features || this.job.features.includes(column.name);
        return h(
            'tr',
            { class: target && 'current' },
            h('td', null, this.target(column, i)),
            h('td', null, this.feature(column, i)),
            h('th', { scope: 'row' }, column.name, h('span', { class: 'soft' }, t(`new.type.${column.type}`))),
            h('td', { class: 'number' }, whole(column.missing)),
            h('td', { class: 'soft holds' }, holds(column)),
            h('td', null, target ? t('new.column.target') : isFeature && this.reading(column, i)),
        );
    }

    reading(column, i) {
        const pointer = below('/columns', column.name),
            given = this.roleOf(column.name);
        const order = h('input', {
            type: 'text',
            'aria-label': t('new.order', { column: column.name }),
            hidden: given !== 'ordinal',
            value: orderText(
                valueOf(this.job, `${pointer}/order`) ?? column.categories?.map(({ value }) => value) ?? [],
            ),
            oninput: () => {
                assign(this.job, `${pointer}/order`, parseOrder(order.value));
                this.changed();
            },
        });
        const set = (role) => {
            assign(this.job, `${pointer}/order`, role === 'ordinal' ? parseOrder(order.value) : undefined);
            assign(this.job, `${pointer}/role`, role === 'auto' ? undefined : role);
            if (role === 'ignore' && this.job.features)
                this.keepFeatures(this.job.features.filter((name) => name !== column.name));
            this.again(`role-${i}`);
            this.changed();
        };
        return [
            h(
                'select',
                {
                    id: `role-${i}`,
                    'aria-label': t('new.role', { column: column.name }),
                    onchange: ({ target }) => set(target.value),
                },
                this.roles.map((role) => h('option', { value: role, selected: role === given }, t(`role.${role}`))),
            ),
            order,
            given !== 'ignore' && this.more(column, pointer),
        ];
    }

    /** What else may be said of a column alone; open where something is. */
    more(column, pointer) {
        const said = this.options.some(([name]) => !['', 'auto'].includes(fieldText(this.job, `${pointer}/${name}`)));
        const inside = h('div'),
            options = () => this.options.map(([name, schema]) => this.option(name, schema, `${pointer}/${name}`));
        const fill = () => inside.firstChild ?? inside.append(...options()); // once they are seen: columns may be many
        return h(
            'details',
            { open: said, ontoggle: fill },
            h('summary', null, t('new.column.more'), h('span', { class: 'away' }, ` ${column.name}`)),
            inside,
        );
    }

    option(name, schema, pointer) {
        const field = fieldOf(schema),
            { text, lang } = helpOf(pointer, schema.description);
        const set = (value) => {
            setField(this.job, pointer, value);
            this.changed();
        };
        const common = { id: `field${pointer}`, 'aria-describedby': `field${pointer}-hint` };
        const input = field.enum
            ? h(
                  'select',
                  { ...common, onchange: ({ target: { value } }) => set(value === field.default ? undefined : value) },
                  field.enum.map((value) =>
                      h('option', { value, selected: value === (valueOf(this.job, pointer) ?? field.default) }, value),
                  ),
              )
            : h('input', {
                  ...common,
                  type: 'text',
                  inputmode: 'decimal',
                  value: fieldText(this.job, pointer),
                  oninput: ({ target }) => set(parseTyped(target.value, { comma: currentLanguage() === 'es' })),
              });
        return h(
            'div',
            { class: 'job-field' },
            h('label', { for: common.id }, name),
            input,
            h('span', { class: 'soft hint', id: `${common.id}-hint`, lang }, text),
        );
    }
}
