"""The one table of signals: name, unit, meaning, which direction is bad and how values merge.

Names are paths. `<net>` stands for `generator` or `discriminator`, `<layer>` for a layer's dotted name, `<class>` for
the number of a class. Where several networks share a role, each has signals of its own beside those of all:
`grad/generator.a2b/norm`, `d.patch/auc`, see `gandiag.signals.names`.
Signals with other names may be logged: they are kept and plotted, and no detector reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Worse = Literal["high", "low", "both", "neither"]
Merge = Literal["mean", "min", "max", "sum", "spread", "norm"]
"""How one value is made of several: of ranks, or of neighbouring steps when rows are thinned.

Of networks in one role it is the worst value where a direction is worse, else as said here.

- mean: the mean, over ranks weighted by the samples behind it
- min, max: the smallest, the largest
- sum: counts of what each rank has a part of; of neighbouring steps the largest, as a count stands for one step
- spread: as the mean, but over ranks pooled, as if all samples stood in one batch
- norm: as the mean, but over ranks unweighted, and of a sharded network the root of the sum of squares
"""


@dataclass(frozen=True)
class Signal:
    """One entry of the table. `worse` is the direction that is bad for training, `merge` how values become one."""

    name: str
    unit: str
    meaning: str
    worse: Worse = "neither"
    merge: Merge = "mean"


SIGNALS: tuple[Signal, ...] = (
    Signal("loss/generator", "", "generator loss as logged by the loop"),
    Signal("loss/discriminator", "", "discriminator loss as logged by the loop"),
    Signal("grad/<net>/norm", "L2", "norm of all gradients of <net> as its optimizer uses them", "both", merge="norm"),
    Signal(
        "grad/<net>/nonfinite", "tensors", "parameters of <net> whose gradient is NaN or infinite", "high", merge="max"
    ),
    Signal("grad/<net>/layer/<layer>", "L2", "gradient norm of one layer's weight", "both", merge="norm"),
    Signal("feedback/norm", "L2", "mean norm per sample of dL_G/dG(z): what D tells G", "low"),
    Signal("update/<net>/ratio", "", "norm of the update over the norm of the weights, per step", "both"),
    Signal("updates/<net>", "updates", "optimizer steps on <net> within the step, 0 where there was none", merge="max"),
    Signal(
        "pace/<net>", "updates", "updates of <net> per update of G, by its latest rhythm: 0.2 is in every fifth step"
    ),
    Signal("rate/<net>", "", "learning rate with which <net> is updated, the highest of its parameter groups"),
    Signal(
        "leftover/<net>",
        "",
        "1 where an update of <net> used a gradient that was not cleared since an earlier optimizer step",
        "high",
        merge="max",
    ),
    Signal(
        "unheld/<net>",
        "parameters",
        "parameters of <net> that get a gradient, and that no optimizer holds",
        "high",
        merge="max",
    ),
    Signal(
        "optimizers/crossed",
        "",
        "1 where one optimizer updated both networks although another one updates one of them as well",
        "high",
        merge="max",
    ),
    Signal(
        "mode/<net>/own",
        "share",
        "share of the layers of <net> that depend on its mode (BatchNorm, Dropout) in training mode in its own update",
        merge="max",
    ),
    Signal("mode/<net>/others", "share", "the same of <net> in the update of the other network", merge="max"),
    Signal(
        "mode/<net>/switched", "share", "share of these layers of <net> whose mode differs between both", "high", "max"
    ),
    Signal(
        "copied/<net>",
        "",
        "1 where the other network's update used a copy of <net>, and one of the two stands still; 0.5 if it follows G",
        "high",
        merge="max",
    ),
    Signal("input/repeated", "", "1 where G is given the same input as in the step before", "high", merge="min"),
    Signal(
        "condition/lost",
        "share",
        "share of the real samples whose label G is never given, less what chance leaves out",
        "high",
        merge="max",
    ),
    Signal(
        "condition/foreign",
        "share",
        "share of the labels G is given that no real sample has, less what chance leaves out",
        "high",
        merge="max",
    ),
    Signal(
        "condition/agreement",
        "share",
        "share of the generated samples that D is given with the labels under which G made them",
        "low",
        merge="min",
    ),
    Signal("skipped/<net>", "", "1 where a GradScaler skipped the update of <net>", "high", merge="max"),
    Signal("d/real/mean", "D output", "mean output of D on the real batch"),
    Signal("d/real/std", "D output", "spread of D's outputs on the real batch", merge="spread"),
    Signal("d/real/min", "D output", "smallest output of D on the real batch", merge="min"),
    Signal("d/real/max", "D output", "largest output of D on the real batch", merge="max"),
    Signal("d/real/positive", "share", "share of the real batch that D calls real"),
    Signal("d/fake/mean", "D output", "mean output of D on the generated batch"),
    Signal("d/fake/std", "D output", "spread of D's outputs on the generated batch", merge="spread"),
    Signal("d/fake/min", "D output", "smallest output of D on the generated batch", merge="min"),
    Signal("d/fake/max", "D output", "largest output of D on the generated batch", merge="max"),
    Signal("d/fake/positive", "share", "share of the generated batch that D calls real"),
    Signal("d/auc", "probability", "P(D(real) > D(fake)) within the step, ties half", "both"),
    Signal(
        "d/lipschitz",
        "D output per distance",
        "largest |D(x) - D(y)| / |x - y| between a real and a generated sample: at least so steep is D",
        "high",
    ),
    Signal("d/held_out/mean", "D output", "mean output of a copy of D on real samples that it is not trained on"),
    Signal(
        "d/held_out/auc", "probability", "P(D(training sample) > D(held-out sample)), 0.5 where D knows neither", "high"
    ),
    Signal(
        "d/held_out/gap",
        "share",
        "(E D(train) - E D(held out)) / (E D(train) - E D(fake)): 0 no overfitting, 1 held-out looks generated",
        "high",
    ),
    Signal("penalty/norm", "L2", "mean norm of D's gradient by its input, at the points where a penalty takes it"),
    Signal(
        "penalty/along",
        "share",
        "share of a penalty's own gradient that lies along D's gradient within a sample: 1 for a norm per sample",
        "low",
    ),
    Signal(
        "penalty/undefined", "", "1 where a penalty's gradient is not finite although D's gradient is", "high", "max"
    ),
    Signal(
        "penalty/to_zero",
        "",
        "1 where a penalty pulls all norms of D's gradient to 0, in proportion (R1), 0 where it does not (WGAN-GP)",
    ),
    Signal("penalty/alone", "", "1 where D is updated by a penalty alone", "high", "max"),
    Signal(
        "pull/apart",
        "share",
        "1 where D's loss pulls its outputs on real and on generated samples apart, 0 where it pulls both the same way",
        "low",
    ),
    Signal(
        "pull/agreement",
        "share",
        "-1 where the losses of G and D pull D's outputs on generated samples against each other, 1 where they agree",
        "high",
    ),
    Signal(
        "pull/passed",
        "share",
        "share of its gradient that G's loss lets through to D's outputs on generated samples: sigmoid(f) under the "
        "saturating loss, 1 under any other",
        "low",
    ),
    Signal("distance/energy", "distance", "energy distance between the generated and the real batch, unbiased", "high"),
    Signal("centre/fake/1", "", "mean of the generated batch along a first fixed direction"),
    Signal("centre/fake/2", "", "mean of the generated batch along a second fixed direction"),
    Signal("range/real/min", "", "smallest value in the real batch that D was given", merge="min"),
    Signal("range/real/max", "", "largest value in the real batch that D was given", merge="max"),
    Signal("range/real/constant", "share", "share of values (pixels, columns) that are equal in the whole real batch"),
    Signal(
        "range/real/nonfinite",
        "",
        "1 where the real batch that D was given holds NaN or infinite values",
        "high",
        merge="max",
    ),
    Signal("range/fake/min", "", "smallest value in the generated batch that D was given", merge="min"),
    Signal("range/fake/max", "", "largest value in the generated batch that D was given", merge="max"),
    Signal(
        "range/fake/constant", "share", "share of values (pixels, columns) that are equal in the whole generated batch"
    ),
    Signal("weights/<net>/at_bound", "share", "share of the weights of <net> that are as large as the largest", "high"),
    Signal(
        "weights/<net>/effective_rank",
        "share",
        "exp(entropy of the normalised singular values) over full rank, mean of the weight matrices of <net>",
        "low",
    ),
    Signal("weights/<net>/sigma_max", "", "largest singular value among the weight matrices of <net>", "high"),
    Signal(
        "samples/real",
        "samples",
        "size of the real batch behind D's outputs, where several processes train",
        merge="sum",
    ),
    Signal(
        "samples/fake",
        "samples",
        "size of the generated batch behind D's outputs, where several processes train",
        merge="sum",
    ),
    Signal("diversity/fake", "distance", "mean pairwise distance within the generated batch", "low"),
    Signal("diversity/real", "distance", "mean pairwise distance within the real batch"),
    Signal("diversity/ratio", "ratio", "diversity of generated samples over that of real ones", "low"),
    Signal(
        "diversity/nearest_ratio",
        "ratio",
        "median distance to the nearest other sample: generated over real",
        "low",
    ),
    Signal(
        "diversity/latent",
        "ratio",
        "distance between two generated samples over that of their latents (or other inputs of G), mean of pairs",
        "low",
    ),
    Signal(
        "diversity/class/<class>",
        "ratio",
        "mean pairwise distance within one class, generated over real, for conditional generators",
        "low",
    ),
    Signal(
        "bins/effective", "ratio", "effective number of label-free bins (k-means of real samples), over real", "low"
    ),
    Signal("bins/recent_effective", "ratio", "as bins/effective, of the last eight histograms together", "low"),
    Signal("bins/lost", "share", "share of real samples in bins that hold hardly any generated ones", "high"),
    Signal(
        "bins/unreached",
        "share",
        "share of real samples in groups of bins, a gap around each, left out of late",
        "high",
    ),
    Signal(
        "columns/unreached",
        "share",
        "share of real samples with a value of a column of few values (a category) that is left out of late",
        "high",
    ),
    Signal("columns/unreached_column", "", "the column of that value, counted from 0", merge="max"),
    Signal("columns/unreached_value", "", "that value", merge="max"),
    Signal("bins/unreached_groups", "share", "share of such groups that are left out of late", "high"),
    Signal(
        "bins/turnover", "share", "total variation distance between successive generated histograms over bins", "high"
    ),
    Signal("modes/captured", "modes", "modes with at least one high-quality sample", "low"),
    Signal("modes/robust", "modes", "modes with at least max(5, a tenth of their share) samples", "low"),
    Signal("modes/high_quality", "share", "share of samples within 3 sigma of their mode", "low"),
    Signal("modes/unrecognised", "share", "share of samples that the classifier gives no mode", "high"),
    Signal("modes/kl", "nats", "KL divergence of the mode histogram from the prior", "high"),
    Signal("modes/tv", "share", "total variation distance of the mode histogram from the prior", "high"),
    Signal("modes/effective", "modes", "exp(entropy) of the mode histogram", "low"),
    Signal("modes/expected_effective", "modes", "exp(entropy) that the prior itself has"),
    Signal(
        "modes/missing",
        "modes",
        "modes whose share is below a tenth of their prior with 99 % confidence",
        "high",
    ),
    Signal("modes/nearest/effective", "modes", "as modes/effective, every sample counted for its nearest mode", "low"),
    Signal("modes/nearest/missing", "modes", "as modes/missing, every sample counted for its nearest mode", "high"),
    Signal("modes/share/<class>", "share", "share of the samples whose nearest mode, or class, it is"),
    Signal("modes/turnover", "share", "total variation distance between successive mode histograms", "high"),
    Signal("modes/recent_effective", "modes", "exp(entropy) of the mean of the last eight mode histograms", "low"),
    Signal("modes/samples", "samples", "number of generated samples behind the mode histogram"),
    Signal("quality/fid", "", "Fréchet distance of Inception features between generated and real samples", "high"),
    Signal("quality/frechet", "", "Fréchet distance of features between generated and real samples", "high"),
    Signal("quality/kid", "", "kernel distance of Inception features between generated and real samples", "high"),
    Signal("quality/kernel_distance", "", "kernel distance of features between generated and real samples", "high"),
    Signal("quality/is", "", "Inception Score of the generated samples", "low"),
    Signal("quality/classifier_score", "", "as the Inception Score, under a classifier of the domain", "low"),
    Signal("quality/mifid", "", "FID, made worse where generated samples lie too near to real ones", "high"),
    Signal("quality/mind", "", "sliced Wasserstein distance of Inception features", "high"),
    Signal("quality/sliced_wasserstein", "", "sliced Wasserstein distance of features", "high"),
    Signal("quality/cmmd", "", "distance of CLIP's embeddings by a Gaussian kernel", "high"),
    Signal("quality/precision", "share", "share of generated samples that lie among real ones", "low"),
    Signal("quality/recall", "share", "share of real samples that lie among generated ones", "low"),
    Signal("quality/density", "ratio", "how many real neighbourhoods hold a generated sample, 1 for a perfect model"),
    Signal("quality/coverage", "share", "share of real neighbourhoods that hold a generated sample", "low"),
    Signal("quality/vendi", "samples", "effective number of different generated samples", "low"),
    Signal("quality/ndb", "share", "share of bins in which generated and real proportions differ", "high"),
    Signal("quality/support", "samples", "number of different samples, by the birthday paradox", "low"),
    Signal("quality/ms_ssim", "", "similarity of pairs of generated images, 1 for equal ones", "high"),
    Signal(
        "quality/authpct",
        "%",
        "share of generated samples that lie no closer to a training sample than its neighbours",
        "low",
    ),
    Signal(
        "quality/copies",
        "share",
        "generated samples that lie closer to a training sample than nearly all held-out ones, over all",
        "high",
    ),
    Signal("quality/c_t", "sd", "how much closer to the training data generated samples are than held-out ones", "low"),
    Signal("nonfinite/<net>/<place>", "", "1 where the update of <net> meets NaN or infinity there", "high", "max"),
    Signal("nonfinite", "values", "recorded values of this step that are NaN or infinite", "high", merge="sum"),
)

BESIDE = {
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "perfect": "about what a perfect model would score",
}
"""What a quality value may have beside it, as signals of their own: quality/fid/low."""

NOISE_TOO = ("vendi", "support", "ms_ssim", "authpct", "copies", "c_t")
"""Values of variety and of copying, which are best of all for noise that is like no data."""

QUALITY = tuple(
    signal.name
    for signal in SIGNALS
    if signal.name.startswith("quality/") and signal.worse in ("high", "low")
    if signal.name.removeprefix("quality/") not in NOISE_TOO
)
"""What says how good samples are, in the order in which it counts."""

CALLED = {
    "distance/energy": "energy distance",
    "quality/fid": "FID",
    "quality/kid": "KID",
    "quality/frechet": "Fréchet distance",
    "quality/is": "Inception Score",
}
"""What people call some of the signals."""
