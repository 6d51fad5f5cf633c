import { h } from '../lib/dom.js';

export function page({ parameters }) {
    return { title: 'run', element: h('h1', null, 'run ' + parameters.run) };
}
