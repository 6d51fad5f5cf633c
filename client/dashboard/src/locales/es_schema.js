// What the fields of a job are, by their place in /v1/schema; "*" is any layer, or any column.
export default {
    '/name': 'Un texto para personas; no tiene que ser único.',
    '/dataset': 'Nombre o id de un conjunto de datos subido.',
    '/target': 'La columna que se predice, o una lista de varias: todas de números, o todas de dos clases.',
    '/task':
        'auto: un objetivo categórico de dos clases es binary, de más es multiclass, y uno numérico es regression; varios objetivos son regression si todos son numéricos, multilabel si cada uno tiene dos clases.',
    '/features': 'Las columnas de las que se aprende; null: todas menos el objetivo.',
    '/columns': 'Columnas, por su nombre, que se codifican de otro modo que por su tipo.',
    '/columns/*/role':
        'auto: números de una columna numérica, categorías de otra. numeric: los textos que no son números faltan. ordinal: el lugar en el orden.',
    '/columns/*/order': 'De una ordinal: todas sus categorías, de menor a mayor.',
    '/columns/*/scaling': 'De un número o una ordinal; auto: encoding.scaling.',
    '/columns/*/min_frequency': 'De categorías; null: encoding.min_frequency.',
    '/columns/*/category_limit': 'De categorías; null: encoding.category_limit.',
    '/encoding': 'Cómo se convierten las columnas en entradas, donde columns no dice otra cosa.',
    '/encoding/scaling': 'De los números. standard: media 0, desviación 1; minmax: de 0 a 1; none: tal como son.',
    '/encoding/min_frequency':
        'Una categoría con menos filas de entrenamiento (por debajo de 1: con una parte menor de ellas) se une a otras en una entrada, "other".',
    '/encoding/category_limit':
        'Categorías de una columna que pueden tener cada una su entrada; una columna con más se rechaza.',
    '/validation': 'Filas que no se usan para entrenar.',
    '/validation/fraction': 'Parte de las filas que se guarda para validar, sorteada con la semilla; 0: ninguna.',
    '/validation/stratified': 'De clases: cada una da su parte a la fracción o a la partición.',
    '/validation/folds':
        'En vez de una fracción: una ejecución por cada una de tantas particiones; cada fila valida en una de ellas.',
    '/validation/fold': 'Una sola de las particiones, desde 1; null: una ejecución de cada una.',
    '/validation/column': 'En vez de una fracción: la columna que señala las filas; ya no es una entrada.',
    '/validation/value': 'Lo que contiene la columna en las filas de validación.',
    '/validation/train_value': 'Lo que contiene en las filas con las que se entrena; null: todas las demás.',
    '/validation/dataset': 'En vez de una fracción: nombre o id de un conjunto con las filas de validación.',
    '/network': 'Las capas entre las entradas y la salida.',
    '/network/hidden': 'Las capas ocultas, desde las entradas; ninguna da una regresión lineal o logística.',
    '/network/hidden/*/units': 'Unidades de la capa.',
    '/network/hidden/*/activation': 'f de a = f(z), z = a_prev W + b.',
    '/network/hidden/*/negative_slope': 'beta de leaky_relu: max(beta z, z).',
    '/network/hidden/*/batch_normalization':
        'Normaliza z con los momentos del lote (de hasta 512 de sus filas) antes de f; las predicciones usan momentos acumulados.',
    '/network/hidden/*/dropout':
        'Parte de los valores de las unidades que cada pasada de entrenamiento omite; los demás se amplían.',
    '/optimizer': 'Cómo se actualizan los pesos.',
    '/optimizer/name': 'La regla que convierte gradientes en actualizaciones de los pesos.',
    '/optimizer/learning_rate':
        'alpha; por omisión 0.01 (sgd, momentum, nesterov, adagrad), 0.001 (rmsprop, adam), 0.003 (adamw) o 1 (adadelta).',
    '/optimizer/momentum': 'xi de momentum y nesterov: v <- xi v + alpha g; por omisión 0.9.',
    '/optimizer/rho': 'rho de rmsprop y adadelta: r <- rho r + (1 - rho) g g; por omisión 0.9.',
    '/optimizer/beta1': 'p1 de adam, el decaimiento de la media de los gradientes; por omisión 0.9.',
    '/optimizer/beta2': 'p2 de adam, el decaimiento de la media de sus cuadrados; por omisión 0.999.',
    '/optimizer/epsilon':
        'Se suma a la raíz en adagrad, rmsprop, adam y adamw, y dentro de ella en adadelta; por omisión 1e-10 (adagrad), 1e-6 (adadelta) o 1e-8.',
    '/optimizer/weight_decay':
        'Cada actualización quita además esta parte de cada peso (no de los sesgos), por la tasa de aprendizaje: decaimiento desacoplado. Por omisión 0; en adamw null, que es 720 / filas de entrenamiento, como máximo 5.',
    '/optimizer/bias_correction':
        'adam: divide las medias por 1 - p^t. false con epsilon 0 es el Adam propio del curso.',
    '/loss':
        'auto: cross_entropy para clases, squared_error para regresión, que también tiene absolute_error y huber.',
    '/huber_delta': 'Dónde pasa huber de cuadrados a distancias, en desviaciones típicas del objetivo.',
    '/class_weights':
        'Cuánto cuentan las filas de una clase en la pérdida: "balanced" (n / (clases * filas de la clase)), o un objeto de clases y pesos, 1 donde no dice nada. En las métricas todas las filas cuentan igual.',
    '/sample_weight':
        'Una columna numérica que dice cuánto cuenta cada fila, en pérdidas y métricas: una fila de 2 vale por dos, una de 0 no está. Ya no es una entrada.',
    '/regularization': 'Castigos a los pesos grandes, y un límite a los gradientes.',
    '/regularization/l1': 'Suma l1 * sum |W| a la pérdida, sobre todos los pesos sin los sesgos.',
    '/regularization/l2': 'Suma l2 / 2 * sum W^2 a la pérdida, sobre todos los pesos sin los sesgos.',
    '/regularization/clip_norm':
        'Un gradiente (de todas las capas juntas) más largo se reduce hasta ella; 0: nunca; null: 0.5 en adamw, si no nunca.',
    '/schedule': 'La tasa de aprendizaje de una época a otra.',
    '/schedule/name':
        'Cómo cambia la tasa de aprendizaje de una época a otra. auto: cosine en adamw, constant en los demás; e cuenta épocas desde 0 tras el calentamiento: step: factor ^ floor(e / every); exponential: factor ^ e; cosine: media onda hasta minimum; inverse_scaling: 1 / (e + 1) ^ power; plateau: por factor cuando la pérdida no mejora en `every` épocas.',
    '/schedule/factor': 'De step y plateau, por omisión 0.1, y de exponential, por omisión 0.95.',
    '/schedule/every': 'Épocas de un escalón, o sin mejora en una meseta.',
    '/schedule/power': 'De inverse_scaling.',
    '/schedule/minimum': 'La tasa de aprendizaje no baja de ella.',
    '/schedule/warmup_epochs': 'Épocas en las que la tasa crece de 0 a la del optimizador, con cada actualización.',
    '/early_stopping':
        'El entrenamiento termina cuando una cifra ya no mejora; el modelo es el de la mejor época, también si la paciencia no se agota.',
    '/early_stopping/metric':
        'La cifra que ha de mejorar: valid_loss (sin filas de validación, train_loss), o una métrica de la tarea, como valid_accuracy o valid_rmse.',
    '/early_stopping/patience': 'Épocas sin mejora antes de que pare.',
    '/early_stopping/min_delta': 'Una mejora es de más que esto.',
    '/stop': 'Otras razones para terminar antes de la última época.',
    '/stop/train_loss': 'Termina cuando train_loss es esto o menos.',
    '/stop/valid_loss': 'Termina cuando valid_loss es esto o menos.',
    '/stop/seconds': 'Termina tras la época en la que ha tardado tanto; el resultado depende entonces de la máquina.',
    '/batch_size':
        'b, filas de una actualización de los pesos: "full" es el descenso de gradiente, 1 el estocástico.',
    '/epochs': 'n_epoch, pasadas por las filas de entrenamiento.',
    '/seed': 'De la división, los pesos iniciales y el orden de las filas: la misma semilla da los mismos bits.',
    '/threads': 'Máximo de hilos de una ejecución; nunca cambia un bit del resultado.',
    '/checkpoint': 'Lo que se guarda para que una ejecución interrumpida siga, con los mismos bits.',
    '/checkpoint/every_seconds':
        'Segundos entre puntos de control mientras entrena, o más donde escribir uno tarda; 0: solo cuando se para.',
    '/grid': 'JSON Pointer del trabajo a listas de valores; las ejecuciones son su producto.',
    '/search': 'En vez de una rejilla: ejecuciones en puntos que se sortean de distribuciones.',
    '/search/parameters':
        'JSON Pointer del trabajo a {"uniform": [mínimo, máximo]}, {"log_uniform": [mínimo, máximo]} o {"choice": [valores]}.',
    '/search/runs': 'Cuántos puntos se sortean.',
    '/search/seed': 'Del sorteo: la misma semilla da los mismos puntos.',
    '/halving':
        'Termina pronto las ejecuciones de una rejilla o una búsqueda que van peor que otras en la misma época.',
    '/halving/metric': 'Con qué se comparan las ejecuciones: una pérdida, o una métrica de la tarea.',
    '/halving/min_epochs': 'La primera comparación llega tras tantas épocas.',
    '/halving/reduction':
        'eta: de cada tantas sigue una, y cada comparación siguiente llega tras tantas veces las épocas.',
    '/initial': 'Parte de los pesos de una ejecución, con su codificador, sus columnas y su red.',
    '/initial/run': 'Una ejecución que tiene modelo.',
};
