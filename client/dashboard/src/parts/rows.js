// A table whose rows the keyboard walks: j and k move, Enter opens, x selects.
import { bind } from '../lib/keys.js';
import { t } from '../lib/i18n.js';

function rowsOf(body) {
    return [...body.children];
}

/** Which row of a table body is the current one, by its key, across refreshes. */
export class RowCursor {
    constructor(body) {
        this.body = body;
        this.key = null;
    }

    row() {
        return rowsOf(this.body).find((row) => row.dataset.key === this.key) ?? null;
    }

    /** After rows have been made anew. */
    mark() {
        for (const row of rowsOf(this.body)) row.classList.toggle('current', row.dataset.key === this.key);
    }

    move(step) {
        const rows = rowsOf(this.body),
            at = rows.findIndex((row) => row.dataset.key === this.key);
        const next =
            rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
        if (!next) return;
        this.key = next.dataset.key;
        this.mark();
        next.querySelector('a')?.focus({ preventScroll: true });
        next.scrollIntoView({ block: 'nearest' });
    }

    /** j, k, Enter and x; more is [[key, text, action], ...]. Returns what unbinds them. */
    keys(more = []) {
        return bind([
            ['j', t('keys.down'), () => this.move(1)],
            ['k', t('keys.up'), () => this.move(-1)],
            ['Enter', t('keys.open'), () => false] /* the link that has the focus does it */,
            ['x', t('keys.select'), () => this.row()?.querySelector('input[type=checkbox]')?.click()],
            ...more,
        ]);
    }
}
