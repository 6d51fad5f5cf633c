// A block of code with a button that copies it.
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

async function copyText(code) {
    try {
        await navigator.clipboard.writeText(code);
        return true;
    } catch {
        return false; /* not a secure context: the text can still be selected */
    }
}

/** The button stands above the code, so that it hides none of it. */
export function codeBlock(code) {
    const block = h('pre', { tabindex: '0' }, code);
    const button = h(
        'button',
        {
            class: 'quiet',
            type: 'button',
            onclick: async () => {
                if (await copyText(block.textContent)) {
                    button.textContent = t('button.copied');
                    setTimeout(() => {
                        button.textContent = t('button.copy');
                    }, 1500);
                } else {
                    getSelection().selectAllChildren(block);
                }
            },
        },
        t('button.copy'),
    );
    return h('div', { class: 'copyable' }, button, block);
}
