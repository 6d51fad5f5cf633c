// The form of a job, made from /v1/schema: a field for each value; several values in one make a grid or a search.
import { axisAt, axisText, dropAxes } from '../lib/axes.js';
import { h, keepingFocus, replace } from '../lib/dom.js';
import { assign, below, changeRule, errorField, fieldOf, fieldText, setField, valueOf } from '../lib/form.js';
import { helpOf } from '../lib/help.js';
import { t } from '../lib/i18n.js';
import { problemText } from '../lib/problems.js';
import { AxesForm } from './axes_form.js';
import { isTickable, selectField, textField, ticksField } from './job_fields.js';
import { weightsField } from './weights_form.js';

const ELSEWHERE = new Set(['name', 'dataset', 'target', 'features', 'columns', 'grid', 'search']);
const OPEN = new Set(['network', 'optimizer']);
const ALWAYS = /^\/(validation|early_stopping|stop|halving|initial)\//; // ways to say it that shut each other out
const LAYERS = '/network/hidden';

export class JobForm {
    /** changed(): after a value changed */
    constructor(schema, changed) {
        this.schema = schema;
        this.changed = changed;
        this.ticked = new Set(); // fields that the reader ticks, though they have one value
        this.axes = new AxesForm(schema, {
            changed: (pointer) => this.axisChanged(pointer),
            again: (focus) => this.again(focus),
        });
        this.element = h('div', { class: 'job-form' });
    }

    /** Makes the fields anew, for another job, another number of layers, or another table: {columns: [...]}. */
    show(job, dataset = this.dataset) {
        this.job = job;
        this.dataset = dataset;
        this.fields = new Map();
        const entries = Object.entries(this.schema.properties)
            .filter(([name]) => !ELSEWHERE.has(name))
            .map(([name, schema]) => ({ name, schema, field: fieldOf(schema), pointer: below('', name) }));
        const simple = entries.filter(({ field }) => field.kind !== 'object');
        const network = entries.filter(({ name }) => OPEN.has(name)),
            others = entries.filter(({ name, field }) => field.kind === 'object' && !OPEN.has(name));
        const fieldset = (name, ...inside) => h('fieldset', null, h('legend', null, name), ...inside);
        this.axes.show(job);
        replace(
            this.element,
            network.map(({ name, schema, pointer }) => fieldset(name, this.group(schema, pointer))),
            fieldset(
                t('new.training'),
                h(
                    'div',
                    { class: 'fields' },
                    simple.map((one) => this.field(one)),
                ),
            ),
            fieldset(
                t('new.axes'),
                h('p', { class: 'soft' }, t('new.several')),
                this.axes.element,
                this.job.search && this.group(this.searchSchema(), '/search'),
            ),
            others.map((one) => this.folded(one)),
        );
        if (this.filled) for (const pointer of this.fields.keys()) this.showDefault(pointer, this.filled);
    }

    searchSchema() {
        const { parameters, ...properties } = this.schema.properties.search.properties;
        return { properties };
    }

    group(schema, pointer) {
        return h(
            'div',
            { class: 'fields' },
            Object.entries(schema.properties ?? {}).map(([name, inner]) =>
                this.field({
                    name,
                    schema: inner,
                    field: { ...fieldOf(inner), required: schema.required?.includes(name) },
                    pointer: below(pointer, name),
                }),
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
                        if (!target.checked) dropAxes(this.job, pointer);
                        assign(this.job, pointer, target.checked ? {} : undefined);
                        this.again(`on${pointer}`);
                    },
                }),
                t('new.use', { name }),
            );
        const help = helpOf(pointer, schema.description);
        return h(
            'details',
            { open: on || this.opened?.has(pointer), 'data-group': pointer },
            h('summary', null, name),
            h('p', { class: 'soft hint', lang: help.lang }, help.text),
            toggle,
            (!field.nullable || on) && this.group(schema, pointer),
        );
    }

    /** After the fields themselves changed: the focus stays where it was. */
    again(focus) {
        this.opened = new Set([...this.element.querySelectorAll('details[open]')].map(({ dataset }) => dataset.group));
        keepingFocus(() => this.show(this.job), focus);
        this.changed();
    }

    field({ name, schema, field, pointer }) {
        if (field.kind === 'array') return this.layers(schema, pointer);
        const id = `field${pointer}`,
            help = helpOf(pointer, schema.description),
            error = h('span', { class: 'error', id: `${id}-error` });
        const properties = { id, label: `${id}-label`, 'aria-describedby': `${id}-error ${id}-hint` };
        const { input, element: inside } = this.input({ name, schema, field, pointer, properties });
        const element = h(
            'div',
            { class: 'job-field', 'data-pointer': pointer },
            h('label', { for: id, id: `${id}-label` }, name),
            inside,
            error,
            h('span', { class: 'soft hint', id: `${id}-hint`, lang: help.lang }, help.text),
        );
        this.fields.set(pointer, { element, input, error, name, schema, field });
        return element;
    }

    /** {input, element}: what is told of errors, and what is shown. */
    input({ field, pointer, properties: { label, ...properties } }) {
        const set = (value) => this.set(pointer, value),
            common = { job: this.job, field, pointer, properties, set };
        if (pointer === '/class_weights') return this.weights(pointer, properties);
        if (field.kind !== 'choice' && field.kind !== 'boolean') {
            const input = textField(common);
            return { input, element: input };
        }
        const other = (ticks) => () => {
            this.ticked[ticks ? 'add' : 'delete'](pointer);
            if (!ticks && axisAt(this.job, pointer)) this.set(pointer, axisAt(this.job, pointer).values[0]);
            this.redraw(pointer);
            document.getElementById(properties.id).focus();
            this.changed();
        };
        if (this.ticked.has(pointer) || isTickable(this.job, field, pointer)) {
            const element = ticksField({ ...common, properties: { ...properties, label }, single: other(false) });
            return { input: element.querySelector('input'), element };
        }
        const input = selectField({ ...common, several: other(true) });
        return { input, element: input };
    }

    weights(pointer, properties) {
        const axis = axisAt(this.job, pointer);
        if (axis) {
            const input = h('input', { ...properties, type: 'text', disabled: true, value: axisText(axis) });
            return { input, element: input };
        }
        const target = this.dataset?.columns.find(({ name }) => name === this.job.target);
        const { select, rows } = weightsField({
            weights: valueOf(this.job, pointer),
            classes: (target?.categories ?? []).map(({ value }) => value),
            properties,
            set: (value) => this.set(pointer, value),
        });
        return { input: select, element: [select, rows] };
    }

    /** A value, the axis of several, or undefined; where the fields themselves change then, they are made anew. */
    set(pointer, value) {
        const isRule = pointer.endsWith('/name') && !value?.values,
            searched = Boolean(this.job.search);
        const [, group] = pointer.split('/');
        const isFirst = pointer.startsWith(`${LAYERS}/`) && this.keepLayers();
        if (isRule) changeRule(this.job, pointer, value);
        else setField(this.job, pointer, value);
        this.keepRequired(pointer);
        const wasOn = document.getElementById(`on/${group}`)?.checked;
        if (wasOn && this.job[group] === undefined) this.job[group] = {}; // all of its fields at their defaults
        if (isRule || isFirst || searched !== Boolean(this.job.search)) return this.again();
        this.axes.show(this.job);
        this.changed();
    }

    /** A job of several values has one of them all the same where there must be one, as the units of a layer. */
    keepRequired(pointer) {
        const axis = axisAt(this.job, pointer);
        if (axis && this.fields.get(pointer)?.field.required) assign(this.job, pointer, axis.values[0]);
    }

    /** After the axis of a field was changed elsewhere. */
    axisChanged(pointer) {
        if (axisAt(this.job, pointer)) assign(this.job, pointer, undefined);
        this.keepRequired(pointer);
        this.redraw(pointer);
        this.changed();
    }

    redraw(pointer) {
        const before = this.fields.get(pointer);
        if (before) before.element.replaceWith(this.field({ ...before, pointer }));
    }

    /** The layers that are shown: those of the job, else those of the run that it starts from, else the default. */
    shownLayers() {
        const { hidden } = this.schema.properties.network.properties;
        return valueOf(this.job, LAYERS) ?? (this.job.initial && this.runLayers) ?? hidden.default;
    }

    /** What a layer has by default is said by the job before another thing of it is; true: only now it is. */
    keepLayers() {
        if (valueOf(this.job, LAYERS) !== undefined) return false;
        assign(this.job, LAYERS, structuredClone(this.shownLayers()));
        return true;
    }

    layers(schema, pointer) {
        const given = this.shownLayers(),
            change = (layers, from = given.length) => {
                for (let i = from; i < given.length; i++) dropAxes(this.job, below(pointer, i));
                assign(this.job, pointer, structuredClone(layers));
                this.again('add-layer');
            };
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
     * filled: the job with its defaults, null while it is not valid; errors: [{pointer, code, detail}]. Those that
     * belong to no field are returned.
     */
    judge(filled, errors) {
        const told = new Map(),
            rest = [];
        if (filled) this.followDefaults(filled);
        for (const error of errors) {
            const pointer = errorField(error.pointer, this.fields);
            if (pointer) told.set(pointer, [...(told.get(pointer) ?? []), error]);
            else rest.push(error);
        }
        for (const [pointer, { element, input, error }] of this.fields) {
            const wrong = told.get(pointer);
            replace(
                error,
                (wrong ?? []).flatMap((one, i) => [i > 0 && '; ', problemText(one)]),
            );
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

    /** Layers that the job leaves to its defaults are those of the run that it starts from. */
    followDefaults(filled) {
        const layers = valueOf(this.job, LAYERS) === undefined ? valueOf(filled, LAYERS) : undefined,
            shown = this.shownLayers().length;
        this.runLayers = layers;
        this.filled = this.axes.filled = filled;
        if (this.shownLayers().length !== shown) keepingFocus(() => this.show(this.job));
    }

    /** The default in an empty field; what does not apply is not there. */
    fill(pointer, filled) {
        const value = valueOf(filled, pointer),
            parent = valueOf(filled, pointer.slice(0, pointer.lastIndexOf('/')));
        const given = fieldText(this.job, pointer) !== '';
        this.fields.get(pointer).element.hidden =
            !given && value === undefined && parent !== undefined && parent !== null && !ALWAYS.test(pointer);
        this.showDefault(pointer, filled);
    }

    showDefault(pointer, filled) {
        const { input, field } = this.fields.get(pointer),
            value = valueOf(filled, pointer),
            given = fieldText(this.job, pointer) !== '';
        if (field.kind === 'other') return;
        const text = value === undefined || value === null || given ? '' : String(value);
        if (input.tagName === 'SELECT') input.options[0].textContent = t('new.default', { value: text });
        else if (input.type === 'text') input.placeholder = text;
    }
}
