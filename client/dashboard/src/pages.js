// THE table of views. A row is an address and the module that makes it; `nav` puts it in the bar at the top.
import * as jobs from './pages/jobs.js';

export const pages = [
    { path: '/jobs', nav: 'nav.jobs', load: async () => jobs },
    { path: '/jobs/{job}', under: 'nav.jobs', load: () => import('./pages/job.js') },
    { path: '/runs/{run}', under: 'nav.jobs', load: () => import('./pages/run.js') },
    { path: '/runs/{run}/predict', under: 'nav.jobs', load: () => import('./pages/predict.js') },
    { path: '/compare', under: 'nav.jobs', load: () => import('./pages/compare.js') },
    { path: '/new', nav: 'nav.new', load: () => import('./pages/new.js') },
    { path: '/service', nav: 'nav.service', load: () => import('./pages/service.js') },
];
