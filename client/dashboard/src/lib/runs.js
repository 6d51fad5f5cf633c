// All runs of a job, for pictures of the whole.
import { get } from './api.js';

export const RUNS_MAX = 2000;

/** At most RUNS_MAX runs, in the order of their numbers: of more, the best by `order`. */
export async function allRuns({ id, runs: { total } }, order) {
    const runs = [],
        by = total > RUNS_MAX ? `&order_by=${order}` : '';
    for (let cursor = ''; cursor !== null && runs.length < RUNS_MAX;) {
        const from = cursor && `&cursor=${encodeURIComponent(cursor)}`;
        const page = await get(`v1/jobs/${id}/runs?limit=200${by}${from}`);
        runs.push(...page.data);
        cursor = page.next;
    }
    return runs.sort((a, b) => a.number - b.number);
}
