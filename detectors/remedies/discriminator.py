"""What D sees, and how steep it may be."""

from __future__ import annotations

from gandiag.remedy import Remedy

from .losses import LOGISTIC

DISCRIMINATOR = (
    Remedy(
        name="match-inputs",
        change="give D real and generated batches of the same range, type and padding",
        code="for x in (real, fake):\n    print(x.dtype, tuple(x.shape), x.min().item(), x.max().item())\n"
        "real = real * 2 - 1  # if they are in [0, 1] and G ends in tanh",
        why="D needs a single value that only one kind can have; no G can learn that away.",
        cost="none",
        cost_level=0,
        evidence="First of the rules of ganhacks: normalise images between -1 and 1, tanh as G's last layer.",
        verified=False,
        expect="range/real/min and range/fake/min agree at once, d/auc falls below 0.98 within some 500 steps",
    ),
    Remedy(
        name="instance-noise",
        change="add noise to everything that D sees, and let it fade out",
        code="sigma = 0.1 * max(0.0, 1 - step / 10_000)\nreal = real + sigma * torch.randn_like(real)\n"
        "fake = fake + sigma * torch.randn_like(fake)",
        why="Noisy real and generated samples overlap, so that D cannot be sure, and its gradient reaches G.",
        cost="none; samples are blurred while there is noise",
        cost_level=0,
        evidence="Closed form: on Dirac-GAN noise of deviation s moves the eigenvalues from +-0.5i to real parts of "
        "-s^2/4, which ends the circling.",
        verified=True,
        expect="d/auc falls below 0.95 and feedback/norm rises within some 200 steps",
        recipe="ring8-instance-noise",
    ),
    Remedy(
        name="r1-penalty",
        change="penalise D's gradient on real samples (R1, gamma 0.1 to 10)",
        code="x = real.detach().requires_grad_()\n"
        "slope = torch.autograd.grad(D(x).sum(), x, create_graph=True)[0].flatten(1)\n"
        "loss_D = loss_D + 0.5 * 1.0 * slope.square().sum(1).mean()  # gamma = 1",
        why="It damps the rotation of the game and keeps D from being steep where the data are.",
        cost="a second backward pass through D; every 16th step is enough, with 16 times the weight",
        cost_level=2,
        evidence="Closed form: on Dirac-GAN the eigenvalues are -gamma/2 +- sqrt(gamma^2/4 - 1/4), so that any "
        "gamma > 0 turns the circle into a spiral inwards.",
        verified=True,
        expect="d/real/mean and d/fake/mean swing less with each turn, within some 500 steps",
        recipe="ring8-r1",
        not_for=("wgan-gp",),
    ),
    Remedy(
        name="spectral-norm",
        change="use spectral normalisation in every layer of D",
        code='for module in [m for m in D.modules() if getattr(m, "weight", None) is not None]:\n'
        "    if module.weight.dim() > 1:\n        torch.nn.utils.parametrizations.spectral_norm(module)",
        why="D can then be no steeper than its activations allow: neither its outputs nor its gradients explode.",
        cost="about 5 % of the time; make opt_D anew afterwards",
        cost_level=1,
        evidence="FID on CIFAR-10 in one code base: 16.8 with it, 22.3 with a gradient penalty (README of "
        "kwotsin/mimicry).",
        verified=True,
        expect="weights/discriminator/sigma_max is 1 at once, grad/discriminator/norm stops growing",
        recipe="ring8-spectral-norm",
    ),
    Remedy(
        name="augmentation",
        change="augment everything that D sees, in G's step too, by the same differentiable changes",
        code="def augment(x):  # images (N, C, H, W): brightness and shifts\n"
        "    x = x + torch.rand(len(x), 1, 1, 1, device=x.device) - 0.5\n"
        "    return x.roll(torch.randint(-2, 3, (2,)).tolist(), (2, 3))",
        why="D sees each training sample in many forms, and can no longer know them by heart.",
        cost="5 to 10 % of the time; strong augmentation leaks into the samples",
        cost_level=1,
        evidence="StyleGAN2 on a tenth of CIFAR-10: FID 36.0 to 14.5 with DiffAugment (README of GaParmar/clean-fid).",
        verified=True,
        expect="d/held_out/gap shrinks and d/held_out/auc falls towards 0.5 within some 1,000 steps",
        recipe="ada-digits",
    ),
    Remedy(
        name="clip-bound",
        change="change the clip bound: larger where gradients vanish with depth, smaller where they explode",
        code="for p in D.parameters():\n    p.data.clamp_(-0.03, 0.03)  # was 0.01",
        why="With clipped weights gradients shrink or grow by a constant factor per layer, which the bound sets.",
        cost="a search for the bound",
        cost_level=0,
        evidence="In a critic of 12 layers gradients shrink or grow exponentially with depth, by the bound "
        "(Gulrajani et al. 2017, figure 1).",
        verified=False,
        expect="grad/discriminator/layer/<layer> become equal across layers within some 200 steps",
        recipe="ring8-wgan",
        families=("wgan",),
    ),
    Remedy(
        name="penalty-weight",
        change="set the weight of the gradient penalty to 10 for images, to 0.1 for 2-D points",
        code="loss_D = d_fake.mean() - d_real.mean() + 10 * (slope - 1).square().mean()",
        why="Too small a weight leaves the critic unbounded, too large a one drowns what it should learn.",
        cost="none",
        cost_level=0,
        evidence="The reference code has 10 for images and 0.1 for toy data (igul222/improved_wgan_training).",
        verified=True,
        expect="penalty/norm settles near 1 within some 500 steps",
        recipe="ring8-wgan-gp",
        families=("wgan-gp",),
    ),
    Remedy(
        name="no-batch-norm-in-critic",
        change="take batch normalisation out of the critic; layer normalisation will do",
        code="for name, module in list(D.named_modules()):\n"
        "    if isinstance(module, torch.nn.BatchNorm2d):\n"
        "        D.set_submodule(name, torch.nn.GroupNorm(1, module.num_features))",
        why="The penalty is on each sample's own gradient; batch normalisation lets all samples shape each output.",
        cost="make opt_D anew; D has to settle again",
        cost_level=1,
        evidence="The paper leaves it out for that reason (Gulrajani et al. 2017, section 4).",
        verified=False,
        expect="penalty/norm settles near 1 within some 1,000 steps",
        recipe="digits-wgan-gp",
        families=("wgan-gp",),
    ),
    Remedy(
        name="experience-replay",
        change="show D older generated samples as well",
        code="memory = [*memory[-50:], fake.detach()]  # [] at the start\n"
        "old = memory[torch.randint(len(memory), ()).item()]\n"
        "loss_D = loss_D + 0.5 * F.softplus(D(old)).mean()",
        why="D does not forget what it has already rejected, so going back there does not pay for G.",
        cost="half a step of D more, and the memory",
        cost_level=1,
        evidence="Rule 6 of ganhacks; no numbers.",
        verified=True,
        expect="modes/turnover and bins/turnover fall within some 1,000 steps",
        families=LOGISTIC,
    ),
)
