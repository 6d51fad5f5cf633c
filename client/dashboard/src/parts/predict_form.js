// A form of one row: numbers and choices, each of which can be missing.
import { h, replace } from '../lib/dom.js';
import { figure } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { numberOf } from '../lib/playground.js';

const FIELDS_MAX = 200; // of more columns the others stay as they are

const KNOWN = '=',
    OTHER = '?'; // values of options: a category behind KNOWN, another one, or none

function numberField({ step, mean }, value, id, change) {
    const input = h('input', {
        id,
        type: 'number',
        step,
        value: value ?? '',
        'aria-describedby': `${id}-hint`,
        placeholder: t('predict.missing'),
        oninput: () => change(numberOf(input.value)),
    });
    return [input, h('span', { class: 'soft hint', id: `${id}-hint` }, t('predict.mean', { mean: figure(mean) }))];
}

function choiceField({ choices, rare, name }, value, id, change) {
    const known = value === null || choices.includes(value) || rare.includes(value);
    const option = (text) => h('option', { value: KNOWN + text, selected: text === value }, text);
    const other = h('input', {
        type: 'text',
        'aria-label': t('predict.other.of', { name }),
        hidden: known,
        value: known ? '' : value,
        oninput: () => change(other.value),
    });
    const select = h(
        'select',
        {
            id,
            onchange: () => {
                other.hidden = select.value !== OTHER;
                change(other.hidden ? (select.value ? select.value.slice(KNOWN.length) : null) : other.value);
                if (!other.hidden) other.focus();
            },
        },
        choices.map(option),
        rare.length > 0 && h('optgroup', { label: t('predict.rare') }, rare.map(option)),
        h('option', { value: '', selected: value === null }, t('predict.missing')),
        h('option', { value: OTHER, selected: !known }, t('predict.other')),
    );
    return [select, other];
}

export class PredictForm {
    /** changed(row): after a value changed */
    constructor(fields, changed) {
        this.fields = fields;
        this.changed = changed;
        this.element = h('div', { class: 'job-form' });
    }

    show(row) {
        this.row = row;
        const shown = this.fields.slice(0, FIELDS_MAX);
        replace(
            this.element,
            h(
                'div',
                { class: 'fields' },
                shown.map((field, i) => this.field(field, `input-${i}`)),
            ),
            shown.length < this.fields.length &&
                h('p', { class: 'soft' }, t('predict.more', { shown: shown.length, all: this.fields.length })),
        );
    }

    field(field, id) {
        const make = field.kind === 'number' ? numberField : choiceField;
        const change = (value) => {
            this.row = { ...this.row, [field.name]: value };
            this.changed(this.row);
        };
        return h(
            'div',
            { class: 'job-field', 'data-column': field.name },
            h('label', { for: id }, field.name),
            make(field, this.row[field.name], id, change),
        );
    }
}
