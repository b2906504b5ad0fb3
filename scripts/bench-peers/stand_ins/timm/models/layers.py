"""The one function that torchscale takes from timm: drops whole samples of a residual branch while training."""


def drop_path(x, drop_prob=0.0, training=False):
    if drop_prob == 0.0 or not training:
        return x
    kept = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - drop_prob)
    return x * kept / (1 - drop_prob)
