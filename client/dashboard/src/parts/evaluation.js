// How a run does on the rows that were kept out of training.
import { h, replace } from '../lib/dom.js';
import { entriesOf, firstEntry } from '../lib/evaluation.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { matrixTable } from './matrix.js';
import { residualsView } from './residuals.js';
import { ThresholdView } from './threshold.js';

const NAMES = { valid_accuracy: percent, valid_roc_auc: figure };

function headline(evaluation) {
    const figures = Object.entries(evaluation).filter(
        ([name, value]) => name.startsWith('valid_') && typeof value === 'number',
    );
    return h(
        'dl',
        { class: 'facts' },
        h('div', null, h('dt', null, t('evaluation.rows')), h('dd', { class: 'big' }, whole(evaluation.rows))),
        figures.map(([name, value]) =>
            h('div', null, h('dt', null, name), h('dd', { class: 'big' }, (NAMES[name] ?? figure)(value))),
        ),
    );
}

function perClass({ per_class: rows }) {
    const columns = ['precision', 'recall', 'f1', 'roc_auc', 'average_precision'].filter((name) =>
        rows.some((row) => name in row),
    );
    return h(
        'div',
        { class: 'scroll', tabindex: '0' },
        h(
            'table',
            null,
            h('caption', null, t('evaluation.classes')),
            h(
                'thead',
                null,
                h(
                    'tr',
                    null,
                    h('th', { scope: 'col' }, t('evaluation.class')),
                    ['rows', ...columns].map((name) =>
                        h('th', { scope: 'col', class: 'number' }, t(`evaluation.${name}`)),
                    ),
                ),
            ),
            h(
                'tbody',
                null,
                rows.map((row) =>
                    h(
                        'tr',
                        null,
                        h('th', { scope: 'row' }, row.class),
                        h('td', { class: 'number' }, whole(row.rows)),
                        columns.map((name) => h('td', { class: 'number' }, figure(row[name]))),
                    ),
                ),
            ),
        ),
    );
}

/** Each of several targets by its own figures. */
function perTarget(targets) {
    const columns = Object.keys(targets[0]).filter((name) => name.startsWith('valid_') && name !== 'valid_log_loss');
    return h(
        'div',
        { class: 'scroll', tabindex: '0', id: 'targets' },
        h(
            'table',
            null,
            h('caption', null, t('evaluation.targets')),
            h(
                'thead',
                null,
                h(
                    'tr',
                    null,
                    h('th', { scope: 'col' }, t('evaluation.target')),
                    columns.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
                ),
            ),
            h(
                'tbody',
                null,
                targets.map((target) =>
                    h(
                        'tr',
                        null,
                        h('th', { scope: 'row' }, target.target),
                        columns.map((name) => h('td', { class: 'number' }, (NAMES[name] ?? figure)(target[name]))),
                    ),
                ),
            ),
        ),
    );
}

function words({ classes, confusion_matrix: matrix }) {
    let worst = null;
    matrix.forEach((counts, actual) =>
        counts.forEach((count, predicted) => {
            if (actual !== predicted && count > (worst?.n ?? 0))
                worst = { n: count, count: whole(count), actual: classes[actual], predicted: classes[predicted] };
        }),
    );
    return worst ? t('evaluation.worst', worst) : t('evaluation.perfect');
}

/** Everything of one /v1/runs/{r}/evaluation. */
export class Evaluation {
    /** query: of the address; changed(query) once the reader chose something else of it */
    constructor(evaluation, query, changed) {
        this.evaluation = evaluation;
        this.changed = changed;
        this.entries = entriesOf(evaluation);
        this.choice = h(
            'select',
            { id: 'entry', onchange: () => changed({ of: this.choice.value || undefined }) },
            this.entries.map(({ name }) => h('option', { value: name ?? '' }, name)),
        );
        this.place = h('div');
        this.element = this.layout();
        this.update(query);
    }

    layout() {
        const { evaluation } = this,
            matrix = evaluation.confusion_matrix;
        return h(
            'div',
            { class: 'stack' },
            headline(evaluation),
            evaluation.targets && perTarget(evaluation.targets),
            matrix && h('p', null, words(evaluation)),
            evaluation.per_class &&
                h(
                    'div',
                    { class: 'grid' },
                    matrix &&
                        h(
                            'div',
                            { class: 'scroll', tabindex: '0', id: 'confusion' },
                            matrixTable(evaluation.classes, matrix, t('evaluation.confusion')),
                        ),
                    perClass(evaluation),
                ),
            this.entries.some(({ kind }) => kind === 'class') && [
                h('h3', null, t('threshold.title')),
                h('p', { class: 'soft' }, t('threshold.why')),
            ],
            this.entries.length > 1 &&
                h(
                    'label',
                    { class: 'field' },
                    t(evaluation.targets ? 'evaluation.target' : 'evaluation.class'),
                    this.choice,
                ),
            this.place,
        );
    }

    update(query) {
        const entry = this.entries.find(({ name }) => name !== null && name === query.of) ?? firstEntry(this.entries);
        if (entry && entry !== this.entry) {
            this.entry = entry;
            this.choice.value = entry.name ?? '';
            this.view = entry.kind === 'class' ? new ThresholdView(entry, query, this.changed) : null;
            replace(this.place, this.view?.element ?? residualsView(entry));
        } else {
            this.view?.update(query);
        }
    }
    close() {}
}
