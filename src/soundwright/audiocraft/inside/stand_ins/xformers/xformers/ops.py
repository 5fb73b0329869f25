"""The one function that AudioCraft's default attention uses."""


def unbind(x, dim):
    """Takes a tensor apart along a dimension, as xformers' own does with another memory layout."""
    return x.unbind(dim)


def __getattr__(name):
    raise AttributeError(
        f"xformers.ops.{name} is not here: xformers is not installed -> "
        "install it, or set efficient_attention_backend=torch"
    )
