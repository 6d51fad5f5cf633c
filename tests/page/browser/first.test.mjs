// The first visit: nothing is there, and one click trains.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test, before, after } from 'node:test';
import { Daemon, drawn, during, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon();
withBrowser();
before(() => daemon.start());
after(() => daemon.remove());

test('an empty service says what to do, in both languages, accessibly', async () => {
    await visit(daemon.url, async (page) => {
        await page.getByText('Nothing has been trained here yet').waitFor();
        assert.deepEqual(await violations(page), []);
    });
    await visit(
        daemon.url,
        async (page) => {
            await page.getByText('Aquí todavía no se ha entrenado nada').waitFor();
            assert.equal(await page.locator('html').getAttribute('lang'), 'es');
            assert.deepEqual(await violations(page), []);
        },
        { locale: 'es-ES', colorScheme: 'dark' },
    );
});

test('the commands of the empty page work as they stand', async () => {
    await visit(daemon.url, async (page) => {
        const commands = await page.locator('.empty pre').textContent();
        const script = commands
            .replace('@mytable.csv', '@tests/data/penguins.csv')
            .replaceAll('curl ', 'curl -sS --fail-with-body ');
        const out = execFileSync('sh', ['-ec', script], { encoding: 'utf8' });
        assert.match(out, /"dataset":"mytable"/);
        const [job] = (await daemon.call('/v1/jobs')).data;
        while (!(await daemon.call(`/v1/jobs/${job.id}?wait=30`)).terminal);
        await daemon.call(`/v1/jobs/${job.id}`, undefined, { method: 'DELETE' });
    });
});

test('one click uploads the sample and trains on it', async () => {
    await visit(daemon.url, async (page) => {
        await page.getByRole('button', { name: 'Train on a sample' }).click();
        await page.waitForURL(/#\/runs\/\d+$/);
        await page.getByRole('heading', { level: 1, name: 'penguins, first steps' }).waitFor();
        await page.locator('.head .status[data-status=succeeded]').waitFor();
        await eventually(async () => (await drawn(page))[1] === 200, 'all epochs are drawn');
        assert.ok(await page.locator('#curves canvas').isVisible());
        await page.getByText('Confusion matrix').waitFor();
    });
    const { schema, ...dataset } = await daemon.call('/v1/datasets/penguins');
    assert.equal(dataset.rows, 344, JSON.stringify(schema));
});

test('a name that is taken by another table does not stand in the way of the sample', async () => {
    await during(new Daemon(), async (other) => {
        await other.call('/v1/datasets?name=penguins', 'a,b\n1,2\n3,4\n', { type: 'text/csv' });
        await visit(other.url, async (page) => {
            await page.locator('#sample').click();
            await page.waitForURL(/#\/runs\/\d+$/);
            await page.getByText('penguins-2').first().waitFor();
        });
    });
});

test('the first load is under 100 KB, and the second asks for the page alone', async () => {
    await visit('about:blank', async (page, context) => {
        const load = async () => {
            const sizes = [],
                requests = [];
            const listen = async (response) => {
                if (response.url().includes('/v1/stream')) return; // it has no end
                const { responseBodySize } = await response.request().sizes();
                sizes.push(responseBodySize);
                requests.push([new URL(response.url()).pathname, responseBodySize]);
            };
            page.on('response', listen);
            await page.goto(daemon.url);
            await page.locator('tbody tr').first().waitFor();
            await page.locator('.connection', { hasText: 'live' }).waitFor();
            page.off('response', listen);
            return { total: sizes.reduce((sum, size) => sum + size, 0), requests };
        };
        const first = await load();
        assert.ok(first.total > 5000 && first.total < 100000, JSON.stringify(first));
        await page.goto('about:blank');
        const second = await load();
        assert.deepEqual(
            second.requests.filter(([path, size]) => path.startsWith('/assets/') && size > 0),
            [],
        );
        await context.clearCookies();
    });
});

test('what a browser is told to refuse is strict, and the page keeps to it', async () => {
    const response = await fetch(daemon.url);
    assert.match(
        response.headers.get('content-security-policy'),
        /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    const html = await response.text();
    assert.ok(!/<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|(?:src|href)="(?:\/|http)/.test(html), html);
    await visit(
        daemon.url,
        async (page) => {
            const refused = await page.evaluate(() => {
                try {
                    document.body.insertAdjacentHTML('beforeend', '<p>x</p>');
                    return false;
                } catch {
                    return true;
                }
            });
            assert.ok(refused);
        },
        { failures: ['CSP: require-trusted-types-for', "requires 'TrustedHTML'"] },
    );
});
