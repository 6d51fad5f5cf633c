"""PyTorch, eager: a plain loop over index batches of a fresh permutation, which is faster than a DataLoader."""
import torch

import side

torch.set_num_threads(1)
torch.manual_seed(1)
task = side.Task()
x, y = (torch.from_numpy(a) for a in task.data())
steps = []
for inputs, units in zip(task.layers, task.layers[1:]):
    steps += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
model = torch.nn.Sequential(*steps[:-1])
loss_of = torch.nn.CrossEntropyLoss()
optimizer = (torch.optim.Adam(model.parameters()) if task.adam
             else torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9))


def train():
    for _ in range(task.epochs):
        order = torch.randperm(task.rows)
        for at in range(0, task.rows, task.batch):
            rows = order[at:at + task.batch]
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x[rows]), y[rows]).backward()
            optimizer.step()


side.serve_training("PyTorch " + torch.__version__.split("a")[0], task, train, "index batches, no DataLoader")
