// Requests to the daemon that served this page, wherever a proxy has put it. A GET carries the ETag of what is known,
// and what has not changed comes back as the very same object.

const base = new URL('.', document.baseURI);
const known = new Map(); // path -> {etag, data}; the oldest leaves first
const KNOWN_MAX = 300;

/** An answer that is an error (RFC 9457), or no answer at all (status 0). */
export class Problem extends Error {
    constructor(status, body = {}) {
        super(body.detail || body.title || `HTTP ${status}`);
        this.status = status;
        this.title = body.title ?? '';
        this.type = (body.type ?? '').replace(/^.*\//, '');
        this.errors = body.errors ?? [];
        this.instance = body.instance ?? '';
    }
}

// ---- the connection
// ---------------------------------------------------------------------------------------------------

const connection = { online: true, seen: Date.now() };
const listeners = new Set();

/** {online, seen}: seen is when the daemon last answered, in milliseconds. */
export function connectionState() {
    return connection;
}

export function onConnection(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

/** The daemon answered (or a stream did), or did not. */
export function noteConnection(online) {
    const changed = connection.online !== online;
    connection.online = online;
    if (online) connection.seen = Date.now();
    if (changed) listeners.forEach((listener) => listener(connection));
}

// ---- the token
// -------------------------------------------------------------------------------------------------------- Kept in
// sessionStorage: it survives a reload of this tab, is not shared with other tabs, is never on disk, and is gone with
// the tab. localStorage would keep it for whoever uses the browser next.

let asking = null,
    declined = false,
    askForToken = async () => null;

export function onTokenNeeded(ask) {
    askForToken = ask;
}

export function authorization() {
    const token = sessionStorage.getItem('mlpd.token');
    return token ? { Authorization: `Bearer ${token}` } : {};
}

/** After the reader would not say: the next request asks again. */
export function askAgain() {
    declined = false;
}

/** Asks once, however many requests wait for it, and no more once the reader would not say: then false. */
async function askOnce(refused) {
    if (declined) return false;
    asking ??= askForToken(refused).finally(() => {
        asking = null;
    });
    const token = await asking;
    declined = !token;
    if (token) sessionStorage.setItem('mlpd.token', token);
    return Boolean(token);
}

// ---- requests
// ---------------------------------------------------------------------------------------------------------

export function address(path) {
    return new URL(path.replace(/^\//, ''), base).href;
}

async function ask(path, options) {
    try {
        return await fetch(address(path), {
            cache: 'no-store',
            ...options,
            headers: { ...options.headers, ...authorization() },
        });
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        noteConnection(false);
        throw new Problem(0, { title: 'offline', detail: error.message });
    }
}

async function problemOf(response) {
    return new Problem(response.status, await response.json().catch(() => ({})));
}

/** Any request: the Response of a success; throws a Problem. options are those of fetch. */
export async function send(path, options = {}) {
    let response = await ask(path, options);
    while (response.status === 401) {
        const refused = 'Authorization' in authorization();
        if (!(await askOnce(refused))) break;
        response = await ask(path, options);
    }
    noteConnection(true);
    if (!response.ok && response.status !== 304) throw await problemOf(response);
    return response;
}

let early = null; // {path, answer}

/** Asks for what the first view shows while the page gets ready; get() of the same path takes the answer, if any. */
export function askEarly(path) {
    early = { path, answer: ask(path, {}).catch(() => null) };
}

async function takeEarly(path) {
    if (early?.path !== path) return null;
    const { answer } = early;
    early = null;
    const response = await answer;
    if (!response?.ok) return null;
    noteConnection(true);
    return response;
}

function remember(path, etag, data) {
    known.delete(path);
    known.set(path, { etag, data });
    if (known.size > KNOWN_MAX) known.delete(known.keys().next().value);
}

/** GET as JSON. */
export async function get(path, options = {}) {
    const before = known.get(path);
    const response =
        (await takeEarly(path)) ??
        (await send(path, { ...options, headers: before ? { 'If-None-Match': before.etag } : {} }));
    if (response.status === 304) return before.data;
    const data = await response.json(),
        etag = response.headers.get('ETag');
    if (etag) remember(path, etag, data);
    return data;
}

/** POST of JSON, or of a text with its type; the answer as JSON (null for none). */
export async function post(path, body, { type = 'application/json', method = 'POST', headers = {} } = {}) {
    const text = type === 'application/json' && body !== undefined ? JSON.stringify(body) : body;
    const response = await send(path, {
        method,
        body: text,
        headers: text === undefined ? headers : { 'Content-Type': type, ...headers },
    });
    return response.status === 204 ? null : response.json();
}

export function remove(path) {
    return send(path, { method: 'DELETE' });
}
