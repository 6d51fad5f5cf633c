// Where the page starts: language, colors, keyboard, then the view that the address names.
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/charts.css';
import './styles/forms.css';
import './styles/whole.css';
import './styles/plots.css';
import { pages } from './pages.js';
import { startShell } from './parts/shell.js';
import { preferredLanguage, useLanguage } from './lib/i18n.js';
import { setFormatLanguage } from './lib/format.js';
import { startKeys } from './lib/keys.js';
import { startLive } from './lib/live.js';
import { preload } from './lib/router.js';
import { startTheme } from './lib/theme.js';

preload(pages);
startTheme();
startKeys();
startLive();
await useLanguage(preferredLanguage());
setFormatLanguage(document.documentElement.lang);
await startShell();
