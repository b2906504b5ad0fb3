"""What torchscale takes from fairscale: wrappers for checkpointed activations and for sharding, both off here."""


def checkpoint_wrapper(module, **options):
    raise NotImplementedError("activations are not checkpointed in this comparison")


def wrap(module, **options):
    raise NotImplementedError("models are not sharded in this comparison")
