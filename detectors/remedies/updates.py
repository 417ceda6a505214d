"""Corrected lines, where networks are not updated as they are meant to be."""

from __future__ import annotations

from gandiag.remedy import Remedy

UPDATES = (
    Remedy(
        name="step-each-optimizer",
        change="give each network an optimizer of its own, with exactly its parameters, and step both",
        code="opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))\n"
        "opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))\n"
        "opt_G.zero_grad(); loss_G.backward(); opt_G.step()  # and D alike",
        why="Weights that no optimizer steps on stay as they were drawn.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a network without an update does not change.",
        verified=True,
        expect="updates/<net> is 1 or more and update/<net>/ratio above 1e-6 at once",
    ),
    Remedy(
        name="detach-for-d-only",
        change="detach generated samples in D's step only; in G's own step give D the samples as G made them",
        code="loss_D = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()\n"
        "loss_G = F.softplus(-D(fake)).mean()  # fake, not fake.detach(), nor made under no_grad",
        why="Nothing flows back to G through samples that are detached.",
        cost="none",
        cost_level=0,
        evidence="Closed form: the gradient of a detached tensor is none.",
        verified=True,
        expect="feedback/norm is above 0 at once",
    ),
    Remedy(
        name="unfreeze",
        change="set a network free again before its own update, if it is frozen for its opponent's",
        code="D.requires_grad_(True)  # before D's update\n"
        "opt_D.zero_grad(); loss_of(D).backward(); opt_D.step()\n"
        "D.requires_grad_(False)  # before G's update, to save time; G needs D's gradient by its input only",
        why="No gradient is kept for weights that do not require one, and the optimizer passes them over.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a network without a gradient does not change.",
        verified=True,
        expect="update/<net>/ratio is above 1e-6 at once",
    ),
    Remedy(
        name="whole-network",
        change="make the optimizer of a network once it is complete, of all its parameters",
        code="opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))  # after the last layer was added\n"
        "assert {*D.parameters()} <= {p for group in opt_D.param_groups for p in group['params']}",
        why="An optimizer keeps the parameters that it was given: of layers made or replaced later it knows nothing.",
        cost="none; the optimizer's state starts anew",
        cost_level=0,
        evidence="Arithmetic: a weight without an update does not change.",
        verified=True,
        expect="unheld/<net> is 0 at once",
    ),
    Remedy(
        name="set-rate",
        change="set a learning rate with which the network moves, and look for what has made it so low",
        code='for group in (*opt_G.param_groups, *opt_D.param_groups):\n    print(group["lr"])\n    group["lr"] = 2e-4',
        why="A rate of 0, or one that a schedule has brought to nothing, changes no weight.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: every update is a multiple of the rate.",
        verified=True,
        expect="update/<net>/ratio is above 1e-6 at once",
    ),
    Remedy(
        name="one-optimizer-each",
        change="hold the parameters of G in G's optimizer only, and those of D in D's only",
        code="opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))\n"
        "opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))",
        why="An optimizer that holds both lets each network follow the other one's loss as well.",
        cost="none",
        cost_level=0,
        evidence="Closed form: both networks then descend both losses, which are opposed.",
        verified=True,
        expect="optimizers/crossed is 0 at once",
    ),
    Remedy(
        name="clear-gradients",
        change="clear the gradients of a network right before the backward pass whose gradients its optimizer uses",
        code="opt_D.zero_grad(); loss_of(D).backward(); opt_D.step()\n"
        "opt_G.zero_grad(); F.softplus(-D(G(z))).mean().backward(); opt_G.step()",
        why="What is left over from before is added: of older weights, or of the other network's loss, which pulls "
        "the opposite way.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: backward adds to what a gradient holds.",
        verified=True,
        expect="leftover/<net> is 0 at once",
    ),
    Remedy(
        name="rates-of-one-scale",
        change="use learning rates of the same scale: equal, or at most about ten times apart",
        code="for optimizer, rate in ((opt_G, 2e-4), (opt_D, 2e-4)):\n"
        '    for group in optimizer.param_groups:\n        group["lr"] = rate',
        why="With rates this far apart one network hardly learns, and the other has no opponent.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: every update is a multiple of the rate.",
        verified=True,
        expect="update/<net>/ratio of both are within some ten times of each other at once",
    ),
    Remedy(
        name="restore-schedule",
        change="save and load the schedulers with the optimizers, for both networks",
        code='checkpoint = {"opt_G": opt_G.state_dict(), "opt_D": opt_D.state_dict()}  # and scheduler.state_dict()\n'
        'opt_G.load_state_dict(checkpoint["opt_G"]); opt_D.load_state_dict(checkpoint["opt_D"])',
        why="A scheduler made anew begins at its first rate, and throws networks that had settled off again.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a new scheduler counts from 0.",
        verified=True,
        expect="rate/<net> goes on where it was, at the next resume",
    ),
    Remedy(
        name="rates-as-before",
        change="set the learning rates back to what they were, and look for what raised them: a scheduler stepped per "
        "batch, a second one, a warm-up that counts epochs",
        code="for optimizer, rate in ((opt_G, 2e-4), (opt_D, 2e-4)):  # what they were before\n"
        '    for group in optimizer.param_groups:\n        group["lr"] = rate',
        why="Steps ten times as long throw both networks out of what they had settled in; they do not come back.",
        cost="what was trained since then: go on from a checkpoint of before",
        cost_level=1,
        evidence="Halved rates, still five times or more above those of before, helped in none of our own runs.",
        verified=False,
        expect="rate/<net> is as before, and gradient norms come down to what they were within some 200 steps",
    ),
    Remedy(
        name="step-the-schedule",
        change="step the schedulers as often as they were made for: once an epoch, or with numbers that count batches",
        code="schedule = torch.optim.lr_scheduler.ExponentialLR(opt_G, 0.95)\n"
        "# schedule.step()  # after the loop over batches, not in it; D's alike",
        why="A rate that is multiplied by 0.95 in every batch is a thousandth of itself after 135 of them.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: 0.95 to the power of 135 is 0.001.",
        verified=True,
        expect="rate/<net> is what it is meant to be after the first epoch",
    ),
    Remedy(
        name="count-updates",
        change="count the updates of each network in a round, and look for the condition that leaves one out",
        code="opt_D.zero_grad(); loss_of(D).backward(); opt_D.step()  # in every step, under no condition\n"
        "opt_G.zero_grad(); F.softplus(-D(G(z))).mean().backward(); opt_G.step()",
        why="A network that is updated once while the other one is updated twenty times has no time to answer.",
        cost="none",
        cost_level=0,
        evidence="Goodfellow et al. 2014, algorithm 1: k updates of D for one of G, with k = 1 in all experiments.",
        verified=False,
        expect="pace/discriminator is 1 at once",
    ),
    Remedy(
        name="critic-updates",
        change="update the critic about five times for each update of G, as Wasserstein losses ask for",
        code="update_G = step % 5 == 4  # D's update stands before the condition, G's alone under it\n"
        "if update_G:\n    opt_G.zero_grad(); (-D(G(z)).mean()).backward(); opt_G.step()",
        why="The loss is a distance only for a critic near its optimum; one that lags behind leads G astray.",
        cost="five updates of D per step",
        cost_level=2,
        evidence="Arjovsky et al. 2017 and Gulrajani et al. 2017, algorithm 1: n_critic = 5.",
        verified=False,
        expect="pace/discriminator is 5 at once",
        families=("wgan", "wgan-gp"),
    ),
)
