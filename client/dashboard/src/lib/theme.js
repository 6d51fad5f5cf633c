// Dark or light: the system's wish, unless the reader chose. Charts draw on canvas, so they are told.

const choices = ['auto', 'light', 'dark'];
const listeners = new Set();

export function currentTheme() {
    const stored = localStorage.getItem('mlpd.theme');
    return choices.includes(stored) ? stored : 'auto';
}

function apply() {
    const theme = currentTheme();
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    probed.clear();
    for (const listener of listeners) listener();
}

export function startTheme() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
    apply();
}

export function nextTheme() {
    localStorage.setItem('mlpd.theme', choices[(choices.indexOf(currentTheme()) + 1) % choices.length]);
    apply();
    return currentTheme();
}

/** Calls listener after each change; returns what ends that. */
export function onTheme(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

const probed = new Map();
let probe = null;

/** What a custom property of the style sheet is now, as a color that a canvas takes: color('--line-1'). */
export function color(name) {
    if (!probed.has(name)) {
        probe ??= document.body.appendChild(Object.assign(document.createElement('span'), { hidden: true }));
        probe.style.color = `var(${name})`;
        probed.set(name, getComputedStyle(probe).color);
    }
    return probed.get(name);
}
