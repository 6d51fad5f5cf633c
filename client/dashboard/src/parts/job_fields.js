// The fields of a job's form: a text, a choice, or ticks for several values, as the schema says of each.
import { axisAt, parseTyped } from '../lib/axes.js';
import { h } from '../lib/dom.js';
import { fieldText, valueOf } from '../lib/form.js';
import { currentLanguage, t } from '../lib/i18n.js';

export const isNumeric = ({ kind }) => kind === 'number' || kind === 'integer';

/** Fields whose values are names of what is there already: id of a datalist. */
const lists = {
    '/sample_weight': 'names-of-columns',
    '/validation/column': 'names-of-columns',
    '/validation/dataset': 'names-of-datasets',
};

/** set(value): a value, the axis {kind, values} of several, or undefined for the default. */
export function textField({ job, field, pointer, properties, set }) {
    const numeric = isNumeric(field);
    return h('input', {
        ...properties,
        type: 'text',
        autocomplete: 'off',
        value: fieldText(job, pointer),
        inputmode: numeric && 'decimal',
        list: lists[pointer],
        oninput: ({ target }) => set(parseTyped(target.value, { numeric, comma: currentLanguage() === 'es' })),
    });
}

const choicesOf = (field) => field.enum ?? [true, false];

/** Whether a field's axis can be said by ticks. */
export function isTickable(job, field, pointer) {
    const axis = axisAt(job, pointer);
    return axis?.kind === 'choice' && axis.values.every((value) => choicesOf(field).includes(value));
}

const SEVERAL = ' several';

/** several(): the reader wants to tick */
export function selectField({ job, field, pointer, properties, set, several }) {
    const axis = axisAt(job, pointer),
        given = axis ? null : valueOf(job, pointer);
    const change = ({ target }) => {
        if (target.value === SEVERAL) several();
        else set(target.value === '' ? undefined : choicesOf(field)[target.selectedIndex - (axis ? 2 : 1)]);
    };
    return h(
        'select',
        { ...properties, onchange: change },
        h('option', { value: '' }, t('new.default', { value: '' })),
        axis && h('option', { value: ' axis', selected: true }, fieldText(job, pointer)),
        choicesOf(field).map((choice) =>
            h('option', { value: String(choice), selected: choice === given }, String(choice)),
        ),
        h('option', { value: SEVERAL }, t('new.ticks')),
    );
}

/** Several values by ticks; one alone is a value like any other. */
export function ticksField({ job, field, pointer, properties, set, single }) {
    const { id, 'aria-describedby': described, label } = properties,
        axis = axisAt(job, pointer),
        ticked = new Set(axis ? axis.values : [valueOf(job, pointer)]);
    const change = (choice, on) => {
        ticked[on ? 'add' : 'delete'](choice);
        const values = choicesOf(field).filter((one) => ticked.has(one));
        set(values.length > 1 ? { kind: 'choice', values } : values[0]);
    };
    return h(
        'div',
        { class: 'ticks', role: 'group', 'aria-labelledby': label, 'aria-describedby': described },
        choicesOf(field).map((choice, i) =>
            h(
                'label',
                null,
                h('input', {
                    type: 'checkbox',
                    id: i === 0 ? id : `${id}-${i}`,
                    value: String(choice),
                    checked: ticked.has(choice),
                    onchange: ({ target }) => change(choice, target.checked),
                }),
                String(choice),
            ),
        ),
        h('button', { type: 'button', class: 'link', onclick: single }, t('new.ticks.one')),
    );
}
