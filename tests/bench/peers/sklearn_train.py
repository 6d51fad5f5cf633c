"""scikit-learn's MLPClassifier, by fit(), with nothing that would stop it early and without L2."""
import warnings

import sklearn
from sklearn.neural_network import MLPClassifier

import side

warnings.simplefilter("ignore")  # that max_iter was reached
task = side.Task()
x, y = task.data()
options = {"solver": "adam"} if task.adam else {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False,
                                                "learning_rate_init": 0.01}
model = MLPClassifier(hidden_layer_sizes=task.layers[1:-1], batch_size=task.batch, max_iter=task.epochs, alpha=0,
                      n_iter_no_change=10 ** 9, shuffle=True, random_state=1, **options)
try:
    import threadpoolctl
    kernels = [p["architecture"] for p in threadpoolctl.threadpool_info() if p["internal_api"] == "openblas"]
except ImportError:
    kernels = []
note = f"fit() of {task.epochs} epochs" + (f", OpenBLAS for {kernels[0]}" if kernels else "")
note += ", one output for two classes" if task.layers[-1] == 2 else ""
side.serve_training("scikit-learn " + sklearn.__version__, task, lambda: model.fit(x, y), note)
