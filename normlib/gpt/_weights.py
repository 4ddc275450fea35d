"""How the weights of a GPT start, and which ones fit it."""

import math

import torch


@torch.no_grad()
def draw_weights(model, generator):
    """Draw all weights of a GPT from one generator, in an order that no placement changes."""
    config, layers = model.config, model.config.n_layer
    xavier, deepnorm = config.init == "xavier", config.placement == "deepnorm"
    embd = (1.0 if xavier else 0.02) if config.embd_std is None else config.embd_std
    into_stream = config.residual_gain
    if not xavier and not deepnorm:
        into_stream /= math.sqrt(2 * layers)
    beta = (8 * layers) ** -0.25 if deepnorm else 1.0

    def draw(weight, gain=1.0):
        fan_out, fan_in = weight.shape
        std = math.sqrt(2 / (fan_in + fan_out)) if xavier else 0.02
        weight.copy_(torch.randn(weight.shape, generator=generator) * std * gain)

    model.wte.weight.copy_(torch.randn(model.wte.weight.shape, generator=generator) * embd)
    positions = torch.randn(model.wpe.weight.shape, generator=generator)
    model.wpe.weight.copy_(positions * embd * (0.5 if xavier else 1.0))
    for block in model.blocks:
        q, k, v = block.attn.qkv.weight.chunk(3)  # three square matrices, each Xavier
        draw(q)
        draw(k)
        draw(v, beta)
        draw(block.attn.proj.weight, beta * into_stream)
        draw(block.mlp.fc.weight, beta)
        draw(block.mlp.proj.weight, beta * into_stream)
    for name, parameter in model.blocks.named_parameters():
        if name.endswith(("qkv.bias", "proj.bias", "fc.bias")):
            parameter.zero_()
    if not config.tied:
        draw(model.head.weight)


def require_same(own, given, strict):
    """Refuse a state of other names or shapes in one sentence: PyTorch's lists every one."""
    names = (
        ("missing", [name for name in own if name not in given]),
        ("unexpected", [name for name in given if name not in own]),
    )
    found = [f"{len(n)} are {what} (the first is {n[0]})" for what, n in names if n and strict]
    common = [name for name in own if name in given]
    shapes = {name: tuple(getattr(given[name], "shape", ())) for name in common}
    wrong = [name for name in common if shapes[name] != tuple(own[name].shape)]
    if wrong:
        first = f"{wrong[0]} is {shapes[wrong[0]]}, not {tuple(own[wrong[0]].shape)}"
        found.append(f"{len(wrong)} have another shape ({first})")
    if found:
        fix = "no name is the same: GPT.from_hf reads Hugging Face's, rename others"
        if common:
            fix = "build the GPT with the GPTConfig of the model that was saved"
        raise RuntimeError(
            f"the state must have the {len(own)} tensors of this GPT: {', '.join(found)}; {fix}."
        )
