"""One step of training and one of judging, compiled."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.base.forward import predicted_nats
from twin.base.keras import keras, linears
from twin.base.lora import Lora
from twin.base.rows import Batch
from twin.train.config import TrainConfig
from twin.train.devices import Devices


class Flops(NamedTuple):
    """Operations for one token: forward through all blocks and back through the adapted ones, and in the output."""

    body: float
    output: float

    @classmethod
    def of(cls, backbone: Any, *, first: int) -> "Flops":
        # Kernels are frozen: on the way back only the gradient of the activations is made.
        def weights(start: int) -> float:
            return sum(float(np.prod(one.layer.kernel.shape)) for one in linears(backbone, first=start))

        words = backbone.token_embedding
        return cls(2 * weights(0) + 2 * weights(first), 4.0 * words.input_dim * words.output_dim)

    def of_tokens(self, tokens: int, learned: int) -> float:
        return tokens * self.body + learned * self.output


class Stepper:
    """The model's frozen weights, the adapter's weights and the optimiser's state, and how a batch changes them."""

    def __init__(self, backbone: Any, lora: Lora, *, config: TrainConfig, frozen_below: int) -> None:
        self._backbone = backbone
        self._lora = lora
        self._devices = Devices()
        self._frozen = self._devices.spread(variable.value for variable in backbone.variables)
        self.optimizer: Any = keras.optimizers.AdamW(
            learning_rate=config.learning_rate, weight_decay=config.weight_decay, clipnorm=None
        )
        self.optimizer.build(lora.variables)
        self.weights: list[Any] = self._devices.copied(variable.value for variable in lora.variables)
        self.state: list[Any] = self._devices.copied(variable.value for variable in self.optimizer.variables)
        rate = next(i for i, one in enumerate(self.optimizer.variables) if one is self.optimizer.learning_rate)

        def loss(weights: Any, frozen: Any, batch: Batch) -> Any:
            nats = self._nats(weights, frozen, batch, frozen_below=frozen_below, remat=config.remat)
            return (nats * batch.learned).sum() / batch.learned.sum()

        def gradient(weights: Any, frozen: Any, batch: Batch) -> Any:
            return jax.value_and_grad(loss)(weights, frozen, batch)

        def update(weights: Any, state: Any, gradients: Any, learning_rate: Any) -> Any:
            norm = jnp.sqrt(sum(jnp.vdot(one, one) for one in gradients))
            factor = jnp.minimum(1.0, config.clip_norm / (norm + 1e-9))
            state = [learning_rate if i == rate else one for i, one in enumerate(state)]
            with keras.StatelessScope():
                return self.optimizer.stateless_apply(state, [one * factor for one in gradients], weights)

        self._gradient = jax.jit(gradient)
        self._update = jax.jit(update, donate_argnums=(0, 1))
        self._judge = jax.jit(self._nats)

    def step(self, group: list[Batch], *, learning_rate: float) -> float:
        """Move the weights by the mean gradient of a group of batches; the mean loss in nats per token."""
        total: Any = None
        losses: list[Any] = []
        for batch in group:
            loss, gradients = self._gradient(self.weights, self._frozen, self._devices.dealt(batch))
            losses.append(loss)
            total = gradients if total is None else [a + b for a, b in zip(total, gradients, strict=True)]
        mean = [one / len(group) for one in total]
        self.weights, self.state = self._update(self.weights, self.state, mean, np.float32(learning_rate))
        return float(sum(losses)) / len(group)

    def mean_loss(self, batches: Sequence[Batch]) -> float:
        """Mean nats per token of the owner's own words."""
        nats = words = 0.0
        for batch in batches:
            judged = self._judge(self.weights, self._frozen, self._devices.dealt(batch))
            nats += float((np.asarray(judged) * batch.words).sum())
            words += float(batch.words.sum())
        return nats / words

    def adopt(self) -> None:
        """Write the weights into the adapter's variables."""
        for variable, value in zip(self._lora.variables, self.weights, strict=True):
            variable.assign(value)

    def _nats(self, weights: Any, frozen: Any, batch: Batch, *, frozen_below: int = 0, remat: bool = False) -> Any:
        mapping = [
            *zip(self._lora.variables, weights, strict=True),
            *zip(self._backbone.variables, frozen, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping):
            return predicted_nats(self._backbone, batch, frozen_below=frozen_below, remat=remat)
