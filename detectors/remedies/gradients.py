"""Arithmetic, gradients that are too large, and layers that pass none."""

from __future__ import annotations

from gandiag.remedy import Remedy

GRADIENTS = (
    Remedy(
        name="clip-gradients",
        change="clip the gradient norm at some ten times its healthy median",
        code="torch.nn.utils.clip_grad_norm_(D.parameters(), max_norm=10.0)  # before opt_D.step(); G alike",
        why="A single steep place then costs one bounded step, not the weights.",
        cost="none",
        cost_level=0,
        evidence="Keeps recurrent networks training through cliffs of their loss (Pascanu et al. 2013).",
        verified=False,
        expect="grad/discriminator/norm, recorded as used, stays at or below the bound at once",
    ),
    Remedy(
        name="bfloat16",
        change="compute in bfloat16, not float16, or in float32 where losses and penalties are",
        code="with torch.autocast(real.device.type, dtype=torch.bfloat16):\n    d_real, d_fake = D(real), D(fake)\n"
        "loss_D = F.softplus(-d_real.float()).mean() + F.softplus(d_fake.float()).mean()",
        why="Float16 ends at 65,504; bfloat16 has the range of float32, and needs no GradScaler.",
        cost="fewer digits than float16",
        cost_level=0,
        evidence="Arithmetic: the largest float16 is 65,504, the largest bfloat16 3.4e38.",
        verified=True,
        expect="nonfinite and skipped/discriminator stay 0 from the restart on",
    ),
    Remedy(
        name="safe-norm",
        change="add a small constant inside the square root of the gradient penalty",
        code="slope = (slopes.flatten(1).square().sum(1) + 1e-12).sqrt()\n"
        "loss_D = loss_D + 10 * (slope - 1).square().mean()",
        why="The derivative of a square root at zero is infinite: one sample with no gradient makes all weights NaN.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: d sqrt(x) / dx = 1 / (2 sqrt(x)).",
        verified=True,
        expect="nonfinite stays 0 from the restart on",
        recipe="ring8-wgan-gp",
        families=("wgan", "wgan-gp", "other", "unknown"),
    ),
    Remedy(
        name="leaky-relu",
        change="replace ReLU by LeakyReLU (0.2)",
        code="for name, module in list(D.named_modules()):\n    if isinstance(module, torch.nn.ReLU):\n"
        "        D.set_submodule(name, torch.nn.LeakyReLU(0.2))",
        why="A ReLU that no input reaches passes no gradient and never comes back; a leaky one does.",
        cost="none",
        cost_level=0,
        evidence="Rule 5 of ganhacks and the guidelines of DCGAN (Radford et al. 2016).",
        verified=False,
        expect="grad/discriminator/layer/<layer> of the dead layer rises above 0 at once",
        recipe="dcgan-digits",
    ),
    Remedy(
        name="fresh-layer",
        change="give the dead layer fresh weights, and a lower learning rate for a while",
        code='torch.nn.init.kaiming_normal_(layer.weight, a=0.2, nonlinearity="leaky_relu")\n'
        "torch.nn.init.zeros_(layer.bias)",
        why="Its units were pushed to where no input reaches them; fresh ones start in the middle of their inputs.",
        cost="what the layer had learned",
        cost_level=0,
        evidence="The deviation that keeps the size of signals through rectified layers (He et al. 2015).",
        verified=False,
        expect="grad/generator/layer/<layer> of the dead layer rises above 0 at once",
    ),
    Remedy(
        name="normalise-layer",
        change="normalise what enters the dead layer, or add a connection around it",
        code="layer = torch.nn.Sequential(torch.nn.LayerNorm(layer.in_features), layer)",
        why="Normalised inputs reach every unit; a connection around it lets gradients pass whatever the layer does.",
        cost="a training from the start, or a while to settle",
        cost_level=1,
        evidence="Batch normalisation made deep generators start to learn (Radford et al. 2016).",
        verified=False,
        expect="grad/generator/layer/<layer> lie within two decades of each other after some 200 steps",
        recipe="dcgan-digits",
    ),
    Remedy(
        name="safe-division",
        change="add a small constant wherever a network divides, takes a root or a logarithm",
        code="features = (features - features.mean(0)) / (features.std(0) + 1e-5)  # 0 where all samples are alike\n"
        "features = (features.square() + 1e-12).sqrt()  # at 0 a root has no derivative",
        why="A division by 0, the logarithm of 0 and the derivative of a root at 0 are infinite; 0 times that is NaN.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: 0 / 0 and 0 times infinity are NaN in floating point (IEEE 754).",
        verified=True,
        expect="nonfinite stays 0 from the restart on",
    ),
    Remedy(
        name="detect-anomaly",
        change="go on from the last checkpoint under torch's anomaly detection, which names the operation",
        code="with torch.autograd.set_detect_anomaly(True):\n    loss_of(D).backward()  # and G's loss alike",
        why="It stops at the first operation whose way back gives NaN, and shows the line that called it.",
        cost="some twice the time of a step, for as long as it is in",
        cost_level=2,
        evidence="torch's documentation of torch.autograd.detect_anomaly.",
        verified=False,
        expect="nonfinite stays 0 once the operation is mended",
    ),
)
