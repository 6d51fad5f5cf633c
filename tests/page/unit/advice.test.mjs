import assert from 'node:assert/strict';
import test from 'node:test';
import { advise } from '../../../client/dashboard/src/lib/advice.js';

const N = 20;
const epoch = Array.from({ length: N }, (_, i) => i + 1);
const fill = (value) => epoch.map(() => value);
const falling = (from, to) => epoch.map((e) => from * (to / from) ** ((e - 1) / (N - 1)));

function layer(number, changes = {}) {
    return {
        layer: number,
        gradient_norm: fill(0.1),
        update_ratio: fill(1e-3),
        dead: fill(0),
        saturated: fill(0),
        ...changes,
    };
}

/** A run that learns well, with what is to be different. */
function case_({ activations = ['relu', 'relu'], layers = [layer(1), layer(2), layer(3)], epochs = {}, run = {} }) {
    return [
        {
            status: 'succeeded',
            failure: null,
            spec: { optimizer: { learning_rate: 0.1 } },
            layers: [...activations, 'softmax'].map((activation, i) => ({ layer: i + 1, units: 10, activation })),
            ...run,
        },
        { epoch, layers },
        { epoch, train_loss: [...falling(1, 0.1).slice(0, -3), 0.1, 0.1, 0.1], valid_loss: fill(0.2), ...epochs },
    ];
}

const codes = (parts) => advise(...case_(parts)).map(({ code }) => code);

test('a network that learns is told so', () => {
    assert.deepEqual(codes({}), ['fine']);
});

test('step stops the gradient, and it is said which layers get none', () => {
    const found = advise(
        ...case_({
            activations: ['relu', 'step'],
            layers: [layer(1, { gradient_norm: fill(0) }), layer(2, { gradient_norm: fill(0) }), layer(3)],
        }),
    );
    assert.equal(found[0].code, 'steps');
    assert.equal(found[0].values.layer, 2);
    assert.equal(
        advise(...case_({ activations: ['step'], layers: [layer(1, { gradient_norm: fill(0) }), layer(2)] }))[0].code,
        'step',
    );
});

test('gradients that vanish or explode are told apart', () => {
    assert.deepEqual(codes({ layers: [layer(1, { gradient_norm: fill(1e-6) }), layer(2), layer(3)] }), ['vanishing']);
    assert.deepEqual(codes({ layers: [layer(1), layer(2), layer(3, { gradient_norm: falling(0.1, 100) })] }), [
        'exploding',
    ]);
});

test('dead and saturated units come with their number', () => {
    const [found] = advise(...case_({ layers: [layer(1, { dead: fill(0.6) }), layer(2), layer(3)] }));
    assert.deepEqual(
        [found.code, found.level, found.values.count, found.values.units, found.values.epoch],
        ['dead', 'bad', 6, 10, N],
    );
    assert.deepEqual(
        codes({ activations: ['tanh', 'relu'], layers: [layer(1, { saturated: fill(0.3) }), layer(2), layer(3)] }),
        ['saturated'],
    );
});

test('steps that jump and steps that crawl', () => {
    assert.deepEqual(codes({ layers: [layer(1), layer(2, { update_ratio: fill(0.2) }), layer(3)] }), ['jumps']);
    const tiny = [1, 2, 3].map((number) => layer(number, { update_ratio: fill(1e-6) }));
    assert.deepEqual(codes({ layers: tiny, epochs: { train_loss: falling(1, 0.99), valid_loss: falling(1, 0.99) } }), [
        'crawls',
    ]);
});

test('a network that stands still is not called fine', () => {
    const still = { train_loss: falling(1.1, 1.05), valid_loss: falling(1.1, 1.05) };
    assert.deepEqual(codes({ epochs: still }), ['stuck']);
    assert.deepEqual(codes({ epochs: { train_loss: falling(1, 1.4), valid_loss: falling(1, 1.4) } }), ['worse']);
    // gradients that would do for one that learns are why this one does not
    const faint = [layer(1, { gradient_norm: fill(0.002) }), layer(2), layer(3, { gradient_norm: fill(0.2) })];
    assert.deepEqual(codes({ layers: faint }), ['fine']);
    assert.deepEqual(codes({ layers: faint, epochs: still }), ['vanishing']);
});

test('overfitting needs a falling training loss and a rising validation loss', () => {
    const rising = [0.5, 0.4, 0.3, ...epoch.slice(3).map((e) => 0.3 + e / 50)];
    assert.deepEqual(codes({ epochs: { train_loss: falling(1, 0.01), valid_loss: rising } }), ['overfits']);
    assert.deepEqual(codes({ epochs: { train_loss: falling(0.1, 1), valid_loss: rising } }), ['worse']);
});

test('divergence comes first, with what the run says of it', () => {
    const failure = { code: 'diverged', epoch: 3, detail: 'a weight is not finite' };
    const found = advise(
        ...case_({ run: { status: 'failed', failure }, layers: [layer(1, { dead: fill(0.3) }), layer(2), layer(3)] }),
    );
    assert.deepEqual(
        found.map(({ code }) => code),
        ['diverged', 'dead'],
    );
    assert.equal(found[0].values.detail, failure.detail);
});

test('identity everywhere is a linear model; a loss that still falls wants more epochs', () => {
    assert.deepEqual(codes({ activations: ['identity', 'identity'] }), ['fine', 'linear']);
    assert.deepEqual(codes({ epochs: { train_loss: falling(1, 0.001) } }), ['fine', 'unfinished']);
});

test('before the first epoch nothing is judged', () => {
    assert.deepEqual(
        advise(
            { layers: null, failure: null },
            { epoch: [], layers: [] },
            { epoch: [], train_loss: [], valid_loss: [] },
        ).map(({ code }) => code),
        ['early'],
    );
});
