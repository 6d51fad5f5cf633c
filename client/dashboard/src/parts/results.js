// What there is to see of a run that has ended: loaded when one has.
export { Evaluation } from './evaluation.js';
export { Importance } from './importance.js';
