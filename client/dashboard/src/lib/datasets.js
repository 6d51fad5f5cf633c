// Datasets, and names for new ones.
import { get } from './api.js';

/** Those that came last, 200 at most. */
export async function newestDatasets() {
    return (await get('v1/datasets?limit=200')).data;
}

/** "My data (2).csv" -> "My-data-2": a name that a dataset may have. Pure. */
export function datasetName(file) {
    const name = file
        .replace(/\.[^.]*$/, '')
        .replace(/[^A-Za-z0-9._-]+/g, '-')
        .replace(/^[^A-Za-z0-9]+|-+$/g, '');
    return name.slice(0, 120) || 'table';
}

/**
 * name, or name-2, name-3, ...: the first that no other table has. One of as many bytes may well be the same table,
 * which may come again under its name. Pure.
 */
export function freeName(name, bytes, datasets) {
    const taken = new Map(datasets.map((dataset) => [dataset.name, dataset.bytes]));
    for (let n = 1; ; n++) {
        const next = n === 1 ? name : `${name}-${n}`;
        if (!taken.has(next) || taken.get(next) === bytes) return next;
    }
}
