// Which page is shown: the view is in the hash, so that the page lives under any path of any proxy.
import { formatHash, matchPath, parseHash } from './url.js';

let routes = [],
    current = null,
    place = null,
    generation = 0;

/** Changes the query of the view without leaving it; undefined removes a value. */
export function setQuery(changes) {
    const { path, query } = parseHash(location.hash);
    const next = { ...query, ...changes },
        order = [...new Set([...Object.keys(changes), ...Object.keys(next)])];
    history.replaceState(null, '', formatHash(path, Object.fromEntries(order.map((name) => [name, next[name]]))));
    current?.update?.(parseHash(location.hash).query);
}

export function go(path, query) {
    location.hash = formatHash(path, query);
}

function find(path) {
    for (const route of routes) {
        const parameters = matchPath(route.path, path);
        if (parameters) return { route, parameters };
    }
    return null;
}

/** Loads the module of the first view while other things get ready, which may ask for what it shows: early({query}). */
export async function preload(table) {
    routes = table;
    const { path, query } = parseHash(location.hash),
        { route, parameters } = find(path) ?? find('/jobs');
    (await route.load()).early?.({ parameters, query });
}

async function open(force) {
    const { path, query } = parseHash(location.hash),
        mine = ++generation;
    if (!force && path === place) return current?.update?.(query);
    const found = find(path) ?? find('/jobs');
    const { page } = await found.route.load();
    if (mine !== generation) return;
    current?.close?.();
    place = path;
    current = page({ parameters: found.parameters, query });
    shown(current, found.route);
}

let shown = () => {};

/**
 * routes: [{path: "/runs/{run}", load: () => import(...)}]; a module exports page({parameters, query}), which returns
 * {title, element, update?(query), close?()}. show(page, route) puts it in place.
 */
export function startRouter(table, show) {
    routes = table;
    shown = show;
    addEventListener('hashchange', () => open(false));
    return open(true);
}

/** Makes the page anew, in another language say. */
export function reopen() {
    return open(true);
}
