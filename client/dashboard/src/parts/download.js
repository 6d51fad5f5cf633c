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

const EPOCHS_AT_ONCE = 50000; // so that a million of them need little memory on either side

/** Every epoch of a run, not thinned, with the columns that `known`, some of its epochs, have. */
export function saveEpochs(run, known) {
    const names = Object.keys(known).filter((name) => name !== 'total'),
        parts = [];
    return guarded(async () => {
        for (let from = 1, more = true; more; from += EPOCHS_AT_ONCE) {
            const path = `v1/runs/${run}/epochs?from=${from}&to=${from + EPOCHS_AT_ONCE - 1}`,
                columns = await (await send(path)).json(),
                none = columns.epoch.map(() => null);
            parts.push(csv(from === 1 ? names : null, names.map((name) => columns[name] ?? none)));
            more = columns.epoch.length === EPOCHS_AT_ONCE;
        }
        saveBlob(new Blob(parts, { type: 'text/csv' }), `run-${run}-epochs.csv`);
    });
}

export function saveModel(run) {
    return guarded(async () => saveBlob(await (await send(`v1/runs/${run}/model`)).blob(), `run-${run}.model`));
}
