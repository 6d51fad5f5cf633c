// How curves are looked at, as it stands in the address. Pure.

export const axes = ['epoch', 'update', 'time'];

function number(text, least, most, fallback) {
    const value = Number(text);
    return text !== undefined && text !== '' && Number.isFinite(value) && value >= least && value <= most
        ? value
        : fallback;
}

/**
 * {x, logX, logY, smooth, metric, from, to}: from and to are null for the whole run, and in units of the axis. logY is
 * null when it is left to the figures (see wantsLog).
 */
export function parseView(query) {
    const from = number(query.from, 0, 1e15, null),
        to = number(query.to, 0, 1e15, null);
    const part = from !== null && to !== null && from < to;
    return {
        x: axes.includes(query.x) ? query.x : 'epoch',
        logX: (query.log ?? '').includes('x'),
        logY: (query.log ?? '').includes('y') ? true : (query.log ?? '').includes('n') ? false : null,
        smooth: number(query.smooth, 0, 0.99, 0),
        metric: /^[a-z0-9_]+$/.test(query.metric ?? '') ? query.metric : 'loss',
        from: part ? from : null,
        to: part ? to : null,
    };
}

/** What setQuery takes, of a change of the view: values that are the default leave the address. */
export function viewQuery(view) {
    const log = (view.logX ? 'x' : '') + (view.logY === null ? '' : view.logY ? 'y' : 'n');
    const place = (value) => (value === null ? undefined : String(Number(value.toPrecision(9))));
    return {
        x: view.x === 'epoch' ? undefined : view.x,
        log: log || undefined,
        smooth: view.smooth || undefined,
        metric: view.metric === 'loss' ? undefined : view.metric,
        from: place(view.from),
        to: place(view.to),
    };
}

const DECADES = 30; // times: less than that is read as well on a plain axis

/** Whether losses are better seen on a logarithmic axis: of very different sizes (a loss of 0 has no place there). */
export function wantsLog(columns) {
    let least = Infinity,
        most = -Infinity;
    for (const value of columns.flat())
        if (value > 0) {
            least = Math.min(least, value);
            most = Math.max(most, value);
        }
    return most > DECADES * least;
}
