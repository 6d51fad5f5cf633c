// A job from nothing but the page: a file, its columns, the form, and what the daemon says of it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
const field = (page, pointer) => page.locator(`[id="field${pointer}"]`);
const fact = (page, n) => page.locator('#estimate dd').nth(n);

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
});
after(() => daemon.remove());

async function upload(page) {
    await page.goto(`${daemon.url}/#/new`);
    await page.locator('#file').setInputFiles('tests/data/penguins.csv');
    await eventually(async () => (await page.locator('#dataset').inputValue()) === 'penguins', 'it is chosen');
    await page.locator('#columns').waitFor();
    await page.locator('#start:enabled').waitFor();
}

test('a file is dropped, its columns are edited, and a grid is trained', async () => {
    await visit(daemon.url, async (page) => {
        await page.goto(`${daemon.url}/#/new`);
        await page.locator('.drop').waitFor();
        await page.locator('#estimate', { hasText: 'Upload' }).waitFor();
        const data = await page.evaluateHandle(() => {
            const transfer = new DataTransfer(),
                rows = Array.from({ length: 40 }, (_, i) => `${i},${i % 3},${i % 2 ? 'yes' : 'no'}`);
            transfer.items.add(new File([`a,b,c\n${rows.join('\n')}\n`], 'my table.csv', { type: 'text/csv' }));
            return transfer;
        });
        await page.dispatchEvent('.drop', 'drop', { dataTransfer: data });
        await page.locator('#columns').waitFor();
        assert.equal(await page.locator('#dataset').inputValue(), 'my-table');
        assert.ok(await page.getByLabel('c is the target').isChecked());
        await page.getByLabel('How b is read').selectOption('ordinal');
        await page.getByLabel('The order of b').fill('0, 1, 2');
        await page.getByLabel('How a is read').selectOption('ignore');
        await field(page, '/optimizer/learning_rate').fill('0.01 0.1');
        await field(page, '/epochs').fill('5');
        await eventually(async () => (await fact(page, 0).textContent()) === '2', 'two runs are announced');
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/jobs\/\d+/);
        const job = await daemon.call(`/v1/jobs/${/\d+$/.exec(page.url())[0]}`);
        assert.equal(job.spec.columns.a.role, 'ignore');
        assert.deepEqual([job.spec.columns.b.role, job.spec.columns.b.order.map(String)], ['ordinal', ['0', '1', '2']]);
        assert.deepEqual(job.spec.grid, { '/optimizer/learning_rate': [0.01, 0.1] });
    });
});

test('fields are judged as one types, each at its place', async () => {
    await visit(daemon.url, async (page) => {
        await upload(page);
        const parameters = await fact(page, 1).textContent();
        await field(page, '/network/hidden/0/units').fill('0');
        await page.locator('[id="field/network/hidden/0/units-error"]', { hasText: 'at least 1' }).waitFor();
        assert.equal(await field(page, '/network/hidden/0/units').getAttribute('aria-invalid'), 'true');
        assert.ok(await page.locator('#start').isDisabled());
        await field(page, '/network/hidden/0/units').fill('4');
        await page.locator('#start:enabled').waitFor();
        assert.notEqual(await fact(page, 1).textContent(), parameters);
        assert.match(await page.locator('#result pre').textContent(), /curl .*\/v1\/jobs.*"units": 4/s);
    });
});

test('only what applies is asked for, and layers come and go', async () => {
    await visit(daemon.url, async (page) => {
        await upload(page);
        await field(page, '/optimizer/beta1').waitFor();
        await eventually(async () => !(await field(page, '/optimizer/momentum').isVisible()), 'adamw has no momentum');
        await field(page, '/optimizer/name').selectOption('momentum');
        await field(page, '/optimizer/momentum').waitFor();
        await eventually(async () => !(await field(page, '/optimizer/beta1').isVisible()), 'momentum has no beta1');
        await page.locator('#add-layer').click();
        await field(page, '/network/hidden/1/units').waitFor();
        await page.getByLabel('Remove layer 1').click();
        await field(page, '/network/hidden/1/units').waitFor({ state: 'detached' });
        await page.locator('#start:enabled').waitFor();
    });
});

test('a table that is dropped before the rest is there waits for it', async () => {
    await visit(daemon.url, async (page) => {
        await page.route('**/v1/schema', async (route) => {
            await new Promise((done) => setTimeout(done, 1500));
            await route.continue();
        });
        await upload(page);
        await page.locator('#columns').waitFor();
        await page.locator('#start:enabled').waitFor();
    });
});

test('a job is cloned with all that it says', async () => {
    await daemon.uploadPenguins();
    const job = await daemon.train({
        name: 'first',
        epochs: 3,
        target: 'sex',
        batch_size: 'full',
        columns: { year: { role: 'ignore' } },
    });
    await visit(`${daemon.url}/#/jobs/${job.id}`, async (page) => {
        await page.locator('#clone').click();
        await page.locator('#columns').waitFor();
        assert.equal(await page.locator('#name').inputValue(), 'first');
        assert.ok(await page.getByLabel('sex is the target').isChecked());
        assert.equal(await page.getByLabel('How year is read').inputValue(), 'ignore');
        assert.equal(await field(page, '/batch_size').inputValue(), 'full');
        await page.locator('#name').fill('second');
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/(jobs|runs)\/\d+/);
        const { data } = await daemon.call('/v1/jobs?name=second');
        assert.deepEqual({ ...data[0].spec, name: 'first' }, job.spec);
    });
});

const several = {
    'a grid over numbers, choices, truth values and whole objects': {
        network: { hidden: [{ units: 4 }, { units: 3, dropout: 0.1 }] },
        grid: {
            '/network/hidden/0/units': [4, 8],
            '/network/hidden/1/activation': ['relu', 'tanh'],
            '/network/hidden/1/batch_normalization': [false, true],
            '/early_stopping': [null, { patience: 2, metric: 'valid_accuracy' }],
            '/class_weights': [null, 'balanced'],
            '/columns/year/role': ['numeric', 'categorical'],
        },
    },
    'a search with its runs and seed, and halving': {
        epochs: 4,
        search: {
            parameters: {
                '/optimizer/learning_rate': { log_uniform: [0.001, 0.1] },
                '/network/hidden/0/units': { uniform: [2, 9] },
                '/network/hidden/0/activation': { choice: ['relu', 'tanh'] },
            },
            runs: 3,
            seed: 9,
        },
        halving: { metric: 'train_loss', min_epochs: 1, reduction: 2 },
    },
    'features, columns and weights': {
        target: 'species',
        features: ['year', 'island', 'bill_length_mm'],
        columns: {
            island: { role: 'ordinal', order: ['Dream', 'Biscoe', 'Torgersen'], scaling: 'minmax' },
            year: { role: 'categorical', min_frequency: 3, category_limit: 5 },
        },
        class_weights: { Adelie: 2, Gentoo: 0.5 },
        network: { hidden: [] },
        batch_size: 'full',
    },
    'folds, stops and a schedule': {
        validation: { folds: 2 },
        optimizer: { name: 'momentum', learning_rate: 0.1, momentum: 0 },
        schedule: { name: 'step', factor: 0.5, every: 2, warmup_epochs: 1 },
        early_stopping: { metric: 'valid_accuracy', patience: 1 },
        stop: { seconds: 9 },
        regularization: { l1: 0.001, clip_norm: 0 },
        loss: 'cross_entropy',
        threads: 1,
    },
    'a column that marks the validation rows': {
        validation: { column: 'year', value: 2009, train_value: 2007 },
        sample_weight: 'body_mass_g',
        target: 'island',
        class_weights: 'balanced',
        dataset: 'whole',
    },
};

for (const [name, says] of Object.entries(several))
    test(`a clone is the same job: ${name}`, async () => {
        await daemon.uploadPenguins();
        const rows = readFileSync('tests/data/penguins.csv', 'utf8').split('\n');
        const whole = rows.filter((row) => !/,NA|,,/.test(row)).join('\n'); // weights are never missing
        await daemon.call('/v1/datasets?name=whole', whole, { type: 'text/csv' });
        const job = await daemon.train({ name, epochs: 2, target: 'sex', ...says });
        const { data: runs } = await daemon.call(`/v1/jobs/${job.id}/runs?limit=1`);
        const [{ id: first }] = runs;
        for (const source of [`job=${job.id}`, `run=${first}`])
            await visit(`${daemon.url}/#/new?${source}`, async (page) => {
                await page.locator('#start:enabled').click();
                await page.waitForURL(/#\/(jobs|runs)\/\d+/);
                const { data } = await daemon.call('/v1/jobs?limit=1');
                assert.notEqual(data[0].id, job.id);
                const alone = { ...(await daemon.call(`/v1/runs/${first}`)).spec, halving: null };
                assert.deepEqual(data[0].spec, source.startsWith('job') ? job.spec : alone);
            });
    });

test('what is written in the form outlives a reload, another language, and the way back', async () => {
    await visit(`${daemon.url}/#/new?dataset=penguins`, async (page) => {
        await page.locator('#start:enabled').waitFor();
        assert.ok(!page.url().includes('spec='), 'a form that nobody wrote in is not in the address');
        await page.locator('#target-1').check();
        await field(page, '/epochs').fill('3 4');
        await page.locator('#name').fill('kept <b>');
        const kept = async (why) => {
            await page.locator('#start:enabled').waitFor();
            assert.equal(await field(page, '/epochs').inputValue(), '3 4', why);
            assert.equal(await page.locator('#name').inputValue(), 'kept <b>', why);
        };
        await page.reload();
        await kept('a reload');
        await page.getByRole('button', { name: 'ES', exact: true }).click();
        await page.getByText('Nuevo trabajo').first().waitFor();
        await kept('another language');
        await page.locator('#start').click();
        await page.waitForURL(/#\/jobs\/\d+/);
        await page.goBack();
        await kept('the way back');
        const [{ spec }] = (await daemon.call('/v1/jobs?limit=1')).data;
        assert.deepEqual([spec.name, spec.target, spec.grid], ['kept <b>', 'island', { '/epochs': [3, 4] }]);
    });
});

test('a spec in the address that is none leaves the form as it is', async () => {
    await visit(`${daemon.url}/#/new?spec=%5B1%5D`, async (page) => page.locator('#start:enabled').waitFor());
});

test('a clone of a job that starts from a run is the same job', async () => {
    await daemon.uploadPenguins();
    const first = await daemon.train({ epochs: 1, network: { hidden: [{ units: 4 }, { units: 3 }] } });
    const [{ id: run }] = await daemon.runsOf(first.id);
    const job = await daemon.train({ epochs: 1, initial: { run } });
    await visit(`${daemon.url}/#/new?job=${job.id}`, async (page) => {
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/runs\/\d+/);
        const { data } = await daemon.call('/v1/jobs?limit=1');
        assert.deepEqual(data[0].spec, job.spec);
    });
});

test('a job starts from a run without saying its layers again', async () => {
    const { data } = await daemon.call('/v1/jobs?limit=200');
    const { initial } = data.find(({ spec }) => spec.initial).spec;
    await visit(`${daemon.url}/#/new?dataset=penguins`, async (page) => {
        await page.locator('#start:enabled').waitFor();
        await page.getByLabel('species is the target').check();
        await page.locator('summary', { hasText: 'initial' }).click();
        await page.locator('[id="on/initial"]').check();
        await field(page, '/initial/run').fill(String(initial.run));
        await field(page, '/network/hidden/1/units').waitFor(); // the layers are those of the run
        assert.equal(await field(page, '/network/hidden/1/units').getAttribute('placeholder'), '3');
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/(jobs|runs)\/\d+/);
    });
});

for (const colorScheme of ['light', 'dark'])
    test(`the form has nothing that axe complains of, in ${colorScheme} colors`, async () => {
        await visit(
            daemon.url,
            async (page) => {
                await upload(page);
                await field(page, '/epochs').fill('0');
                await page.locator('[id="field/epochs-error"]', { hasText: 'at least' }).waitFor();
                await page.screenshot({ path: `${screens}/new-${colorScheme}.png`, fullPage: true });
                await page.evaluate(() => scrollTo(0, 0)); // nothing lies half under the bar
                assert.deepEqual(await violations(page), []);
            },
            { colorScheme },
        );
    });
