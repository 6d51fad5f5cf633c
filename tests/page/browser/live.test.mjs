// While things change: curves that grow, connections that break, proxies and tokens in between.
import assert from 'node:assert/strict';
import { test, before, after } from 'node:test';
import { Daemon, Proxy, drawn, during, endless, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon();
withBrowser();
before(async () => {
    await daemon.start();
    await daemon.uploadPenguins();
});
after(() => daemon.remove());

test('the curve grows while the run trains, and the run is cancelled from the page', async () => {
    const job = await daemon.train({ name: 'long', ...endless }, { wait: false });
    await visit(`${daemon.url}/#/jobs/${job.id}`, async (page) => {
        await page.waitForURL(/#\/runs\/\d+$/);
        await page.locator('.head .status[data-status=running]').waitFor();
        const [, early] = await eventually(async () => {
            const n = await drawn(page);
            return n[1] > 0 && n;
        }, 'the first epochs');
        await eventually(async () => (await drawn(page))[1] > early + 100, 'more epochs');
        const words = await page.locator('#curves figcaption').textContent();
        await eventually(
            async () => (await page.locator('#curves figcaption').textContent()) !== words,
            'the words follow',
        );
        assert.ok((await drawn(page))[0] <= 4000);
        assert.deepEqual(await violations(page), []);
        await page.locator('#pause').click();
        await page.locator('.head .status[data-status=paused]').waitFor();
        await page.locator('#resume').click();
        await page.locator('.head .status[data-status=running]').waitFor();
        await page.locator('#cancel').click();
        await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
        await page.locator('.head .status[data-status=cancelled]').waitFor();
        await page.locator('#delete').click();
        await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await page.getByText('Nothing has been trained here yet').waitFor();
    });
});

test('a job that starts elsewhere appears in the list by itself', async () => {
    await visit(daemon.url, async (page) => {
        await page.getByText('Nothing has been trained here yet').waitFor();
        await daemon.train({ name: 'from elsewhere', epochs: 5 });
        await page
            .locator('tbody tr', { hasText: 'from elsewhere' })
            .locator('.status[data-status=succeeded]')
            .waitFor();
    });
});

test('news comes by the stream, and nothing is asked without it', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('.connection', { hasText: 'live' }).waitFor();
        await page.locator('tbody tr', { hasText: 'from elsewhere' }).waitFor();
        await page.waitForTimeout(1000);
        let asked = 0;
        page.on('request', () => asked++);
        await page.waitForTimeout(3000);
        assert.equal(asked, 0);
        await daemon.train({ name: 'told by an event', epochs: 5 });
        await page
            .locator('tbody tr', { hasText: 'told by an event' })
            .locator('.status[data-status=succeeded]')
            .waitFor({ timeout: 5000 });
        assert.ok(asked > 0 && asked < 20, String(asked));
    });
});

test('where there is no stream, news is asked for', async () => {
    const allow = (request) => !request.url.startsWith('/v1/stream');
    await during(new Proxy(daemon, '/', allow), async (proxy) => {
        await visit(
            proxy.url,
            async (page) => {
                await page.locator('.connection', { hasText: 'looking every second' }).waitFor();
                await daemon.train({ name: 'asked for', epochs: 5 });
                await page.locator('tbody tr', { hasText: 'asked for' }).waitFor();
            },
            { failures: ['401'] },
        );
    });
});

test('a tab that nobody sees asks for nothing, and catches up when it is seen', async () => {
    const job = await daemon.train({ name: 'unseen', ...endless }, { wait: false });
    await visit(`${daemon.url}/#/runs/${(await daemon.runsOf(job.id))[0].id}`, async (page) => {
        await page.locator('.head .status[data-status=running]').waitFor();
        await page.evaluate(() => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => globalThis.unseen });
            globalThis.unseen = true;
            document.dispatchEvent(new Event('visibilitychange'));
        });
        await page.waitForTimeout(500);
        let asked = 0;
        page.on('request', () => asked++);
        await page.waitForTimeout(2500);
        assert.equal(asked, 0);
        const [, then] = await drawn(page);
        await page.evaluate(() => {
            globalThis.unseen = false;
            document.dispatchEvent(new Event('visibilitychange'));
        });
        await eventually(async () => (await drawn(page))[1] > then, 'newer epochs');
    });
    await daemon.call(`/v1/jobs/${job.id}/cancel`, undefined, { method: 'POST' });
});

test('under a proxy’s path everything is asked below it', async () => {
    await during(new Proxy(daemon, '/team/networks/'), async (proxy) => {
        await visit(proxy.url, async (page) => {
            await page.locator('tbody tr', { hasText: 'from elsewhere' }).getByRole('link').click();
            await page.locator('#curves canvas').waitFor();
            await page.locator('#health .advice').waitFor();
            assert.ok((await page.locator('#spec pre').last().textContent()).includes(`${proxy.url}v1/jobs`));
            assert.deepEqual(proxy.outside, []);
        });
    });
});

test('a daemon that goes away is said, and its return is noticed', async () => {
    await during(new Daemon(), async (other) => {
        await other.uploadPenguins();
        await other.train({ name: 'before', epochs: 3 });
        await visit(
            other.url,
            async (page) => {
                await page.locator('tbody tr', { hasText: 'before' }).waitFor();
                await other.stop();
                await page.locator('.connection[data-state=offline]').waitFor();
                await page.getByRole('alert').getByText('mlpd does not answer').waitFor();
                assert.ok(await page.locator('tbody tr', { hasText: 'before' }).isVisible());
                assert.deepEqual(await violations(page), []);
                await other.start(other.port);
                await page.locator('.connection[data-state=online]').waitFor();
                await page.getByRole('alert').waitFor({ state: 'hidden' });
                await other.train({ name: 'after', epochs: 3 });
                await page.locator('tbody tr', { hasText: 'after' }).waitFor();
            },
            {
                failures: [
                    'ERR_CONNECTION_REFUSED',
                    'ERR_CONNECTION_RESET',
                    'ERR_EMPTY_RESPONSE',
                    'ERR_INCOMPLETE_CHUNKED_ENCODING',
                ],
            },
        );
    });
});

test('a token is asked for once, refused when it is wrong, and never in an address', async () => {
    await during(new Daemon({ token: 's3cret' }), async (guarded) => {
        await guarded.uploadPenguins();
        await guarded.train({ name: 'guarded', epochs: 5 });
        const use = async (page, context) => {
            const dialog = page.getByRole('dialog'),
                asked = [];
            page.on('request', (request) => asked.push(request.url()));
            await dialog.getByLabel('Token').fill('wrong');
            await page.keyboard.press('Enter');
            await dialog.getByText('not valid here').waitFor();
            assert.deepEqual(await violations(page), []);
            await dialog.getByLabel('Token').fill(' s3cret ');
            await page.keyboard.press('Enter');
            await page.locator('tbody tr', { hasText: 'guarded' }).waitFor();
            await page.locator('.connection', { hasText: 'live' }).waitFor(); // the stream has it as well
            await page.reload();
            await page.locator('tbody tr', { hasText: 'guarded' }).getByRole('link').click();
            await page.locator('#curves canvas').waitFor();
            assert.equal(await dialog.count(), 0);
            assert.ok((await page.locator('#spec pre').last().textContent()).includes('Bearer $MLPD_TOKEN'));
            assert.ok(asked.length > 5 && ![...asked, page.url()].some((url) => url.includes('s3cret')));
            assert.ok(!JSON.stringify(await context.storageState()).includes('s3cret'));
        };
        await visit(guarded.url, use, { failures: ['401'] });
    });
});

test('whoever gives no token is not asked again and again', async () => {
    await during(new Daemon({ token: 's3cret' }), async (guarded) => {
        const use = async (page) => {
            await page.getByRole('dialog').waitFor();
            await page.keyboard.press('Escape');
            await page.getByRole('alert').waitFor();
            await page.waitForTimeout(2500);
            assert.equal(await page.getByRole('dialog').count(), 0);
            await page.getByRole('button', { name: 'Enter a token' }).click();
            await page.getByRole('dialog').waitFor();
        };
        await visit(guarded.url, use, { failures: ['401'] });
    });
});
