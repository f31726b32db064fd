"""AdamW whose encoder goes its own pace: slower than the decoder, and later."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfseg")
class FineTuningAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) with another rate for the first of its variables.

    Args:
        encoder_variables: how many of the variables are the encoder's; they come first.
        encoder_rate: above 0, their learning rate as a share of the others'. Weight decay stays that of all.
        encoder_start: the step from which on they are trained. Their moments begin there at zero, so Adam's
            correction for that has to count from there; counted from the first step it would make their first
            updates several times too long.
        **options: of `keras.optimizers.AdamW`.
    """

    def __init__(self, *args, encoder_variables=0, encoder_rate=1.0, encoder_start=0, **options):
        super().__init__(*args, **options)
        self.encoder_variables, self.encoder_rate = encoder_variables, encoder_rate
        self.encoder_start = encoder_start

    def update_step(self, gradient, variable, learning_rate):
        if self._get_variable_index(variable) < self.encoder_variables:
            steps = ops.cast(self.iterations + 1, "float32")
            late = self._correction(steps - self.encoder_start) / self._correction(steps)
            learning_rate = learning_rate * self.encoder_rate * late
        super().update_step(gradient, variable, learning_rate)

    def _correction(self, steps):
        return ops.sqrt(1 - ops.power(self.beta_2, steps)) / (1 - ops.power(self.beta_1, steps))

    def get_config(self):
        own = {name: getattr(self, name) for name in ("encoder_variables", "encoder_rate", "encoder_start")}
        return super().get_config() | own


def widened(optimizer, variables, encoder_variables):
    """The optimizer for more variables than it was built for, with all that it knows of the old ones.

    Args:
        optimizer: a `FineTuningAdamW` that has been built.
        variables: list of the variables that are trained from now on, the encoder's first.
        encoder_variables: how many of them are the encoder's.

    Returns:
        Another `FineTuningAdamW`; the averages of the new variables are their present values.
    """
    config = optimizer.get_config() | {
        "encoder_variables": encoder_variables,
        "encoder_start": int(keras.ops.convert_to_numpy(optimizer.iterations)),
    }
    wider = FineTuningAdamW.from_config(config)
    wider.build(variables)
    known = {variable.name: variable for variable in optimizer.variables}
    for variable in wider.variables:
        if variable.name in known:
            variable.assign(known[variable.name])
    if wider.use_ema:
        averaged = {variable.path for variable in optimizer._trainable_variables}
        for variable, average in zip(variables, wider._model_variables_moving_average, strict=True):
            if variable.path not in averaged:
                average.assign(variable)
    return wider
