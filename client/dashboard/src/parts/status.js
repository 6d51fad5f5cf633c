// A status is said by a word, a sign and a color; progress by a bar and a figure.
import { h, replace, text } from '../lib/dom.js';
import { percent } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { icon } from './icons.js';

export const statuses = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'];

export function statusMark(status) {
    return updateStatus(h('span', { class: 'status' }), status);
}

export function updateStatus(element, status) {
    if (element.dataset.status === status) return element;
    element.dataset.status = status;
    return replace(element, icon(status), t(`status.${status}`));
}

export function progressBar() {
    return h('div', { class: 'progress' }, h('progress', { max: 1, 'aria-label': t('progress.label') }), h('span'));
}

export function updateProgress(element, share) {
    element.firstChild.value = share;
    text(element.lastChild, percent(share, 0));
}
