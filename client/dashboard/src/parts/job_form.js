// The form of a job, made from /v1/schema: a field for each value, a list of several in a number's field is a grid.
import { h, replace } from '../lib/dom.js';
import {
    below,
    changeRule,
    dropGrid,
    errorField,
    fieldOf,
    fieldText,
    parseNumbers,
    assign,
    setField,
    valueOf,
} from '../lib/form.js';
import { currentLanguage, t } from '../lib/i18n.js';

const ELSEWHERE = new Set(['name', 'dataset', 'target', 'features', 'columns', 'grid', 'search']);
const OPEN = new Set(['network', 'optimizer']);
const ALWAYS = /^\/(validation|early_stopping|stop|halving|initial)\//; // ways to say it that shut each other out

export class JobForm {
    /** changed(): after a value changed */
    constructor(schema, changed) {
        this.schema = schema;
        this.changed = changed;
        this.element = h('div', { class: 'job-form' });
    }

    /** Makes the fields anew, for another job or another number of layers. */
    show(job) {
        this.job = job;
        this.fields = new Map();
        const entries = Object.entries(this.schema.properties)
            .filter(([name]) => !ELSEWHERE.has(name))
            .map(([name, schema]) => ({ name, schema, field: fieldOf(schema), pointer: below('', name) }));
        const simple = entries.filter(({ field }) => field.kind !== 'object');
        const network = entries.filter(({ name }) => OPEN.has(name)),
            others = entries.filter(({ name, field }) => field.kind === 'object' && !OPEN.has(name));
        replace(
            this.element,
            network.map(({ name, schema, pointer }) =>
                h('fieldset', null, h('legend', null, name), this.group(schema, pointer)),
            ),
            h(
                'fieldset',
                null,
                h('legend', null, t('new.training')),
                h(
                    'div',
                    { class: 'fields' },
                    simple.map((one) => this.field(one)),
                ),
            ),
            others.map((one) => this.folded(one)),
        );
    }

    group(schema, pointer) {
        return h(
            'div',
            { class: 'fields' },
            Object.entries(schema.properties ?? {}).map(([name, inner]) =>
                this.field({ name, schema: inner, field: fieldOf(inner), pointer: below(pointer, name) }),
            ),
        );
    }

    folded({ name, schema, field, pointer }) {
        const value = valueOf(this.job, pointer),
            on = value !== undefined && value !== null;
        const toggle =
            field.nullable &&
            h(
                'label',
                { class: 'field' },
                h('input', {
                    type: 'checkbox',
                    checked: on,
                    id: `on${pointer}`,
                    onchange: ({ target }) => {
                        assign(this.job, pointer, target.checked ? {} : undefined);
                        this.again(`on${pointer}`);
                    },
                }),
                t('new.use', { name }),
            );
        return h(
            'details',
            { open: on || this.opened?.has(pointer), 'data-group': pointer },
            h('summary', null, name),
            h('p', { class: 'soft hint', lang: 'en' }, schema.description),
            toggle,
            (!field.nullable || on) && this.group(schema, pointer),
        );
    }

    /** After the fields themselves changed: the focus stays where it was. */
    again(focus) {
        this.opened = new Set([...this.element.querySelectorAll('details[open]')].map(({ dataset }) => dataset.group));
        this.show(this.job);
        document.getElementById(focus)?.focus();
        this.changed();
    }

    field({ name, schema, field, pointer }) {
        if (field.kind === 'array') return this.layers(schema, pointer);
        const id = `field${pointer}`,
            error = h('span', { class: 'error', id: `${id}-error` });
        const input = this.input(field, pointer, { id, 'aria-describedby': `${id}-error ${id}-hint` });
        const element = h(
            'div',
            { class: 'job-field', 'data-pointer': pointer },
            h('label', { for: id }, name),
            input,
            error,
            h('span', { class: 'soft hint', id: `${id}-hint`, lang: 'en' }, schema.description),
        );
        this.fields.set(pointer, { element, input, error, field });
        return element;
    }

    input(field, pointer, properties) {
        if (field.kind === 'choice' || field.kind === 'boolean') return this.select(field, pointer, properties);
        const number = field.kind === 'number' || field.kind === 'integer';
        return h('input', {
            ...properties,
            type: 'text',
            autocomplete: 'off',
            value: fieldText(this.job, pointer),
            inputmode: number && 'decimal',
            oninput: ({ target }) => {
                const text = target.value.trim();
                const value = number ? parseNumbers(text, { comma: currentLanguage() === 'es' }) : text || undefined;
                setField(this.job, pointer, value);
                this.changed();
            },
        });
    }

    select(field, pointer, properties) {
        const given = fieldText(this.job, pointer),
            choices = field.enum ?? ['true', 'false'];
        const several = given.includes(' ') && h('option', { value: given, selected: true }, given);
        return h(
            'select',
            {
                ...properties,
                onchange: ({ target }) => {
                    const text = target.value || undefined,
                        value = field.enum ? text : text && text === 'true';
                    if (pointer.endsWith('/name')) changeRule(this.job, pointer, value);
                    else setField(this.job, pointer, value);
                    if (pointer.endsWith('/name')) this.again(properties.id);
                    else this.changed();
                },
            },
            h('option', { value: '' }, t('new.default', { value: '' })),
            several,
            choices.map((choice) => h('option', { value: choice, selected: choice === given }, choice)),
        );
    }

    layers(schema, pointer) {
        const given = valueOf(this.job, pointer) ?? structuredClone(schema.default),
            change = (layers, from = given.length) => {
                for (let i = from; i < given.length; i++) dropGrid(this.job, below(pointer, i));
                assign(this.job, pointer, layers);
                this.again('add-layer');
            };
        assign(this.job, pointer, given);
        return h(
            'div',
            { class: 'layers' },
            given.map((_, i) =>
                h(
                    'fieldset',
                    { class: 'layer' },
                    h('legend', null, t('health.layer', { layer: i + 1 })),
                    this.group(schema.items, below(pointer, i)),
                    h(
                        'button',
                        {
                            type: 'button',
                            class: 'quiet',
                            'aria-label': t('new.layer.remove', { layer: i + 1 }),
                            onclick: () => change(given.toSpliced(i, 1), i),
                        },
                        '×',
                    ),
                ),
            ),
            h(
                'button',
                {
                    type: 'button',
                    id: 'add-layer',
                    onclick: () => change([...given, { units: given.at(-1)?.units ?? 16 }]),
                },
                t('new.layer.add'),
            ),
        );
    }

    /**
     * filled: the job with its defaults, null while it is not valid; errors: [{pointer, detail}]. Those that belong to
     * no field are returned.
     */
    judge(filled, errors) {
        const told = new Map(),
            rest = [];
        for (const error of errors) {
            const pointer = errorField(error.pointer, this.fields);
            if (pointer) told.set(pointer, [...(told.get(pointer) ?? []), error.detail]);
            else rest.push(error);
        }
        for (const [pointer, { element, input, error }] of this.fields) {
            const wrong = told.get(pointer);
            error.textContent = (wrong ?? []).join('; ');
            input.setAttribute('aria-invalid', String(Boolean(wrong)));
            if (filled) this.fill(pointer, filled);
            if (wrong) {
                element.hidden = false;
                const group = element.closest('details');
                if (group) group.open = true;
            }
        }
        return rest;
    }

    /** The default in an empty field; what does not apply is not there. */
    fill(pointer, filled) {
        const { element, input } = this.fields.get(pointer),
            value = valueOf(filled, pointer),
            parent = valueOf(filled, pointer.slice(0, pointer.lastIndexOf('/')));
        const given = fieldText(this.job, pointer) !== '';
        element.hidden =
            !given && value === undefined && parent !== undefined && parent !== null && !ALWAYS.test(pointer);
        const text = value === undefined || value === null || given ? '' : String(value);
        if (input.tagName === 'SELECT') input.options[0].textContent = t('new.default', { value: text });
        else input.placeholder = text;
    }
}
