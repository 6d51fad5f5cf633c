// The sample: the penguins' table is part of the page, and is uploaded by it like any other.
/* global SAMPLE_CSV */
import { post, send } from './api.js';
import { freeName, newestDatasets } from './datasets.js';

export const sampleJob = {
    name: 'penguins, first steps',
    dataset: 'penguins',
    target: 'species',
    network: { hidden: [{ units: 16, activation: 'relu' }] },
    optimizer: { name: 'momentum', learning_rate: 0.01, momentum: 0.9 },
    epochs: 200,
    seed: 7,
};

/** The course's exercise: how momentum and learning rate go together. */
export const exercise = {
    ...sampleJob,
    name: 'momentum × learning rate',
    optimizer: { name: 'momentum' },
    grid: { '/optimizer/momentum': [0, 0.5, 0.9, 0.99], '/optimizer/learning_rate': [0.0001, 0.001, 0.01, 0.1, 1] },
};

/** Uploads the sample and starts a job on it: the job. The same bytes again are no new dataset. */
export async function trainOnSample(job = sampleJob) {
    const csv = await (await send(SAMPLE_CSV)).text();
    const name = freeName('penguins', new Blob([csv]).size, await newestDatasets());
    const dataset = await post(`v1/datasets?name=${name}`, csv, { type: 'text/csv' });
    return post('v1/jobs', { ...job, dataset: dataset.name });
}
