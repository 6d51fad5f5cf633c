// The shell commands that do what the page does.
import { address } from './api.js';

/** For a POSIX shell. */
export function quote(text) {
    return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function curlUpload(file, name) {
    const url = address(`v1/datasets?name=${encodeURIComponent(name)}`);
    return `curl --data-binary @${quote(file)} -H 'Content-Type: text/csv' ${quote(url)}`;
}

function curlPost(path, body) {
    const text = quote(JSON.stringify(body, null, 2));
    return `curl -H 'Content-Type: application/json' ${quote(address(path))} -d ${text}`;
}

export function curlJob(spec) {
    return curlPost('v1/jobs', spec);
}

export function curlPredict(run, row) {
    return curlPost(`v1/runs/${run}/predict`, { instances: [row] });
}

/** The place of the token, when one is needed: never the token itself. */
export function withToken(command) {
    return sessionStorage.getItem('mlpd.token')
        ? command.replace('curl ', 'curl -H "Authorization: Bearer $MLPD_TOKEN" ')
        : command;
}
