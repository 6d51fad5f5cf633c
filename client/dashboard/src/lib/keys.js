// The keyboard: one table of what each key does now, which the help shows.
import { typing } from './dom.js';

let bindings = [];

/** keys: [[key, text, action], ...]. Returns what takes them away again. The text is for the help. */
export function bind(keys) {
    const added = keys.map(([key, text, action]) => ({ key, text, action }));
    bindings = [...added, ...bindings];
    return () => {
        bindings = bindings.filter((binding) => !added.includes(binding));
    };
}

/** What is bound now, the newest first, one for each key. */
export function boundKeys() {
    return bindings.filter((one, i) => bindings.findIndex(({ key }) => key === one.key) === i);
}

export function startKeys() {
    addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
        if (typing(event.target)) {
            if (event.key === 'Escape') event.target.blur();
            return;
        }
        const binding = bindings.find(({ key }) => key === event.key);
        if (binding && binding.action(event) !== false) event.preventDefault();
    });
}
