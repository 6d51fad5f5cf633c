// What varies between the runs of a job: every combination of lists (a grid), or points drawn from them (a search).
import { asKind, axesOf, axisAt, axisKinds, axisText, parseValues, setAxis, useSearch } from '../lib/axes.js';
import { h, keepingFocus, replace } from '../lib/dom.js';
import { fieldOf, namesOf, valueOf } from '../lib/form.js';
import { currentLanguage, t } from '../lib/i18n.js';

/** The pointers of the fields below a schema: {pointer: schema}. layers: how many hidden ones there are. */
export function leaves(schema, layers, pointer = '', into = {}) {
    for (const [name, inner] of Object.entries(schema.properties ?? {})) {
        const at = `${pointer}/${name}`;
        if (inner.items?.properties) for (let i = 0; i < layers; i++) leaves(inner.items, layers, `${at}/${i}`, into);
        else if (inner.properties) leaves(inner, layers, at, into);
        else into[at] = inner;
    }
    return into;
}

const FIXED = /^\/(name|dataset|target|columns|grid|search|halving|threads|checkpoint)(\/|$)/;

export class AxesForm {
    /** changed(pointer): the axis of a field changed; again(id): so did what else is asked for, and id has the focus */
    constructor(schema, { changed, again }) {
        Object.assign(this, { schema, changed, again });
        this.body = h('div', { class: 'scroll', tabindex: '0' });
        this.element = h('div', { class: 'stack', id: 'axes' }, this.controls(), this.body);
    }

    controls() {
        this.mode = h(
            'select',
            { id: 'axes-mode', onchange: () => this.setMode(this.mode.value === 'search') },
            ['grid', 'search'].map((name) => h('option', { value: name }, t(`new.axes.${name}`))),
        );
        this.pointer = h('input', {
            type: 'text',
            id: 'axes-pointer',
            list: 'axes-pointers',
            autocomplete: 'off',
            placeholder: '/optimizer/learning_rate',
            onkeydown: (event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                this.add();
            },
        });
        this.pointers = h('datalist', { id: 'axes-pointers' });
        return h(
            'div',
            { class: 'filters' },
            h('label', { class: 'field' }, t('new.axes.mode'), this.mode),
            h('label', { class: 'field' }, t('new.axes.parameter'), this.pointer),
            this.pointers,
            h('button', { type: 'button', id: 'axes-add', onclick: () => this.add() }, t('new.axes.add')),
        );
    }

    /** filled: the job with its defaults, or null */
    show(job, filled = this.filled) {
        this.job = job;
        this.filled = filled;
        this.fields = leaves(this.schema, job.network?.hidden?.length ?? 1);
        const axes = axesOf(job);
        this.mode.value = job.search ? 'search' : 'grid';
        replace(
            this.pointers,
            Object.keys(this.fields)
                .filter((pointer) => !FIXED.test(pointer) && !axes.some((axis) => axis.pointer === pointer))
                .map((pointer) => h('option', { value: pointer })),
        );
        this.body.hidden = axes.length === 0;
        replace(this.body, axes.length > 0 && this.table(axes));
    }

    table(axes) {
        return h(
            'table',
            null,
            h('caption', { class: 'away' }, t('new.axes')),
            h(
                'thead',
                null,
                h(
                    'tr',
                    null,
                    ['parameter', 'kind', 'values'].map((name) => h('th', { scope: 'col' }, t(`new.axes.${name}`))),
                    h('td'),
                ),
            ),
            h(
                'tbody',
                null,
                axes.map((axis) => this.row(axis)),
            ),
        );
    }

    row({ pointer, kind, values }) {
        const id = `axis${pointer}`,
            names = { parameter: pointer };
        const set = (axis) => {
            setAxis(this.job, pointer, axis);
            this.changed(pointer);
        };
        const text = h('input', {
            type: 'text',
            id,
            autocomplete: 'off',
            'aria-label': t('new.axes.values.of', names),
            value: kind === 'choice' ? axisText({ kind, values }) : values.join(' '),
            oninput: () => set({ kind, values: parseValues(text.value, { comma: currentLanguage() === 'es' }) }),
        });
        const select = h(
            'select',
            {
                id: `${id}-kind`,
                'aria-label': t('new.axes.kind.of', names),
                onchange: () => {
                    const searched = Boolean(this.job.search);
                    set(asKind(axisAt(this.job, pointer), select.value));
                    if (searched !== Boolean(this.job.search)) this.again(`${id}-kind`);
                    else this.redraw(`${id}-kind`);
                },
            },
            axisKinds.map((name) => h('option', { value: name, selected: name === kind }, t(`new.axes.${name}`))),
        );
        const remove = () => {
            set(null);
            this.again('axes-pointer');
        };
        return h(
            'tr',
            null,
            h('th', { scope: 'row' }, h('code', null, pointer)),
            h('td', null, select),
            h('td', { class: 'wide' }, text),
            h(
                'td',
                null,
                h(
                    'button',
                    { type: 'button', class: 'quiet', 'aria-label': t('new.axes.remove', names), onclick: remove },
                    '×',
                ),
            ),
        );
    }

    redraw(focus) {
        keepingFocus(() => this.show(this.job), focus);
    }

    setMode(search) {
        const before = axesOf(this.job).map(({ pointer }) => pointer);
        useSearch(this.job, search);
        before.forEach((pointer) => this.changed(pointer));
        this.again('axes-mode');
    }

    /** A parameter starts with all of its choices, or with the value that it has now. */
    add() {
        const pointer = this.pointer.value.trim();
        if (!pointer.startsWith('/') || namesOf(pointer).includes('')) return this.pointer.focus();
        const schema = this.fields[pointer] && fieldOf(this.fields[pointer]),
            now = valueOf(this.job, pointer) ?? valueOf(this.filled ?? {}, pointer);
        const values = schema?.enum ?? (schema?.kind === 'boolean' ? [false, true] : now === undefined ? [] : [now]);
        this.pointer.value = '';
        setAxis(this.job, pointer, { kind: 'choice', values });
        this.changed(pointer);
        this.again(`axis${pointer}`);
    }
}
