// What is around every view: the bar with its places, the state of the connection, language, theme, help, messages.
import { connectionState, onConnection, onTokenNeeded } from '../lib/api.js';
import { h, replace, text } from '../lib/dom.js';
import { duration, setFormatLanguage } from '../lib/format.js';
import { currentLanguage, languages, t, useLanguage } from '../lib/i18n.js';
import { isStreaming, onStreaming } from '../lib/live.js';
import { bind } from '../lib/keys.js';
import { go, reopen, startRouter } from '../lib/router.js';
import { currentTheme, nextTheme } from '../lib/theme.js';
import { pages } from '../pages.js';
import { askToken, showHelp } from './dialogs.js';
import { icon } from './icons.js';

const STALE_SECONDS = 20; // a stream shows that it lives every 15 s
const main = h('main', { id: 'view', tabindex: '-1' });
const bar = h('header', { class: 'bar' });
const state = h('span', { class: 'connection', role: 'status' });
let unbind = () => {};

function navigation() {
    return h(
        'nav',
        { 'aria-label': t('nav.label') },
        pages
            .filter((page) => page.nav)
            .map((page) => h('a', { href: '#' + page.path, 'data-nav': page.nav }, t(page.nav))),
    );
}

function themeButton() {
    const name = () => t('theme.label', { theme: t(`theme.${currentTheme()}`) });
    const shape = () => icon({ auto: 'half', light: 'sun', dark: 'moon' }[currentTheme()]);
    const button = h('button', { class: 'quiet', id: 'theme', title: name(), 'aria-label': name() }, shape());
    button.addEventListener('click', () => {
        nextTheme();
        button.title = name();
        button.setAttribute('aria-label', name());
        replace(button, shape());
    });
    return button;
}

async function speak(language) {
    localStorage.setItem('mlpd.language', language);
    await useLanguage(language);
    setFormatLanguage(language);
    drawBar();
    await reopen();
}

function languageSwitch() {
    return h(
        'div',
        { class: 'languages', role: 'group', 'aria-label': t('language.label') },
        languages.map((name) =>
            h(
                'button',
                {
                    class: 'quiet',
                    lang: name,
                    'aria-pressed': String(name === currentLanguage()),
                    title: t(`language.${name}`),
                    onclick: () => speak(name),
                },
                name.toUpperCase(),
            ),
        ),
    );
}

function drawBar() {
    replace(
        bar,
        h('a', { class: 'brand', href: '#/jobs' }, icon('brand'), 'mlpd'),
        navigation(),
        h(
            'div',
            { class: 'tools' },
            state,
            languageSwitch(),
            themeButton(),
            h(
                'button',
                {
                    class: 'quiet',
                    id: 'help',
                    title: t('help.title'),
                    'aria-label': t('help.title'),
                    onclick: showHelp,
                },
                '?',
            ),
        ),
    );
    unbind();
    unbind = bind([['?', t('keys.help'), showHelp]]);
    showConnection();
}

/** Online, or since when not; and how old what is shown is, once that is worth saying. */
function showConnection() {
    const { online, seen } = connectionState();
    const age = (Date.now() - seen) / 1000;
    state.dataset.state = !online ? 'offline' : age > STALE_SECONDS ? 'stale' : 'online';
    text(
        state,
        !online
            ? t('connection.offline', { age: duration(Math.round(age)) })
            : age > (isStreaming() ? STALE_SECONDS : 2)
              ? t('connection.age', { age: duration(Math.round(age)) })
              : t(isStreaming() ? 'connection.live' : 'connection.polling'),
    );
}

function showPage(page, route) {
    document.title = `${page.title} · mlpd`;
    replace(main, page.element);
    for (const link of bar.querySelectorAll('[data-nav]'))
        if (link.dataset.nav === (route.nav ?? route.under)) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    scrollTo(0, 0);
}

export async function startShell() {
    document.body.append(
        h(
            'a',
            {
                class: 'skip',
                href: '#view',
                onclick: (event) => {
                    event.preventDefault();
                    main.focus();
                },
            },
            t('nav.skip'),
        ),
        bar,
        main,
        h('div', { id: 'messages', 'aria-live': 'polite' }),
    );
    onTokenNeeded(askToken);
    onConnection(showConnection);
    onStreaming(showConnection);
    setInterval(() => document.hidden || showConnection(), 1000);
    drawBar();
    if (!location.hash) history.replaceState(null, '', '#/jobs');
    await startRouter(pages, showPage);
}

/** Says something for a while at the edge of the page. */
export function say(message, kind = 'note') {
    const box = h('p', { class: `message ${kind}` }, message);
    document.getElementById('messages').append(box);
    setTimeout(() => box.remove(), kind === 'error' ? 10000 : 5000);
}

export { go };
