// The playground: a form from the model itself, answers that are the daemon's own, the same as curl, and whole files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, endless, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens',
    MARKUP = '<img src=x onerror=alert(1)>';
let species, mass, marked;

async function runOf(job) {
    const [run] = await daemon.runsOf((await daemon.train({ epochs: 20, ...job })).id);
    return run;
}

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
    species = await runOf({ name: 'which penguin?' });
    mass = await runOf({ target: 'body_mass_g', features: ['species', 'flipper_length_mm'] });
    const rows = Array.from({ length: 60 }, (_, i) => `${i},${i % 3 ? MARKUP : 'plain'},${i % 2 ? MARKUP : 'other'}`);
    await daemon.call('/v1/datasets?name=marked', `x,${MARKUP},y\n${rows.join('\n')}\n`, { type: 'text/csv' });
    marked = await runOf({ dataset: 'marked', target: 'y' });
});
after(() => daemon.remove());

const open = (run, query, action, options) => visit(`${daemon.url}/#/runs/${run.id}/predict${query}`, action, options);
const ask = async (run, row) => (await daemon.call(`/v1/runs/${run.id}/predict`, { instances: [row] })).predictions[0];
const start = {
    island: 'Biscoe',
    bill_length_mm: 43.9,
    bill_depth_mm: 17.2,
    flipper_length_mm: 201,
    body_mass_g: 4200,
    sex: 'female',
    year: 2008,
};
const field = (page, column) => page.locator(`[data-column=${column}]`).locator('input, select').first();
const sent = async (page) => JSON.parse(/-d '(.*)'$/s.exec(await page.locator('#prediction pre').textContent())[1]);
const percent = (share) => `${Math.round(share * 10000) / 100}%`;

/** Waits until the bars are those of the row. */
async function shows(page, run, row) {
    const { class: best, probabilities } = await ask(run, row),
        wanted = Object.entries(probabilities).map(([name, share]) => name + percent(share));
    await eventually(
        async () => (await page.locator('.bars-table tbody tr').allTextContents()).join() === wanted.join(),
        `${wanted} for ${JSON.stringify(row)}`,
    );
    assert.equal(await page.locator('.bars-table .best th').textContent(), best);
    assert.ok((await page.locator('#says').textContent()).startsWith(`${best}, `));
}

async function saved(page) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#save-predicted').click()]);
    const text = readFileSync(await download.path(), 'utf8');
    return { name: download.suggestedFilename(), lines: text.trimEnd().split('\n') };
}

test('a run leads to its playground, which starts with a row in the middle', async () => {
    await visit(`${daemon.url}/#/runs/${species.id}`, async (page) => {
        await page.locator('#try').click();
        await page.locator('.bars-table tbody tr').first().waitFor();
        const row = (await sent(page)).instances[0];
        assert.deepEqual(Object.keys(row), Object.keys(start));
        for (const [name, value] of Object.entries(row))
            if (typeof value === 'number') assert.ok(Math.abs(value / start[name] - 1) < 0.01, `${name} ${value}`);
            else assert.equal(value, start[name]);
        await shows(page, species, row);
        await page.getByRole('link', { name: 'which penguin?' }).waitFor();
    });
});

test('what is changed is predicted at once, and stays in the address', async () => {
    await open(species, '', async (page) => {
        await page.locator('.bars-table tbody tr').first().waitFor();
        const { instances } = await sent(page);
        await field(page, 'flipper_length_mm').fill('230');
        await shows(page, species, { ...instances[0], flipper_length_mm: 230 });
        const depth = Math.round(instances[0].bill_depth_mm * 10 - 1) / 10; // a tenth of a millimetre is a step
        await field(page, 'bill_depth_mm').press('ArrowDown');
        await shows(page, species, { ...instances[0], flipper_length_mm: 230, bill_depth_mm: depth });
        await field(page, 'island').selectOption('=Dream');
        const row = { ...instances[0], flipper_length_mm: 230, bill_depth_mm: depth, island: 'Dream' };
        await shows(page, species, row);
        await page.waitForURL(/row=/);
        await page.reload();
        await shows(page, species, row);
        assert.equal(await field(page, 'island').inputValue(), '=Dream');
        assert.equal(await field(page, 'flipper_length_mm').inputValue(), '230');
        await page.locator('#reset').click();
        await shows(page, species, instances[0]);
        await eventually(() => !page.url().includes('row='), 'nothing is changed any more');
    });
});

test('what is missing and what was never seen is sent so, and warned of', async () => {
    await open(species, '', async (page) => {
        await page.locator('.bars-table tbody tr').first().waitFor();
        const [row] = (await sent(page)).instances;
        await field(page, 'bill_length_mm').fill('');
        await field(page, 'sex').selectOption('');
        await page.locator('#warnings', { hasText: '2 values are missing' }).waitFor();
        await field(page, 'island').selectOption('?');
        await page.keyboard.type("O'Higgins");
        await page.locator('#warnings', { hasText: 'One category never occurred' }).waitFor();
        const changed = { ...row, bill_length_mm: null, sex: null, island: "O'Higgins" };
        await shows(page, species, changed);
        await page.reload();
        await shows(page, species, changed);
        assert.equal(await page.getByLabel('Another value of island').inputValue(), "O'Higgins");
        assert.equal(await field(page, 'bill_length_mm').inputValue(), '');
    });
});

test('the curl beside it does the same', async () => {
    const row = encodeURIComponent(JSON.stringify({ island: "O'Higgins", body_mass_g: 5000 }));
    await open(species, `?row=${row}`, async (page) => {
        await page.locator('.bars-table tbody tr').first().waitFor();
        const command = await page.locator('#prediction pre').textContent();
        const { predictions } = JSON.parse(execFileSync('bash', ['-c', `${command} -sS`], { encoding: 'utf8' }));
        const texts = await page.locator('.bars-table tbody tr').allTextContents();
        assert.deepEqual(
            texts,
            Object.entries(predictions[0].probabilities).map(([name, share]) => name + percent(share)),
        );
    });
});

test('the button that copies the curl covers none of it, however narrow the page', async () => {
    for (const width of [360, 1280])
        await open(
            species,
            '',
            async (page) => {
                const code = page.locator('#prediction pre'),
                    button = page.locator('#prediction .copyable button');
                await code.waitFor();
                const [above, below] = [await button.boundingBox(), await code.boundingBox()];
                assert.ok(above.y + above.height <= below.y, `${width}: ${JSON.stringify([above, below])}`);
                assert.ok(above.x + above.width <= width);
            },
            { viewport: { width, height: 800 } },
        );
});

test('a number comes in its own units, with its usual error', async () => {
    await open(mass, '', async (page) => {
        await page.locator('#says', { hasText: 'body_mass_g' }).waitFor();
        await field(page, 'flipper_length_mm').fill('215');
        const wanted = await ask(mass, { species: 'Adelie', flipper_length_mm: 215 });
        const text = `body_mass_g ${Number(wanted.toPrecision(6)).toLocaleString('en')}`;
        await page.locator('#says', { hasText: text }).waitFor();
        const error = Number(mass.metrics.valid_rmse.toPrecision(4)).toLocaleString('en');
        await page.locator('#prediction', { hasText: `within ${error}` }).waitFor();
    });
});

test('a file comes back with its predictions behind it', async () => {
    const file = readFileSync('tests/data/penguins.csv', 'utf8'),
        lines = file.trimEnd().split(/\r?\n/);
    const response = await fetch(`${daemon.url}/v1/runs/${species.id}/predict`, {
        method: 'POST',
        body: file,
        headers: { 'Content-Type': 'text/csv' },
    });
    const wanted = (await response.text()).trimEnd().split('\n');
    await open(species, '', async (page) => {
        await page.locator('#rows').setInputFiles('tests/data/penguins.csv');
        await page.locator('#predicted', { hasText: '344 rows: Adelie' }).waitFor();
        const { name, lines: joined } = await saved(page);
        assert.equal(name, 'penguins-predicted.csv');
        assert.deepEqual(
            joined,
            lines.map((line, i) => `${line},${wanted[i]}`),
        );
        assert.equal(await page.locator('#predicted tbody tr').count(), 10);
    });
});

test('pasted rows with semicolons and decimal commas stay so', async () => {
    await open(mass, '', async (page) => {
        await page.locator('#pasted').fill('flipper_length_mm;species\n190,5;Adelie\n220,5;Gentoo\n');
        await page.locator('#predict-pasted').click();
        await page.locator('#predicted', { hasText: '2 rows' }).waitFor();
        const { lines } = await saved(page);
        assert.equal(lines[0], 'flipper_length_mm;species;prediction');
        const wanted = await ask(mass, { species: 'Gentoo', flipper_length_mm: 220.5 });
        assert.equal(lines[2], `220,5;Gentoo;${String(wanted).replace('.', ',')}`);
    });
});

test('a file of more rows than a request takes is sent in parts', async () => {
    const rows = Array.from({ length: 10500 }, (_, i) => `${170 + (i % 60)},${i % 2 ? 'Adelie' : 'Gentoo'}`);
    await open(mass, '', async (page) => {
        const buffer = Buffer.from(`flipper_length_mm,species\n${rows.join('\n')}\n`);
        await page.locator('#rows').setInputFiles({ name: 'many.csv', mimeType: 'text/csv', buffer });
        await page.locator('#predicted', { hasText: '10,500 rows' }).waitFor();
        const { lines } = await saved(page);
        assert.equal(lines.length, 10501);
        for (const i of [0, 9999, 10000, 10499]) {
            const wanted = await ask(mass, {
                species: i % 2 ? 'Adelie' : 'Gentoo',
                flipper_length_mm: 170 + (i % 60),
            });
            assert.equal(lines[i + 1], `${rows[i]},${wanted}`);
        }
    });
});

test('a file that the model does not know says what is wrong with it', async () => {
    await open(
        mass,
        '',
        async (page) => {
            await page.locator('#pasted').fill('flipper,species\n190,Adelie\n');
            await page.locator('#predict-pasted').click();
            await page.getByRole('alert').getByText('"flipper"').first().waitFor();
            const looked = page.waitForResponse((response) => response.url().endsWith(`/v1/runs/${mass.id}`));
            await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
            await looked;
            await page.waitForTimeout(100);
            assert.ok(await page.getByRole('alert').isVisible(), 'it stays when the run is read again');
            await page.locator('#pasted').fill('flipper_length_mm');
            await page.locator('#predict-pasted').click();
            await page.getByText('There is no row').waitFor();
        },
        { failures: ['422'] },
    );
});

test('names with markup are text', async () => {
    await open(marked, '', async (page) => {
        await page.locator('.bars-table th', { hasText: MARKUP }).waitFor();
        await page.locator('label', { hasText: MARKUP }).waitFor();
        await page.locator('#pasted').fill(`x,${MARKUP}\n3,${MARKUP}\n`);
        await page.locator('#predict-pasted').click();
        await page.locator('#predicted th', { hasText: MARKUP }).first().waitFor();
        assert.equal(await page.locator('img').count(), 0);
    });
});

test('a run that has no model yet says so, and its playground opens once it has', async () => {
    const job = await daemon.train({ ...endless, target: 'sex' }, { wait: false }),
        run = await eventually(async () => (await daemon.runsOf(job.id))[0], 'the run');
    await open(run, '', async (page) => {
        await page.getByText('There is no model yet').waitFor();
        await eventually(async () => (await daemon.call(`/v1/runs/${run.id}`)).epoch > 0, 'an epoch');
        await daemon.call(`/v1/jobs/${job.id}/cancel`, '');
        await eventually(async () => (await daemon.call(`/v1/jobs/${job.id}`)).terminal, 'its end');
        const { model_sha256: model } = await daemon.call(`/v1/runs/${run.id}`);
        if (model) await page.locator('.bars-table tbody tr').first().waitFor();
        else await page.getByText('the run is cancelled').waitFor();
    });
});

for (const colorScheme of ['light', 'dark'])
    test(`axe finds nothing in the playground in ${colorScheme} colors`, async () => {
        const looks = { species: [species, 1280, '?row={"sex":null,"island":"Mars"}'], mass: [mass, 390, ''] };
        for (const [name, [run, width, query]] of Object.entries(looks))
            await open(
                run,
                query,
                async (page) => {
                    await page.locator('#says', { hasText: /\d/ }).waitFor();
                    const names = (await page.locator('#pasted').getAttribute('placeholder')).split(',');
                    await page.locator('#pasted').fill(`${names}\n${names.map(() => '')}\n`);
                    await page.locator('#predict-pasted').click();
                    await page.locator('#predicted tbody tr').first().waitFor();
                    assert.deepEqual(await violations(page), [], `${name} ${colorScheme}`);
                    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), name);
                    await page.screenshot({ path: `${screens}/playground-${name}-${colorScheme}.png`, fullPage: true });
                },
                { colorScheme, viewport: { width, height: 800 }, ...(width === 390 && { locale: 'es-ES' }) },
            );
    });
