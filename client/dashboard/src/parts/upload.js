// A table into the daemon: dropped on the page or chosen, with its progress.
import { address, authorization, Problem } from '../lib/api.js';
import { datasetName, freeName, newestDatasets } from '../lib/datasets.js';
import { h, replace } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { progressBar, updateProgress } from './status.js';

/** fetch does not tell of progress; resolves with the dataset. */
function upload(file, name, progress) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open('POST', address(`v1/datasets?name=${encodeURIComponent(name)}`));
        request.setRequestHeader('Content-Type', 'text/csv');
        for (const [header, value] of Object.entries(authorization())) request.setRequestHeader(header, value);
        request.responseType = 'json';
        request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
        request.onload = () =>
            request.status < 300
                ? resolve(request.response)
                : reject(new Problem(request.status, request.response ?? {}));
        request.onerror = () => reject(new Problem(0));
        request.send(file);
    });
}

/** A place to drop a CSV file on, or to choose one by; take(file) is called with it. inside: elements below. */
export function fileZone({ id, prompt, take }, ...inside) {
    const give = (file) => file && take(file);
    const input = h('input', {
        type: 'file',
        id,
        accept: '.csv,.tsv,.txt,text/csv',
        hidden: true,
        onchange: () => give(input.files[0]),
    });
    const zone = h(
        'div',
        {
            class: 'drop',
            ondragover: (event) => {
                event.preventDefault();
                zone.classList.add('over');
            },
            ondragleave: () => zone.classList.remove('over'),
            ondrop: (event) => {
                event.preventDefault();
                zone.classList.remove('over');
                give(event.dataTransfer.files[0]);
            },
        },
        h('p', null, prompt),
        h('button', { type: 'button', id: 'choose', onclick: () => input.click() }, t('new.choose')),
        input,
        inside,
    );
    return zone;
}

/** done(dataset), fail(problem) */
export function dropZone({ done, fail }) {
    const bar = progressBar(),
        state = h('p', { class: 'soft', role: 'status' });
    bar.hidden = true;
    const take = async (file) => {
        bar.hidden = false;
        replace(state, t('new.uploading', { file: file.name }));
        try {
            const name = freeName(datasetName(file.name), file.size, await newestDatasets());
            const dataset = await upload(file, name, (share) => updateProgress(bar, share));
            replace(state, t('new.uploaded', { file: file.name, name: dataset.name }));
            await done(dataset);
        } catch (problem) {
            replace(state);
            fail(problem);
        } finally {
            bar.hidden = true;
        }
    };
    return fileZone({ id: 'file', prompt: t('new.drop'), take }, bar, state);
}
