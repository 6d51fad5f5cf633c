"""pandas.read_csv of a file, by its C engine. FILE"""
import os
import sys
import time

import pandas

import side


def measure():
    started = time.perf_counter()
    pandas.read_csv(sys.argv[1])
    return {"mb_per_second": os.path.getsize(sys.argv[1]) / (time.perf_counter() - started) / 1e6}


side.serve("pandas " + pandas.__version__, measure)
