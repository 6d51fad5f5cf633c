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

export function curlJob(spec) {
    const body = quote(JSON.stringify(spec, null, 2));
    return `curl -H 'Content-Type: application/json' ${quote(address('v1/jobs'))} -d ${body}`;
}

/** The place of the token, when one is needed: never the token itself. */
export function withToken(command) {
    return sessionStorage.getItem('mlpd.token')
        ? command.replace('curl ', 'curl -H "Authorization: Bearer $MLPD_TOKEN" ')
        : command;
}
