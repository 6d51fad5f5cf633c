import assert from 'node:assert/strict';
import test from 'node:test';
import { spans } from '../../../client/dashboard/src/lib/importance.js';

test('bars are on one axis that holds 0 and every spread', () => {
    const drawn = spans([
        { mean: 0.75, standard_deviation: 0.25 },
        { mean: -0.5, standard_deviation: 0.5 },
    ]);
    assert.deepEqual(drawn, [
        { zero: 50, mean: 87.5, low: 75, high: 100 },
        { zero: 50, mean: 25, low: 0, high: 50 },
    ]);
    assert.deepEqual(spans([{ mean: 0, standard_deviation: 0 }]), [{ zero: 0, mean: 0, low: 0, high: 0 }]);
});
