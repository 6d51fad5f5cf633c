// Every view over real jobs: what it shows, in both themes and languages, without complaint of axe.
import assert from 'node:assert/strict';
import { test, before, after } from 'node:test';
import { figure } from '../../../client/dashboard/src/lib/format.js';
import { Daemon, drawn, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon();
const MARKUP = '<img src=x onerror=alert(1)>"&amp;';
let grid, single, steps, marked, diverged;

withBrowser();
before(async () => {
    await daemon.start();
    await daemon.uploadPenguins();
    grid = await daemon.train({
        name: 'momentum study',
        epochs: 60,
        optimizer: { name: 'momentum' },
        network: { hidden: [{ units: 16 }] },
        grid: {
            '/optimizer/momentum': [0, 0.5, 0.9],
            '/optimizer/learning_rate': [0.001, 0.01, 0.1, 0.2],
            '/seed': [7],
        },
    });
    single = await daemon.train({
        name: 'one run',
        epochs: 300,
        network: { hidden: [{ units: 16 }] },
        schedule: { name: 'constant' },
    });
    steps = await daemon.train({
        name: 'step by step',
        epochs: 20,
        network: { hidden: [{ units: 8, activation: 'step' }] },
    });
    diverged = await daemon.train({
        name: 'too fast',
        target: 'body_mass_g',
        epochs: 50,
        network: { hidden: [{ units: 8, activation: 'identity' }] },
        optimizer: { name: 'sgd', learning_rate: 1000 },
    });
    const rows = Array.from(
        { length: 60 },
        (_, i) => `${i},${i % 2 ? MARKUP.replaceAll('"', '""').replace(/^|$/g, '"') : 'plain'}`,
    ).join('\n');
    await daemon.call('/v1/datasets?name=marked', `x,"${MARKUP.replaceAll('"', '""')}"\n${rows}\n`, {
        type: 'text/csv',
    });
    marked = await daemon.train({ name: MARKUP, dataset: 'marked', target: MARKUP, epochs: 5 });
});
after(() => daemon.remove());

const runUrl = async (job, query = '') => `${daemon.url}/#/runs/${(await daemon.runsOf(job.id))[0].id}${query}`;

test('the list of jobs has each with its status, best loss and network', async () => {
    await visit(daemon.url, async (page) => {
        const row = page.locator('tbody tr', { hasText: 'momentum study' });
        await row.waitFor();
        assert.match(await row.textContent(), /succeeded.*species of penguins.*16 relu.*12/);
        assert.equal(await row.locator('td').nth(5).textContent(), figure(grid.best.loss));
        assert.equal(await page.locator('tbody tr').count(), 5);
    });
});

test('the server filters by name and status, and the view is in the address', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('#search').fill('mom');
        await eventually(async () => (await page.locator('tbody tr').count()) === 1, 'one job is left');
        assert.match(page.url(), /#\/jobs\?name=mom$/);
        await page.locator('#search').fill('');
        await page.locator('#status').selectOption('failed');
        await page.locator('tbody tr', { hasText: 'too fast' }).waitFor();
        await eventually(async () => (await page.locator('tbody tr').count()) === 1, 'the failed one');
        await page.reload();
        await eventually(async () => (await page.locator('tbody tr').count()) === 1, 'the same after a reload');
        assert.equal(await page.locator('#status').inputValue(), 'failed');
    });
});

test('the server orders the list by a click on a column, and the order is in the address', async () => {
    const names = async (page) => (await page.locator('tbody td.name').allTextContents()).join();
    const wanted = async (query) => (await daemon.call(`/v1/jobs?${query}`)).data.map(({ name }) => name).join();
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        assert.equal(await page.locator('th[aria-sort=descending]').textContent(), 'Made ↓');
        for (const [key, query, hash] of [
            ['name', 'order_by=name', 'order=name'],
            ['name', 'order_by=name&desc=true', 'order=name&desc=true'],
            ['best.loss', 'order_by=best.loss', 'order=best.loss'],
            ['status', 'order_by=status', 'order=status'],
            ['created_at', 'order_by=created_at', 'order=created_at'],
            ['created_at', 'limit=50', ''],
        ]) {
            await page.locator(`[data-order="${key}"]`).press('Enter');
            const expected = await wanted(query);
            await eventually(async () => (await names(page)) === expected, `${query}: ${expected}`);
            assert.ok(page.url().endsWith(`#/jobs${hash && `?${hash}`}`), page.url());
            assert.equal(await page.evaluate(() => document.activeElement.dataset.order), key);
        }
    });
    await visit(`${daemon.url}/#/jobs?order=name&desc=true`, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        assert.equal(await names(page), await wanted('order_by=name&desc=true'));
        assert.equal(await page.locator('th[aria-sort=descending]').textContent(), 'Job ↓');
    });
});

test('a job overlays its runs and shows only the hyper-parameters that differ', async () => {
    await visit(`${daemon.url}/#/jobs/${grid.id}`, async (page) => {
        await page.getByRole('heading', { name: 'momentum study' }).waitFor();
        const heads = await page.locator('#runs thead th').allTextContents();
        assert.ok(
            heads.includes('momentum') &&
                heads.includes('learning_rate') &&
                !heads.includes('seed') &&
                !heads.includes('units'),
            heads.join(),
        );
        assert.equal(await page.locator('#runs tbody tr').count(), 12);
        assert.equal(await page.locator('#curves .legend li').count(), 10);
        assert.deepEqual(await drawn(page), [600, 600]);
        const { data } = await daemon.call(`/v1/jobs/${grid.id}/runs?order_by=metrics.valid_loss`);
        assert.equal(await page.locator('#runs tbody tr').first().getAttribute('data-key'), String(data[0].id));
    });
});

test('runs are drawn and dropped by choice, and sorted by the server', async () => {
    await visit(`${daemon.url}/#/jobs/${grid.id}`, async (page) => {
        await page.locator('#curves .legend li').nth(9).waitFor();
        await page.locator('#runs tbody input').nth(0).uncheck();
        await eventually(async () => (await page.locator('#curves .legend li').count()) === 9, 'one line less');
        assert.match(page.url(), /runs=\d+(,\d+){8}$/);
        await page.getByRole('button', { name: /^Epoch/ }).click();
        await page.locator('th[aria-sort=ascending]', { hasText: 'Epoch' }).waitFor();
        await page.getByRole('button', { name: 'train_loss' }).click();
        await page.getByRole('button', { name: 'train_loss' }).click();
        await page.locator('th[aria-sort=descending]', { hasText: 'train_loss' }).waitFor();
        const { data } = await daemon.call(`/v1/jobs/${grid.id}/runs?order_by=metrics.train_loss&desc=true`);
        await eventually(
            async () => (await page.locator('#runs tbody tr').first().getAttribute('data-key')) === String(data[0].id),
            'the worst comes first',
        );
    });
});

test('a run says what it reached, and its chart in words', async () => {
    const [run] = await daemon.runsOf(single.id);
    await visit(await runUrl(single), async (page) => {
        await page.getByRole('heading', { level: 1, name: 'one run' }).waitFor();
        const caption = await eventually(() => page.locator('#curves figcaption').textContent(), 'the words');
        assert.match(caption, /Training loss went from .* \(epoch 1\) to .* \(epoch 300\)/);
        assert.ok(caption.includes(`lowest in epoch ${run.metrics.best_epoch}`), caption);
        assert.equal(await page.locator('#curves .canvas').getAttribute('aria-label'), caption);
        await page.locator('#curves summary').click();
        await eventually(
            async () => (await page.locator('#curves .rows tbody tr').count()) === 300,
            'a row for each epoch',
        );
        assert.match(await page.locator('#environment').textContent(), new RegExp(run.environment.instruction_set));
        assert.ok((await page.locator('#spec pre').first().textContent()).includes('"learning_rate"'));
    });
});

test('zooming by the mouse asks the server again, and a double click shows all', async () => {
    await visit(await runUrl(single), async (page) => {
        await eventually(async () => (await drawn(page))[0] === 300, 'the whole run');
        const box = await page.locator('#curves .u-over').boundingBox(),
            asked = page.waitForRequest(/epochs\?points=\d+&from=\d+&to=\d+/);
        await page.mouse.move(box.x + box.width * 0.4, box.y + 80);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * 0.6, box.y + 90, { steps: 5 });
        await page.mouse.up();
        const parameters = new URL((await asked).url()).searchParams;
        assert.ok(
            Math.abs(parameters.get('from') - 120) < 5 && Math.abs(parameters.get('to') - 180) < 5,
            String(parameters),
        );
        await eventually(async () => (await drawn(page))[1] < 75, 'a part');
        assert.match(page.url(), /from=1[12]\d(\.\d+)?&to=1[78]\d/);
        const zoomedUrl = page.url();
        await page.locator('#curves .u-over').dblclick();
        await eventually(async () => (await drawn(page))[1] === 300, 'all of it');
        assert.ok(!page.url().includes('from='));
        await page.goto(zoomedUrl);
        await page.reload();
        await eventually(async () => {
            const n = (await drawn(page))[1];
            return n > 40 && n < 75;
        }, 'the same part by its address');
    });
});

test('axes by update and time, logarithms, smoothing and other figures are in the address', async () => {
    await visit(await runUrl(single), async (page) => {
        await eventually(async () => (await drawn(page))[0] === 300, 'the whole run');
        await page.locator('#axis').selectOption('time');
        await page.locator('#smooth').fill('0.6');
        await page.locator('#log-x').click();
        await page.locator('#metric').selectOption('valid_accuracy');
        await page.getByText('valid_accuracy went from').waitFor();
        assert.match(page.url(), /\?x=time&log=x&smooth=0\.6&metric=valid_accuracy$/);
        await page.reload();
        await page.getByText('valid_accuracy went from').waitFor();
        assert.equal(await page.locator('#axis').inputValue(), 'time');
        assert.equal(await page.locator('#log-x').getAttribute('aria-pressed'), 'true');
        await page.locator('#axis').selectOption('update');
        await page.locator('#curves summary').click();
        const [run] = await daemon.runsOf(single.id);
        await eventually(
            async () =>
                Number(
                    (await page.locator('#curves .rows tbody tr').last().locator('td').first().textContent()).replace(
                        ',',
                        '',
                    ),
                ) === run.weight_updates,
            'the last update',
        );
    });
});

test('a run that stopped early says by what, and a rate that changes can be drawn', async () => {
    const job = await daemon.train({
        name: 'early',
        target: 'sex',
        epochs: 500,
        network: { hidden: [{ units: 64 }] },
        optimizer: { name: 'adam', learning_rate: 0.01 },
        early_stopping: { patience: 10 },
        schedule: { name: 'cosine' },
    });
    const [run] = await daemon.runsOf(job.id);
    assert.ok(run.epoch < 500 && run.stopped_by && run.model_epoch < run.epoch, JSON.stringify(run));
    await visit(await runUrl(job), async (page) => {
        await page.getByText(`ended by ${run.stopped_by}; the model is that of epoch ${run.model_epoch}`).waitFor();
        await page.locator('#metric option', { hasText: 'learning_rate' }).waitFor({ state: 'attached' });
        await page.locator('#metric').selectOption('learning_rate');
        await page.getByText('learning_rate went from').waitFor();
    });
    await visit(await runUrl(single), async (page) => {
        await eventually(async () => (await drawn(page))[0] === 300, 'the whole run');
        assert.equal(await page.locator('#metric option', { hasText: 'learning_rate' }).count(), 0);
    });
});

test('the cursors of charts by the same axis go together', async () => {
    await visit(await runUrl(single), async (page) => {
        await page.locator('#health canvas').waitFor();
        const value = () => page.locator('#health .legend .value').first().textContent(),
            last = await eventually(value, 'a value'),
            box = await page.locator('#curves .u-over').boundingBox();
        await page.mouse.move(box.x + 20, box.y + 100);
        await eventually(async () => (await value()) !== last, 'the value of an early epoch');
    });
});

test('which figure of the health is drawn is in the address', async () => {
    await visit(await runUrl(single), async (page) => {
        await page.locator('#health [data-figure=dead]').click();
        await page.waitForURL(/health=dead/);
        await page.locator('#health figcaption', { hasText: 'Dead units' }).waitFor();
        await page.reload();
        await page.locator('#health [data-figure=dead][aria-pressed=true]').waitFor();
        await page.locator('#health figcaption', { hasText: 'Dead units' }).waitFor();
    });
});

test('every epoch can be had as CSV', async () => {
    const [run] = await daemon.runsOf(single.id);
    await visit(await runUrl(single), async (page) => {
        const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#csv').click()]);
        assert.equal(download.suggestedFilename(), `run-${run.id}-epochs.csv`);
        const chunks = [];
        for await (const chunk of await download.createReadStream()) chunks.push(chunk);
        const [head, ...lines] = Buffer.concat(chunks).toString().trimEnd().split('\n');
        assert.ok(head.startsWith('epoch,train_loss,valid_loss'), head);
        assert.equal(lines.length, 300);
        assert.equal(Number(lines.at(-1).split(',')[1]), run.metrics.train_loss);
    });
});

test('a network that cannot learn is told why, with the evidence', async () => {
    await visit(await runUrl(steps), async (page) => {
        const finding = page.locator('#health [data-code=step]');
        await finding.waitFor();
        assert.match(await finding.textContent(), /step activation has derivative 0.*exactly 0/);
    });
    await visit(await runUrl(diverged), async (page) => {
        await page.locator('#health [data-code=diverged]').waitFor();
        await page.getByText('The run diverged').waitFor();
    });
});

test('the confusion matrix has counts and shares of the server’s figures', async () => {
    const [run] = await daemon.runsOf(single.id),
        evaluation = await daemon.call(`/v1/runs/${run.id}/evaluation`);
    await visit(await runUrl(single), async (page) => {
        await page.locator('#confusion').waitFor();
        const cells = await page.locator('#confusion .cell').allTextContents(),
            counts = evaluation.confusion_matrix.flat();
        const totals = evaluation.confusion_matrix.flatMap((row) => row.map(() => row.reduce((a, b) => a + b)));
        assert.deepEqual(
            cells,
            counts.map((count, i) => `${count}${Math.round((100 * count) / totals[i])}%`),
        );
    });
});

test('names with markup are text everywhere', async () => {
    for (const hash of [`#/jobs`, `#/jobs/${marked.id}`, `#/compare?jobs=${marked.id},${single.id}`])
        await visit(`${daemon.url}/${hash}`, async (page) => {
            await page.getByText(MARKUP, { exact: false }).first().waitFor();
            await page.waitForTimeout(300);
            assert.equal(await page.locator('img').count(), 0);
        });
    await visit(await runUrl(marked), async (page) => {
        await page.locator('.confusion th', { hasText: MARKUP }).first().waitFor();
        assert.ok((await page.title()).startsWith(MARKUP));
        assert.equal(await page.locator('img').count(), 0);
    });
});

test('what is not there is said, and nothing else is shown', async () => {
    await visit(
        `${daemon.url}/#/runs/999`,
        async (page) => {
            await page.getByRole('alert').getByText('there is no run 999').waitFor();
            assert.equal(await page.locator('main section:visible').count(), 0);
        },
        { failures: ['404'] },
    );
});

test('the service shows its queue, memory and requests', async () => {
    await visit(`${daemon.url}/#/service`, async (page) => {
        await page.locator('#routes', { hasText: 'GET /metrics' }).waitFor();
        assert.match(await page.locator('#work').textContent(), /0 \/ 2/);
        assert.match(await page.locator('#place').textContent(), /MB/);
        await page.getByText(/Now .* requests and 0 epochs a second/).waitFor();
    });
});

test('axe finds nothing in any view, light or dark, wide or narrow', async () => {
    const hashes = [
        '#/jobs',
        `#/jobs/${grid.id}`,
        (await runUrl(single)).split('/').slice(-3).join('/'),
        (await runUrl(diverged)).split('/').slice(-3).join('/'),
        `#/compare?jobs=${grid.id},${single.id}`,
        '#/service',
    ];
    for (const colorScheme of ['light', 'dark'])
        for (const [i, hash] of hashes.entries())
            await visit(
                `${daemon.url}/${hash}`,
                async (page) => {
                    await page.locator('main .card:visible').first().waitFor();
                    await page.waitForTimeout(300);
                    assert.deepEqual(await violations(page), [], `${hash} ${colorScheme}`);
                    assert.ok(
                        await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1),
                        `${hash} is wider than the window`,
                    );
                },
                { colorScheme, viewport: i % 2 ? { width: 390, height: 800 } : { width: 1280, height: 900 } },
            );
});
