// How much the classes of the target count: alike, balanced, or each with a weight.
import { parseTokens } from '../lib/axes.js';
import { h, replace } from '../lib/dom.js';
import { currentLanguage, t } from '../lib/i18n.js';

const MODES = ['none', 'balanced', 'each'],
    CLASSES_MAX = 50;

function modeOf(weights) {
    return weights === undefined || weights === null ? 'none' : typeof weights === 'string' ? 'balanced' : 'each';
}

/**
 * A select, and a field for each class where each has a weight. weights: of the job now; classes: of the target, as far
 * as they are known; set(weights): undefined for none.
 */
export function weightsField({ weights, classes, properties, set }) {
    let given = modeOf(weights) === 'each' ? { ...weights } : {};
    const rows = h('div', { class: 'weights' });
    const select = h(
        'select',
        {
            ...properties,
            onchange: () => {
                set({ none: undefined, balanced: 'balanced', each: given }[select.value]);
                draw();
            },
        },
        MODES.map((name) => h('option', { value: name, selected: name === modeOf(weights) }, t(`new.weights.${name}`))),
    );
    const change = (name, text) => {
        const [value] = parseTokens(text, { comma: currentLanguage() === 'es' });
        const others = Object.entries(given).filter(([other]) => other !== name);
        given = Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
        set(given);
    };
    const field = (name) =>
        h(
            'label',
            null,
            h('span', null, name),
            h('input', {
                type: 'text',
                inputmode: 'decimal',
                autocomplete: 'off',
                placeholder: '1',
                value: Object.hasOwn(given, name) ? String(given[name]) : '',
                oninput: ({ target }) => change(name, target.value),
            }),
        );
    const other = () => {
        const name = h('input', { type: 'text', autocomplete: 'off', 'aria-label': t('new.weights.class') });
        const add = () => {
            const missing = name.value !== '' && !Object.hasOwn(given, name.value);
            if (missing) change(name.value, '1');
            draw();
            rows.querySelector(missing ? 'label:nth-last-of-type(1) input' : '.other input')?.focus();
        };
        return h('div', { class: 'other' }, name, h('button', { type: 'button', onclick: add }, t('new.weights.add')));
    };
    const draw = () => {
        const shown = [...new Set([...classes.slice(0, CLASSES_MAX), ...Object.keys(given)])];
        rows.hidden = select.value !== 'each';
        replace(rows, shown.map(field), (classes.length === 0 || classes.length > CLASSES_MAX) && other());
    };
    draw();
    return { select, rows };
}
