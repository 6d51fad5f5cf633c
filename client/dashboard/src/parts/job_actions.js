// What can be done with a job: the same buttons wherever it is shown.
import { post, remove } from '../lib/api.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { go } from '../lib/router.js';
import { confirm } from './dialogs.js';

export class JobActions {
    /** done() after something was done; fail(problem) */
    constructor({ done, fail }) {
        this.done = done;
        this.fail = fail;
        this.job = null;
        this.cancel = h(
            'button',
            { class: 'danger', id: 'cancel', hidden: true, onclick: () => this.stop() },
            t('job.cancel'),
        );
        this.pause = h('button', { id: 'pause', hidden: true, onclick: () => this.tell('pause') }, t('job.pause'));
        this.resume = h('button', { id: 'resume', hidden: true, onclick: () => this.tell('resume') }, t('job.resume'));
        this.remove = h(
            'button',
            { class: 'danger', id: 'delete', hidden: true, onclick: () => this.drop() },
            t('job.delete'),
        );
        this.clone = h('a', { class: 'button', id: 'clone', hidden: true }, t('job.clone'));
        this.element = h('span', { class: 'buttons' }, this.clone, this.pause, this.resume, this.cancel, this.remove);
    }

    /** job: its id, status, and whether it is terminal; run: the one of it that is shown alone */
    show({ id, status, terminal, run }) {
        this.job = id;
        this.clone.href = run === undefined ? `#/new?job=${id}` : `#/new?run=${run}`;
        this.clone.hidden = false;
        this.pause.hidden = terminal || status === 'paused';
        this.resume.hidden = status !== 'paused';
        this.cancel.hidden = terminal;
        this.remove.hidden = !terminal;
    }

    async attempt(action) {
        try {
            await action();
            return true;
        } catch (problem) {
            this.fail(problem);
            return false;
        }
    }

    /** action: a verb of the API that takes nothing back */
    async tell(action) {
        if (await this.attempt(() => post(`v1/jobs/${this.job}/${action}`))) this.done();
    }

    async stop() {
        if (
            (await confirm(t('job.cancel.title'), t('job.cancel.detail'), t('job.cancel'))) &&
            (await this.attempt(() => post(`v1/jobs/${this.job}/cancel`)))
        )
            this.done();
    }

    async drop() {
        if (
            (await confirm(t('job.delete.title'), t('job.delete.detail'), t('job.delete'))) &&
            (await this.attempt(() => remove(`v1/jobs/${this.job}`)))
        )
            go('/jobs');
    }
}
