// All that a job can say, said in the form: what varies, what is learnt from, what classes weigh; and in Spanish.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { helpPath } from '../../../client/dashboard/src/lib/help.js';
import spanish from '../../../client/dashboard/src/locales/es_schema.js';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
const field = (page, pointer) => page.locator(`[id="field${pointer}"]`);
const group = (page, pointer) => page.locator(`[data-pointer="${pointer}"]`);
const axis = (page, pointer) => page.locator(`[id="axis${pointer}"]`);

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
});
after(() => daemon.remove());

/** Opens the form, fills it in by action(page), starts the job, and returns what it says. */
async function said(action, options) {
    let spec;
    const look = async (page) => {
        await page.locator('#start:enabled').waitFor();
        await action(page);
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/(jobs|runs)\/\d+/);
        ({ spec } = (await daemon.call('/v1/jobs?limit=1')).data[0]);
    };
    await visit(`${daemon.url}/#/new?dataset=penguins`, look, options);
    return spec;
}

test('a search is typed: a range in a field, then runs and seed', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await field(page, '/optimizer/learning_rate').fill('log 0.001..0.1');
        await field(page, '/network/hidden/0/units').fill('4 8');
        await field(page, '/search/runs').fill('3');
        await field(page, '/search/seed').fill('5');
        await page.locator('summary', { hasText: 'halving' }).click();
        await page.locator('[id="on/halving"]').check();
        await field(page, '/halving/min_epochs').fill('1');
        await page.locator('#estimate dd', { hasText: /^3$/ }).waitFor();
    });
    assert.deepEqual(spec.search, {
        parameters: {
            '/optimizer/learning_rate': { log_uniform: [0.001, 0.1] },
            '/network/hidden/0/units': { choice: [4, 8] },
        },
        runs: 3,
        seed: 5,
    });
    assert.deepEqual(spec.halving, { metric: 'valid_loss', min_epochs: 1, reduction: 3 });
});

test('a search is made from the list of what varies, by keyboard', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await page.locator('#axes-pointer').fill('/optimizer/learning_rate');
        await page.keyboard.press('Enter');
        await eventually(() => axis(page, '/optimizer/learning_rate').evaluate((e) => e === document.activeElement));
        await page.keyboard.press('Control+A');
        await page.keyboard.type('0.001 0.1');
        assert.equal(await field(page, '/optimizer/learning_rate').inputValue(), '0.001 0.1'); // the same thing
        await axis(page, '/optimizer/learning_rate-kind').selectOption('log_uniform');
        assert.equal(await page.locator('#axes-mode').inputValue(), 'search');
        assert.equal(await field(page, '/optimizer/learning_rate').inputValue(), 'log 0.001..0.1');
        await page.locator('#axes-pointer').fill('/columns/year/role');
        await page.locator('#axes-add').click();
        await axis(page, '/columns/year/role').fill('numeric categorical');
        await field(page, '/search/runs').fill('2');
        await page.locator('#axes-pointer').fill('/seed');
        await page.locator('#axes-add').click();
        await page.getByLabel('/seed varies no more').click();
        assert.equal(await field(page, '/seed').inputValue(), '');
    });
    assert.deepEqual(spec.search, {
        parameters: {
            '/optimizer/learning_rate': { log_uniform: [0.001, 0.1] },
            '/columns/year/role': { choice: ['numeric', 'categorical'] },
        },
        runs: 2,
        seed: 1,
    });
});

test('a search becomes a grid of its values', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('1..2');
        await page.locator('#axes-mode').selectOption('grid');
        await field(page, '/search/runs').waitFor({ state: 'detached' });
    });
    assert.deepEqual([spec.grid, spec.search], [{ '/epochs': [1, 2] }, null]);
});

test('choices and truth values are ticked, several of them are an axis', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await field(page, '/network/hidden/0/activation').selectOption(' several');
        const activation = group(page, '/network/hidden/0/activation');
        await activation.getByLabel('tanh', { exact: true }).check();
        await activation.getByLabel('relu', { exact: true }).check();
        await field(page, '/network/hidden/0/batch_normalization').selectOption(' several');
        const normalization = group(page, '/network/hidden/0/batch_normalization');
        await normalization.getByLabel('true').check();
        await normalization.getByLabel('false').check();
        await field(page, '/loss').selectOption(' several');
        await group(page, '/loss').getByLabel('cross_entropy').check();
        await page.locator('#estimate dd', { hasText: /^4$/ }).waitFor();
        await group(page, '/network/hidden/0/batch_normalization').getByRole('button').click(); // one only
        assert.equal(await field(page, '/network/hidden/0/batch_normalization').inputValue(), 'true');
    });
    assert.deepEqual(spec.grid, { '/network/hidden/0/activation': ['tanh', 'relu'] });
    assert.equal(spec.network.hidden[0].batch_normalization, true);
    assert.equal(spec.loss, 'cross_entropy');
});

test('columns are left out and described, and classes weigh what one says', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await page.getByLabel('species is the target').check();
        await page.getByLabel('sex is learnt from').uncheck();
        await page.getByLabel('year is learnt from').uncheck();
        await page.getByLabel('year is learnt from').check();
        const island = page.locator('#columns tr', { has: page.getByRole('rowheader', { name: 'island' }) });
        await island.getByText('more').click();
        await field(page, '/columns/island/min_frequency').fill('60');
        await field(page, '/class_weights').selectOption('each');
        await group(page, '/class_weights').getByLabel('Gentoo').fill('2.5');
        await group(page, '/class_weights').getByLabel('Adelie').fill('7');
        await group(page, '/class_weights').getByLabel('Adelie').fill('');
    });
    assert.equal(spec.target, 'species');
    assert.deepEqual([...spec.features].sort(), [
        'bill_depth_mm',
        'bill_length_mm',
        'body_mass_g',
        'flipper_length_mm',
        'island',
        'year',
    ]);
    assert.equal(spec.columns.island.min_frequency, 60);
    assert.deepEqual(spec.class_weights, { Gentoo: 2.5 });
});

test('all columns again are no list, and no weights are none', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await page.getByLabel('year is learnt from').uncheck();
        await page.getByLabel('year is learnt from').check();
        await field(page, '/class_weights').selectOption('balanced');
        await field(page, '/class_weights').selectOption('none');
    });
    assert.deepEqual([spec.features, spec.class_weights], [null, null]);
});

test('several targets are ticked; they are nothing to learn from, and a clone keeps them', async () => {
    const spec = await said(async (page) => {
        await field(page, '/epochs').fill('2');
        await page.getByLabel('bill_length_mm is the target').check();
        await page.getByLabel('year is learnt from').uncheck();
        await page.locator('#several-targets').check();
        assert.ok(await page.getByLabel('bill_length_mm is the target').isChecked());
        await page.getByLabel('body_mass_g is the target').check();
        await page.getByLabel('sex is the target').check();
        await page.locator('#rest', { hasText: 'several targets are all numbers' }).waitFor();
        await page.getByLabel('sex is the target').uncheck();
        await page.getByLabel('sex is learnt from').check();
    });
    const features = ['bill_depth_mm', 'flipper_length_mm', 'island', 'sex', 'species'];
    assert.deepEqual([spec.target, [...spec.features].sort()], [['bill_length_mm', 'body_mass_g'], features]);
    const { data } = await daemon.call('/v1/jobs?limit=1');
    await visit(`${daemon.url}/#/new?job=${data[0].id}`, async (page) => {
        assert.ok(await page.getByLabel('body_mass_g is the target').isChecked());
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/(jobs|runs)\/\d+/);
        const [copy] = (await daemon.call('/v1/jobs?limit=1')).data;
        assert.notEqual(copy.id, data[0].id);
        assert.deepEqual(copy.spec, spec);
    });
    await visit(`${daemon.url}/#/jobs`, async (page) => {
        await page.locator('tbody td', { hasText: 'bill_length_mm, body_mass_g of penguins' }).first().waitFor();
    });
});

// ---- in Spanish
// -------------------------------------------------------------------------------------------------------

function paths(schema, at = '') {
    return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
        const path = `${at}/${name}`,
            elements = inner.items?.properties ? inner.items : inner.additionalProperties || null;
        return [path, ...paths(inner, path), ...(elements ? paths(elements, `${path}/*`) : [])];
    });
}

test('every field of the schema is explained in Spanish, and nothing else is', async () => {
    const schema = await daemon.call('/v1/schema');
    assert.deepEqual(Object.keys(spanish).sort(), paths(schema).sort());
    assert.equal(helpPath('/network/hidden/12/units'), '/network/hidden/*/units');
});

test('the form and what is wrong with it are Spanish on a Spanish page, and the console stays empty', async () => {
    await visit(
        `${daemon.url}/#/new?dataset=penguins`,
        async (page) => {
            await page.locator('#start:enabled').waitFor();
            await field(page, '/epochs').fill('0');
            await field(page, '/optimizer/learning_rate').fill('x');
            await field(page, '/sample_weight').fill('body_mas_g');
            await page.locator('summary', { hasText: 'halving' }).click();
            await page.locator('[id="on/halving"]').check();
            const error = (pointer, text) => page.locator(`[id="field${pointer}-error"]`, { hasText: text }).waitFor();
            await error('/epochs', 'debe ser como mínimo 1 y como máximo 1000000, no 0');
            await error('/optimizer/learning_rate', 'debe ser un número, o null, no un texto');
            await error('/sample_weight', '¿quería decir "body_mass_g"?');
            await page.locator('#rest', { hasText: 'indique una rejilla o una búsqueda' }).waitFor();
            assert.equal(await page.locator('#view [lang=en]').count(), 0);
            const hint = page.locator('[id="field/optimizer/name-hint"]');
            assert.match(await hint.textContent(), /convierte gradientes/);
            await page.locator('.languages [lang=en]').click();
            await hint.getByText('turns gradients').waitFor();
        },
        { locale: 'es-ES' }, // no failures: what is wrong is no error of the page
    );
});

test('names with markup are text in the form, and stay themselves', async () => {
    const name = '<img src=x onerror=alert(1)>',
        rows = Array.from({ length: 30 }, (_, i) => `${i},${i % 2 ? '<b>yes</b>' : 'no'},${i % 7}`);
    await daemon.call('/v1/datasets?name=marked', `${name},answer,__proto__\n${rows.join('\n')}\n`, {
        type: 'text/csv',
    });
    const look = async (page) => {
        await page.locator('#start:enabled').waitFor();
        await page.getByLabel(`${name} is learnt from`).uncheck();
        await page.getByLabel('How __proto__ is read').selectOption('categorical');
        await field(page, '/class_weights').selectOption('each');
        await group(page, '/class_weights').getByLabel('<b>yes</b>').fill('3');
        await field(page, '/epochs').fill('2');
        assert.equal(await page.locator('img, #view b').count(), 0);
        await page.locator('#start:enabled').click();
        await page.waitForURL(/#\/(jobs|runs)\/\d+/);
    };
    await visit(`${daemon.url}/#/new?dataset=marked`, look);
    const { spec } = (await daemon.call('/v1/jobs?limit=1')).data[0];
    assert.deepEqual(spec.features, ['__proto__']);
    assert.deepEqual(spec.class_weights, { '<b>yes</b>': 3 });
    assert.deepEqual(
        Object.entries(spec.columns).map(([column, { role }]) => [column, role]),
        [['__proto__', 'categorical']],
    );
});

for (const [colorScheme, locale, width] of [
    ['light', 'es-ES', 1280],
    ['dark', 'en-US', 1280],
    ['dark', 'es-ES', 390],
])
    test(`axe has nothing to say of a full form, in ${colorScheme} colors, ${locale}, ${width} pixels`, async () => {
        await visit(
            `${daemon.url}/#/new?dataset=penguins`,
            async (page) => {
                await page.locator('#start:enabled').waitFor();
                await page.locator('#target-0').check(); // species
                await field(page, '/optimizer/learning_rate').fill('log 0.001..0.1');
                await field(page, '/network/hidden/0/activation').selectOption(' several');
                for (const n of [3, 4])
                    await group(page, '/network/hidden/0/activation').locator('input').nth(n).check();
                await field(page, '/class_weights').selectOption('each');
                for (const name of ['halving', 'early_stopping']) {
                    await page.locator('summary', { hasText: name }).click();
                    await page.locator(`[id="on/${name}"]`).check();
                }
                await page.locator('#columns summary').first().click();
                await field(page, '/search/runs').fill('0');
                await page.locator('[id="field/search/runs-error"]', { hasText: '10000' }).waitFor();
                await page.screenshot({ path: `${screens}/form-${colorScheme}-${width}.png`, fullPage: true });
                await page.evaluate(() => scrollTo(0, 0));
                assert.deepEqual(await violations(page), []);
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)); // to the side
            },
            { colorScheme, locale, viewport: { width, height: 900 } },
        );
    });
