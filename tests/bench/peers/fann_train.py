"""FANN, by its C library: Python only calls it. It has no mini-batches, no ReLU, no softmax and no Adam: here one update for
each row with momentum (its fastest way to learn from many rows), sigmoids by pieces, squared error."""
from ctypes import CDLL, POINTER, Structure, c_char_p, c_float, c_int, c_uint, c_void_p, memmove

import numpy

import side

INCREMENTAL, SIGMOID_STEPWISE = 0, 4


class Data(Structure):  # struct fann_train_data
    _fields_ = [("error", c_int), ("log", c_void_p), ("text", c_char_p), ("rows", c_uint), ("inputs", c_uint),
                ("outputs", c_uint), ("input", POINTER(POINTER(c_float))), ("output", POINTER(POINTER(c_float)))]


fann = CDLL("libfloatfann.so.2")
fann.fann_create_standard_array.restype = c_void_p
fann.fann_create_train.restype = POINTER(Data)
fann.fann_train_epoch.restype = c_float

task = side.Task()
x, y = task.data()
targets = numpy.eye(task.layers[-1], dtype=numpy.float32)[y]
data = fann.fann_create_train(task.rows, task.layers[0], task.layers[-1])
for i in range(task.rows):
    memmove(data.contents.input[i], x[i].ctypes.data, x[i].nbytes)
    memmove(data.contents.output[i], targets[i].ctypes.data, targets[i].nbytes)
network = c_void_p(fann.fann_create_standard_array(len(task.layers), (c_uint * len(task.layers))(*task.layers)))
for name in "hidden", "output":
    getattr(fann, "fann_set_activation_function_" + name)(network, SIGMOID_STEPWISE)
fann.fann_set_training_algorithm(network, INCREMENTAL)
fann.fann_set_learning_rate(network, c_float(0.01))
fann.fann_set_learning_momentum(network, c_float(0.9))


def train():
    for _ in range(task.epochs):
        fann.fann_shuffle_train_data(data)
        fann.fann_train_epoch(network, data)


side.serve_training("FANN 2.2", task, train, f"an update for each row, {task.rows} rows")
