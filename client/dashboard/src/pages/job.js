import { h } from '../lib/dom.js';

export function page({ parameters }) {
    return { title: 'job', element: h('h1', null, 'job ' + parameters.job) };
}
