// Files from the page: fetched, so that a token goes with the request, then handed to the browser.
import { send } from '../lib/api.js';
import { csv } from '../lib/curves.js';
import { h } from '../lib/dom.js';
import { say } from './shell.js';

export function saveText(text, name, type = 'text/plain') {
    saveBlob(new Blob([text], { type }), name);
}

export function saveBlob(blob, name) {
    const link = h('a', { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function guarded(action) {
    try {
        await action();
    } catch (problem) {
        say(problem.message, 'error');
    }
}

/** Every epoch of a run, not thinned. */
export function saveEpochs(run) {
    return guarded(async () => {
        const columns = await (await send(`v1/runs/${run}/epochs`)).json();
        delete columns.total;
        saveText(csv(Object.keys(columns), Object.values(columns)), `run-${run}-epochs.csv`, 'text/csv');
    });
}

export function saveModel(run) {
    return guarded(async () => saveBlob(await (await send(`v1/runs/${run}/model`)).blob(), `run-${run}.model`));
}
