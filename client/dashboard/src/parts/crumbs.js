// Where a page is: the list of jobs, and what leads from it to here.
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

export function crumbs(...parts) {
    return h(
        'p',
        { class: 'crumbs' },
        h('a', { href: '#/jobs' }, t('nav.jobs')),
        parts.map((part) => ['/', part]),
    );
}
