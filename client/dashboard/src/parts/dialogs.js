// Dialogs: the keys, the token, a question before something is lost.
import { askAgain } from '../lib/api.js';
import { h, replace } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { problemMessage, problemText, problemTitle } from '../lib/problems.js';
import { boundKeys } from '../lib/keys.js';

/** Shows a modal dialog; resolves with the value of the button that closed it ("" for Escape). */
function ask(title, content, buttons) {
    return new Promise((resolve) => {
        const dialog = h(
            'dialog',
            { 'aria-label': title },
            h(
                'form',
                { method: 'dialog' },
                h('h2', null, title),
                content,
                h(
                    'div',
                    { class: 'buttons' },
                    buttons.map(({ value, label, kind }) => h('button', { value, class: kind }, label)),
                ),
            ),
        );
        dialog.addEventListener('close', () => {
            dialog.remove();
            resolve(dialog.returnValue);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

export function showHelp() {
    const rows = boundKeys().map(({ key, text }) =>
        h('div', null, h('dt', null, h('kbd', null, key)), h('dd', null, text)),
    );
    return ask(t('help.title'), h('dl', { class: 'keys' }, rows), [
        { value: 'ok', label: t('button.close'), kind: 'primary' },
    ]);
}

/** refused: the token that was sent is not the right one. Resolves with null when the reader gives none. */
export async function askToken(refused) {
    const field = h('input', { type: 'password', autocomplete: 'off', 'aria-label': t('token.field'), size: 44 });
    const answer = await ask(
        t('token.title'),
        [h('p', { class: refused ? 'error' : '' }, t(refused ? 'token.refused' : 'token.why')), field],
        [{ value: 'ok', label: t('token.use'), kind: 'primary' }],
    );
    return answer === 'ok' ? field.value.trim() || null : null;
}

export async function confirm(title, detail, label) {
    const answer = await ask(title, h('p', null, detail), [
        { value: 'yes', label, kind: 'danger' },
        { value: '', label: t('button.cancel') },
    ]);
    return answer === 'yes';
}

/** A box with a Problem: its title, detail, and every violation of a 422 that says more. */
export function problemBox(problem, box = h('div')) {
    const more = problem.errors.filter(({ pointer, detail }) => pointer || detail !== problem.message);
    box.className = 'problem';
    box.setAttribute('role', 'alert');
    return replace(
        box,
        h(
            'strong',
            null,
            problem.status === 0 ? t('problem.offline') : problem.title ? problemTitle(problem) : t('problem.title'),
        ),
        problem.status === 0
            ? h('p', null, t('problem.offline.detail'))
            : problem.message !== problem.title && h('p', null, problemMessage(problem)),
        problem.status === 401 && h('button', { onclick: askAgain }, t('token.enter')),
        more.length > 0 &&
            h(
                'ul',
                null,
                more.map((error) =>
                    h('li', null, h('code', null, error.pointer || '/'), ' ', problemText(error)),
                ),
            ),
    );
}
