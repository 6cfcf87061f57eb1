"""Our attention is KerasHub's, for every arrangement of heads, scale and window."""

from twin.base import keras  # it chooses Keras' back end, so it comes first

# isort: split
import jax.numpy as jnp
import numpy as np
import pytest
from keras_hub.src.models.gemma3.gemma3_attention import CachedGemma3Attention

from twin.base import attention as ours

assert keras


@pytest.mark.parametrize("heads", [(4, 1), (4, 2), (3, 3)])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("by_head", [True, False])
def test_it_is_kerashubs(heads: tuple[int, int], window: int | None, by_head: bool) -> None:
    random = np.random.default_rng(3)
    layer = CachedGemma3Attention(
        head_dim=16,
        num_query_heads=heads[0],
        num_key_value_heads=heads[1],
        use_sliding_window_attention=window is not None,
        sliding_window_size=window or 4096,
        query_head_dim_normalize=by_head,
        use_query_key_norm=True,
        rope_wavelength=1_000_000.0 if window is None else 10_000.0,
        rope_scaling_factor=8.0 if window is None else 1.0,
    )
    layer.build((2, 12, 24))
    for variable in layer.weights:
        variable.assign(random.normal(0, 0.5, variable.shape))
    x = jnp.asarray(random.normal(size=(2, 12, 24)), jnp.float32)
    segments = np.repeat([[1] * 4 + [2] * 8, [1] * 12], 1, axis=0)
    mask = jnp.asarray((segments[:, :, None] == segments[:, None]) & np.tril(np.ones((12, 12), bool)))
    assert np.asarray(ours.attend(layer, x, mask)) == pytest.approx(np.asarray(layer(x, attention_mask=mask)), abs=2e-5)
