"""What the peers in Python share: bench.h's protocol, and the words that say what to train."""
import json
import sys
import time

import numpy


class Task:
    """LAYERS BATCH OPTIMIZER ROWS EPOCHS, such as 30-16-2 32 momentum 20000 10."""

    def __init__(self):
        self.layers = [int(n) for n in sys.argv[1].split("-")]
        self.batch, self.adam = int(sys.argv[2]), sys.argv[3] == "adam"
        self.rows, self.epochs = int(sys.argv[4]), int(sys.argv[5])

    def data(self):
        random = numpy.random.default_rng(1)
        x = 2 * random.random((self.rows, self.layers[0]), dtype=numpy.float32) - 1
        return x, x[:, :self.layers[-1]].argmax(axis=1)  # as bench.h's: which of the first is largest


def serve(name, measure, note=None):
    """Says who this is; then each line of the input asks for one measurement."""
    print(json.dumps({"name": name, "note": note}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def serve_training(name, task, train, note=None):
    """train() does task.epochs epochs."""
    def measure():
        started = time.perf_counter()
        train()
        return {"samples_per_second": task.rows * task.epochs / (time.perf_counter() - started)}
    serve(name, measure, note)
