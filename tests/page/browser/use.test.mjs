// Using it: by keyboard alone, in the language and colors one wants.
import assert from 'node:assert/strict';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon();
withBrowser();
before(async () => {
    await daemon.start();
    await daemon.uploadPenguins();
    for (let i = 1; i <= 60; i++)
        await daemon.call('/v1/jobs', {
            dataset: 'penguins',
            target: 'species',
            name: `${i % 2 ? 'odd' : 'even'} ${i}`,
            epochs: 3,
            network: { hidden: [] },
        });
    await eventually(
        async () => (await daemon.call('/v1/jobs?status=succeeded&limit=200')).data.length === 60,
        'all jobs are over',
    );
});
after(() => daemon.remove());

const current = (page) => page.locator('tr.current .name').textContent();

test('jobs come by pages of 50, newest first', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr', { hasText: 'even 60' }).waitFor();
        assert.equal(await page.locator('tbody tr').count(), 50);
        await page.locator('#older').click();
        await page.locator('tbody tr', { hasText: 'odd 1' }).first().waitFor();
        await eventually(async () => (await page.locator('tbody tr').count()) === 10, 'the rest');
        await page.goBack();
        await eventually(async () => (await page.locator('tbody tr').count()) === 50, 'the first page again');
    });
});

test('the keyboard alone: search, move, select, compare, open, log, help', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        await page.keyboard.press('/');
        await page.keyboard.type('even');
        await page.locator('tbody tr', { hasText: 'odd' }).first().waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await page.keyboard.press('j');
        assert.equal(await current(page), 'even 60');
        await page.keyboard.press('j');
        await page.keyboard.press('j');
        await page.keyboard.press('k');
        assert.equal(await current(page), 'even 58');
        await page.keyboard.press('x');
        await page.keyboard.press('j');
        await page.keyboard.press('x');
        assert.equal(await page.locator('tbody input:checked').count(), 2);
        await page.keyboard.press('c');
        await page.waitForURL(/#\/compare\?jobs=58,56$/);
        await page.locator('.legend li').nth(1).waitFor();
        const before_ = await page.locator('#log-y').getAttribute('aria-pressed');
        await page.keyboard.press('l');
        await eventually(
            async () => (await page.locator('#log-y').getAttribute('aria-pressed')) !== before_,
            'the axis changed',
        );
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.waitForURL(/#\/runs\/\d+$/);
    });
});

test('the help lists the keys of the view, and closes by Escape', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        await page.keyboard.press('?');
        const help = page.getByRole('dialog');
        await help.waitFor();
        for (const key of ['/', 'j', 'k', 'x', 'c', '?'])
            assert.ok((await help.locator('kbd', { hasText: key }).count()) > 0, key);
        assert.deepEqual(await violations(page), []);
        await page.keyboard.press('Escape');
        await help.waitFor({ state: 'detached' });
    });
});

test('everything is reached by Tab, and the focus is seen', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        const seen = [];
        for (let i = 0; i < 12; i++) {
            await page.keyboard.press('Tab');
            seen.push(
                await page.evaluate(() => {
                    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                    return {
                        name: document.activeElement.textContent || document.activeElement.id,
                        seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
                    };
                }),
            );
        }
        assert.equal(seen[0].name, 'Skip to the content');
        assert.ok(
            seen.some(({ name }) => name === 'Service') && seen.some(({ name }) => name === 'search'),
            JSON.stringify(seen),
        );
        assert.ok(
            seen.every((one) => one.seen),
            JSON.stringify(seen),
        );
    });
});

test('colors follow the system until one chooses, and the choice stays', async () => {
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await visit(
        daemon.url,
        async (page) => {
            await page.locator('tbody tr').first().waitFor();
            const dark = await ground(page);
            await page.emulateMedia({ colorScheme: 'light' });
            const light = await ground(page);
            assert.notEqual(dark, light);
            await page.locator('#theme').click();
            await page.locator('#theme').click();
            assert.equal(await ground(page), dark);
            await page.reload();
            await page.locator('tbody tr').first().waitFor();
            assert.equal(await ground(page), dark);
            assert.match(await page.locator('#theme').getAttribute('aria-label'), /dark/);
        },
        { colorScheme: 'dark' },
    );
});

test('the language follows the browser until one chooses, and the choice stays', async () => {
    await visit(
        daemon.url,
        async (page) => {
            await page.getByRole('heading', { name: 'Trabajos' }).waitFor();
            await page.getByRole('button', { name: 'EN' }).click();
            await page.getByRole('heading', { name: 'Jobs' }).waitFor();
            await page.reload();
            await page.getByRole('heading', { name: 'Jobs' }).waitFor();
            assert.equal(await page.locator('html').getAttribute('lang'), 'en');
        },
        { locale: 'es-ES' },
    );
});

test('whoever wants less motion gets none', async () => {
    await visit(daemon.url, async (page) => {
        await page.locator('tbody tr').first().waitFor();
        const moving = () =>
            page.evaluate(() => {
                const probe = document.body.appendChild(document.createElement('i'));
                probe.className = 'spin';
                return getComputedStyle(probe).animationName;
            });
        assert.equal(await moving(), 'spin');
        await page.emulateMedia({ reducedMotion: 'reduce' });
        assert.equal(await moving(), 'none');
    });
});
