// The address of a view: "#/runs/7?x=update&from=10". Pure functions; router.js applies them.

/** "#/runs/7?x=update" -> {path: "/runs/7", query: {x: "update"}} */
export function parseHash(hash) {
    const [path, query] = hash.replace(/^#/, '').split(/\?(.*)/s);
    return { path: '/' + path.replace(/^\/+|\/+$/g, ''), query: Object.fromEntries(new URLSearchParams(query ?? '')) };
}

/** The reverse. Values that are absent or empty are left out. */
export function formatHash(path, query = {}) {
    const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
    const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)]))
        .toString()
        .replaceAll('%2C', ',')
        .replaceAll('%2F', '/');
    return '#' + path + (text ? '?' + text : '');
}

/** "/runs/{run}" against "/runs/7" -> {run: "7"}; null when it is another path. */
export function matchPath(pattern, path) {
    const wanted = pattern.split('/'),
        given = path.split('/'),
        parameters = {};
    if (wanted.length !== given.length) return null;
    for (let i = 0; i < wanted.length; i++)
        if (wanted[i].startsWith('{')) parameters[wanted[i].slice(1, -1)] = decodeURIComponent(given[i]);
        else if (wanted[i] !== given[i]) return null;
    return parameters;
}

/** "1,2,x" -> [1, 2]: ids of a query parameter. */
export function parseIds(text) {
    return [
        ...new Set(
            (text ?? '')
                .split(',')
                .filter((id) => /^[0-9]{1,15}$/.test(id))
                .map(Number),
        ),
    ];
}

/** A whole number of a query parameter, or the fallback. */
export function parseWhole(text, fallback) {
    return /^[0-9]{1,15}$/.test(text ?? '') ? Number(text) : fallback;
}
