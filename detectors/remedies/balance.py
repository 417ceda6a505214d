"""How fast and how often the players learn, and when to stop."""

from __future__ import annotations

from gandiag.remedy import Remedy

from .losses import CRITICS

BALANCE = (
    Remedy(
        name="train-d-less",
        change="train D less: one step per step of G, at half its learning rate",
        code='for group in opt_D.param_groups:\n    group["lr"] *= 0.5',
        why="A D that learns more slowly leaves room between real and generated in which its gradient is not flat.",
        cost="none",
        cost_level=0,
        evidence="With G frozen, its gradient fell by up to five decades within 4,000 steps of D "
        "(Arjovsky & Bottou 2017).",
        verified=False,
        expect="d/auc falls below 0.95 within some 500 steps",
        recipe="ring8-minimax",
        not_for=CRITICS,
        balance=True,
    ),
    Remedy(
        name="faster-discriminator",
        change="let D learn faster than G, for instance at 4e-4 against 1e-4",
        code="opt_D = torch.optim.Adam(D.parameters(), lr=4e-4, betas=(0.0, 0.9))\n"
        "opt_G = torch.optim.Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.9))",
        why="D answers before G has moved all its samples to where D was wrong.",
        cost="none but the search for the two rates",
        cost_level=0,
        evidence="FID of a DCGAN on CelebA 21.4 to 12.5 with two time scales (Heusel et al. 2017).",
        verified=False,
        expect="d/auc rises above 0.6 and diversity/ratio stops falling within some 500 steps",
        recipe="ring8-ttur",
        balance=True,
    ),
    Remedy(
        name="more-discriminator-steps",
        change="give D two to five steps for each step of G",
        code="if step % 3 == 0:  # D has its step every time\n    opt_G.zero_grad(), loss_G.backward(), opt_G.step()",
        why="What D tells G is worth following only where D is near its best for the present G.",
        cost="two to five times the time for the same number of steps of G",
        cost_level=2,
        evidence="The reference code of WGAN-GP takes five steps of the critic (igul222/improved_wgan_training).",
        verified=True,
        expect="d/auc rises within some 200 steps; for critics, d/lipschitz settles",
        recipe="ring8-wgan",
        balance=True,
    ),
    Remedy(
        name="wider-discriminator",
        change="give D at least as many units as G",
        code="width = 2 * width  # of D's layers, where D is built",
        why="A small D cannot tell what G leaves out.",
        cost="a training from the start, with a slower D",
        cost_level=2,
        evidence="Stacked MNIST, a DCGAN finds 31 of 1,000 modes with a D a quarter as large as G, 628 with one half "
        "as large (Lin et al. 2018, table 3).",
        verified=True,
        expect="d/auc lies above 0.6 and diversity/ratio above 0.8 after the first tenth of the run",
        balance=True,
    ),
    Remedy(
        name="test-d-alone",
        change="first train a copy of D on one fixed batch: it must learn to tell real from generated",
        code="alone = copy.deepcopy(D); look = torch.optim.Adam(alone.parameters(), lr=1e-3)\n"
        "for _ in range(200): look.zero_grad(); loss_of(alone).backward(); look.step()\n"
        "print(alone(real).mean().item(), alone(fake).mean().item())  # far apart, or the fault is in D or its loss",
        why="If it cannot, D's loss, labels, outputs or layers are wrong, and no rate helps; if it can, D is too slow.",
        cost="200 steps of D",
        cost_level=0,
        evidence="Closed form: 64 points in general position are separable by any D with 64 inputs or units.",
        verified=False,
        expect="nothing in the training itself; where the copy tells them apart, d/auc can rise above 0.6, too",
    ),
    Remedy(
        name="fresh-discriminator",
        change="give D fresh weights and train it alone for 500 steps",
        code='for module in D.modules():\n    getattr(module, "reset_parameters", lambda: None)()',
        why="If the fresh D tells real from generated, the old one was stuck; if not, G is as good as D can see.",
        cost="500 steps of D",
        cost_level=1,
        evidence="Our choice: an accuracy above 0.6 after 500 steps separates a weak D from a good G.",
        verified=False,
        expect="d/auc rises above 0.6 within 500 steps if D was the reason",
    ),
    Remedy(
        name="lower-learning-rates",
        change="halve both learning rates",
        code='for group in (*opt_G.param_groups, *opt_D.param_groups):\n    group["lr"] *= 0.5',
        why="The more the players rotate around each other, the smaller a step must be not to lead outwards.",
        cost="twice the steps",
        cost_level=0,
        evidence="A step h leads inwards only if h < 2 / |Re l| / (1 + (Im l / Re l)^2) for each eigenvalue l of the "
        "game (Mescheder et al. 2017).",
        verified=False,
        expect="grad/generator/norm and grad/discriminator/norm stop growing within some 200 steps",
    ),
    Remedy(
        name="raise-learning-rate",
        change="raise G's learning rate threefold, or let its schedule start anew",
        code='for group in opt_G.param_groups:\n    group["lr"] *= 3',
        why="Updates far smaller than the weights move nothing; a schedule may have ended too early.",
        cost="none; go back if gradients grow",
        cost_level=0,
        evidence="Our choice: with Adam, healthy updates are 0.0001 to 0.01 of the weights.",
        verified=False,
        expect="update/generator/ratio triples at once and distance/energy falls again within some 500 steps",
    ),
    Remedy(
        name="roll-back",
        change="go back to the last checkpoint from before this began",
        code='G.load_state_dict(checkpoint["G"]), D.load_state_dict(checkpoint["D"])\n'
        'opt_G.load_state_dict(checkpoint["opt_G"]), opt_D.load_state_dict(checkpoint["opt_D"])',
        why="Collapsed or diverged networks do not recover by themselves; Adam's state has to go back, too.",
        cost="the steps since then; without another change it may fail again",
        cost_level=0,
        evidence="BigGAN's published weights, of Inception Score 97.4, are those from just before its collapse "
        "(README of ajbrock/BigGAN-PyTorch).",
        verified=True,
        expect="diversity/ratio and grad/generator/norm are back at once",
    ),
    Remedy(
        name="early-stop",
        change="stop here and use the checkpoint whose samples were best",
        code="if distance < best:  # FID, or another distance to the data\n"
        "    best, kept = distance, copy.deepcopy(G.state_dict())",
        why="Quality that drops while training goes on rarely comes back by itself.",
        cost="an evaluation now and then",
        cost_level=0,
        evidence="BigGAN's published weights are those from just before its collapse "
        "(README of ajbrock/BigGAN-PyTorch).",
        verified=True,
        expect="distance/energy of the kept weights is the smallest of the run, and quality/fid, too, if measured",
    ),
)
