// Many rows at once: a CSV that is dropped, chosen or pasted comes back with what was predicted behind its columns.
import { send } from '../lib/api.js';
import { beside, cells, chunks, delimiterOf, records } from '../lib/csv.js';
import { h, replace } from '../lib/dom.js';
import { figure, percent, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { problemBox } from './dialogs.js';
import { saveText } from './download.js';
import { progressBar, updateProgress } from './status.js';
import { table } from './table.js';
import { fileZone } from './upload.js';

const ROWS = 10000, // of one request, as the daemon allows
    NUMBERS = 2000000, // that a request may give
    PREVIEW = 10;

export class Batch {
    /** model: of /v1/runs/{run}/features */
    constructor(run, model) {
        this.run = run;
        this.targets = model.targets;
        this.numbers = model.targets.length > 1 ? model.targets.length : (model.targets[0].classes?.length ?? 1);
        this.generation = 0;
        this.pasted = h('textarea', { id: 'pasted', rows: 4, spellcheck: 'false', placeholder: this.header(model) });
        this.bar = progressBar();
        this.bar.hidden = true;
        this.result = h('div', { class: 'stack', id: 'predicted', 'aria-live': 'polite' });
        const take = async (file) => this.predict(await file.text(), file.name.replace(/\.[^.]*$/, ''));
        const paste = () => this.predict(this.pasted.value, 'rows');
        this.element = h(
            'section',
            { class: 'card stack', id: 'batch' },
            h('h2', null, t('predict.file')),
            fileZone({ id: 'rows', prompt: t('predict.drop'), take }, this.bar),
            h('label', { for: 'pasted' }, t('predict.paste')),
            this.pasted,
            h('div', null, h('button', { id: 'predict-pasted', onclick: paste }, t('predict.do'))),
            this.result,
        );
    }

    header({ features }) {
        return features
            .slice(0, 8)
            .map(({ name }) => name)
            .join(',');
    }

    async predict(text, name) {
        const lines = records(text),
            mine = ++this.generation;
        if (lines.length < 2) return replace(this.result, h('p', { class: 'error' }, t('predict.empty')));
        this.bar.hidden = false;
        updateProgress(this.bar, 0);
        try {
            const predicted = await this.all(lines, mine);
            if (mine === this.generation) this.show(lines, predicted, name);
        } catch (problem) {
            if (problem.status === undefined) throw problem;
            if (mine === this.generation) replace(this.result, problemBox(problem));
        } finally {
            this.bar.hidden = true;
        }
    }

    /** As many requests as it takes; the header once. */
    async all(lines, mine) {
        const rows = Math.max(1, Math.min(ROWS, Math.floor(NUMBERS / this.numbers))),
            predicted = [];
        for (const part of chunks(lines, rows)) {
            if (mine !== this.generation) break;
            const answer = await send(`v1/runs/${this.run}/predict`, {
                method: 'POST',
                body: part.join('\n'),
                headers: { 'Content-Type': 'text/csv' },
            });
            const got = records(await answer.text());
            predicted.push(...(predicted.length ? got.slice(1) : got));
            updateProgress(this.bar, (predicted.length - 1) / (lines.length - 1));
        }
        return predicted;
    }

    show(lines, predicted, name) {
        const joined = beside(lines, predicted),
            save = () => saveText(`${joined.join('\n')}\n`, `${name}-predicted.csv`, 'text/csv');
        replace(
            this.result,
            this.summaries(predicted.slice(1).map((record) => cells(record, ','))),
            h('div', null, h('button', { class: 'primary', id: 'save-predicted', onclick: save }, t('predict.save'))),
            h('p', { class: 'soft' }, t('predict.preview', { n: Math.min(PREVIEW, lines.length - 1) })),
            this.preview(joined),
        );
    }

    /** Of each target, whose answers are the first columns. */
    summaries(records) {
        return this.targets.map(({ name, classes }, i) => {
            const said = this.words(
                classes,
                records.map((record) => record[i]),
            );
            return h('p', null, this.targets.length > 1 ? `${name}: ${said}` : said);
        });
    }

    /** How often each class was said, or the mean of the numbers. */
    words(classes, answers) {
        const rows = { n: answers.length, rows: whole(answers.length) };
        if (!classes) {
            const mean = answers.reduce((sum, value) => sum + Number(value), 0) / answers.length;
            return t('predict.mean.of', { ...rows, mean: figure(mean) });
        }
        const counts = new Map();
        for (const name of answers) counts.set(name, (counts.get(name) ?? 0) + 1);
        const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
        const list = most.map(([name, n]) => `${name} ${whole(n)} (${percent(n / answers.length, 0)})`).join(', ');
        return t('predict.counts', { ...rows, list });
    }

    preview(joined) {
        const delimiter = delimiterOf(joined[0]),
            [head, ...rows] = joined.slice(0, PREVIEW + 1).map((line) => cells(line, delimiter));
        return h(
            'div',
            { class: 'scroll', tabindex: '0' },
            table(
                head.map((name) => h('th', { scope: 'col' }, name)),
                rows.map((row) =>
                    h(
                        'tr',
                        null,
                        row.map((cell) => h('td', { class: 'brief' }, cell)),
                    ),
                ),
            ),
        );
    }
}
