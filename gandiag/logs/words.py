"""The words that names of logged values are made of, and how a name is taken apart into them."""

from __future__ import annotations

import re
from functools import lru_cache

GENERATOR = frozenset({"g", "gen", "generator", "generators", "netg", "gnet", "decoder_g"})
DISCRIMINATOR = frozenset(
    {
        "d",
        "dis",
        "disc",
        "discr",
        "discrim",
        "discri",
        "discriminator",
        "discriminators",
        "critic",
        "crit",
        "netd",
        "dnet",
    }
)
CRITIC = frozenset({"critic", "crit"})
LOSS = frozenset({"loss", "losses", "cost", "costs", "err", "error", "errors", "objective"})
REAL = frozenset({"real", "reals"})
FAKE = frozenset({"fake", "fakes", "generated", "synthetic", "synth", "synthesized"})
OUTPUT = frozenset(
    {"score", "scores", "logit", "logits", "out", "output", "outputs", "pred", "preds", "prediction", "predictions",
     "prob", "probs", "probability", "validity", "confidence"}
)  # fmt: skip
ACCURACY = frozenset({"acc", "accuracy"})
GRADIENT = frozenset({"grad", "grads", "gradient", "gradients"})
NORM = frozenset({"norm", "norms"})
RATE = frozenset({"lr", "lrs", "learningrate"})
PENALTY = frozenset(
    {"gp", "r1", "r2", "penalty", "pen", "reg", "regularizer", "regulariser", "regularization", "regularisation",
     "regularize", "drift", "lecam", "cr", "bcr", "zcr", "lipschitz", "gradpen", "dragan", "lp"}
)  # fmt: skip
PATH_LENGTH = frozenset({"pl", "ppl", "plr"})
ADVERSARIAL = frozenset({"adv", "adversarial", "gan", "advers"})
COMPONENT = frozenset(
    {"cls", "class", "classes", "classification", "aux", "auxiliary", "ac", "label", "labels", "cat", "categorical",
     "info", "mi", "l1", "l2", "mse", "mae", "rmse", "rec", "recon", "recons", "reconstruction", "mel", "fm", "feat",
     "feats", "feature", "features", "match", "matching", "vgg", "perceptual", "percep", "percept", "lpips", "cyc",
     "cycle", "cycles", "cyclic", "consistency", "idt", "identity", "id", "kl", "kld", "kldiv", "tv", "style", "sty",
     "content", "pix", "pixel", "pixelwise", "ssim", "psnr", "stft", "spec", "spectral", "sc", "mag", "dur",
     "duration", "commit", "commitment", "vq", "codebook", "quant", "quantize", "nll", "ortho", "orth", "orthogonal",
     "ds", "div", "diversity", "mask", "cam", "edge", "contextual", "context", "hole", "warp", "flow", "attr", "dom",
     "domain", "rot", "rotation", "contrastive", "nce", "latent", "ref", "u", "v", "s", "moment", "moments", "mom",
     "pitch", "energy", "f0", "cond", "condition", "code", "z", "noise", "color", "colour", "sem", "semantic", "seg",
     "text", "txt", "word", "sent", "damsm", "depth", "normal", "geo", "id3", "arcface", "clip", "hist",
     "laplacian", "gradientloss", "wavelet", "fft", "freq", "frequency", "self", "supervised", "unsupervised", "sup",
     "pg", "adaptive", "entropy", "ent", "embedding", "emb", "sync", "lip", "mouth", "face", "eye", "hand", "gram",
     "attention", "attn", "path", "prior", "posterior", "ae", "vae", "elbo", "encoder", "enc", "decoder", "dec",
     "cross"}
)  # fmt: skip
NEUTRAL = frozenset(
    {"train", "training", "trn", "tr", "running", "run", "mean", "avg", "average", "averaged", "ave", "total", "tot",
     "all", "sum", "overall", "full", "step", "steps", "epoch", "epochs", "iter", "iters", "iteration", "iterations",
     "batch", "minibatch", "log", "logs", "metric", "metrics", "stat", "stats", "scalar", "scalars", "net", "network",
     "model", "module", "smoothed", "smooth", "value", "values", "curr", "current", "cur", "per", "of", "on", "for",
     "the", "update", "updates", "monitor", "summary", "final", "last", "raw", "player", "phase", "stage", "main",
     "every", "history", "graph", "plot", "curve"}
)  # fmt: skip
FAMILIES = {
    "wass": "wgan", "wasserstein": "wgan", "wgan": "wgan", "hinge": "hinge", "minimax": "minimax",
    "modified": "non-saturating", "ns": "non-saturating", "nonsat": "non-saturating", "nonsaturating": "non-saturating",
    "lsq": "lsgan", "lsgan": "lsgan", "bce": "non-saturating", "logistic": "non-saturating",
    "softplus": "non-saturating", "relativistic": "relativistic", "ragan": "relativistic", "rsgan": "relativistic",
}  # fmt: skip
"""Words that name the loss in use, and its family here."""
OTHER_THAN_VALUE = frozenset(
    {"weight", "weights", "w", "lambda", "lam", "coef", "coeff", "coefficient", "factor", "scale", "ratio", "balance",
     "diff", "difference", "delta", "margin", "gap", "time", "sec", "secs", "seconds", "ms", "timing", "count", "num",
     "n", "size", "memory", "mem", "best", "lowest", "highest", "improvement", "patience", "threshold", "target",
     "clip", "clipped", "clipping", "bias", "params", "param", "parameters", "prior", "temperature", "decay", "ema",
     "moving", "skip", "skipped", "freeze", "active", "start", "period", "interval", "trainable", "perplexity",
     "speed", "fps", "eta", "progress", "percent", "ci", "lower", "upper", "rank", "log10", "slope", "trend"}
)  # fmt: skip
"""Words that make a number something else than a loss, an output or a measure of quality."""
SPREAD = frozenset({"std", "stddev", "sd", "var", "variance", "sem"})
EXTREME = {"min": "min", "minimum": "min", "max": "max", "maximum": "max"}
HELD_OUT = frozenset({"val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev", "heldout"})
AT_EPOCH, AT_STEP = frozenset({"epoch"}), frozenset({"step"})
DOMAINS = frozenset({"a", "b", "x", "y"})
OWN = frozenset(
    {"mpd", "mrd", "msd", "mbd", "mpsd", "cqtd", "cqt", "patch", "global", "local", "image", "img", "video", "vid",
     "frame", "temporal", "spatial", "object", "obj", "a", "b", "x", "y", "a2b", "b2a", "ab", "ba", "xy", "yx", "st",
     "ts"}
)  # fmt: skip
"""Words that tell several networks of one role apart."""
REINFORCEMENT = frozenset({"actor", "policy", "reward", "rewards", "return", "returns", "q", "qf", "td", "advantage"})
ADA = frozenset({"augment", "ada", "aug", "apa"})

_GLUED = (GENERATOR | DISCRIMINATOR | LOSS | REAL | FAKE | OUTPUT | ACCURACY | GRADIENT | NORM | RATE | ADVERSARIAL) - {
    "decoder_g", "out", "on"
}  # fmt: skip
_WHOLE = (
    _GLUED | PENALTY | PATH_LENGTH | COMPONENT | NEUTRAL | frozenset(FAMILIES) | OTHER_THAN_VALUE | SPREAD | HELD_OUT
    | OWN | ADA | REINFORCEMENT | frozenset(EXTREME) | {"out", "sign", "signs", "inception", "density", "frechet"}
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CUT = re.compile(r"[\s_.\-:()\[\]{}|,=+*]+")


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of one part of a name, in lower case.

    >>> words("errD"), words("g_loss"), words("DLoss_fake"), words("dloss"), words("discloss_real")
    (('err', 'd'), ('g', 'loss'), ('d', 'loss', 'fake'), ('d', 'loss'), ('disc', 'loss', 'real'))
    >>> words("fid50k_full"), words("Inception Score"), words("lr-Adam-1"), words("learning_rate_d")
    (('fid', '50k', 'full'), ('inception', 'score'), ('lr', 'adam', '1'), ('lr', 'd'))
    """
    found: list[str] = []
    for piece in _CUT.split(text.strip()):
        whole = piece.lower()
        if whole in _WHOLE or not piece:
            found += [whole] if piece else []
            continue
        for part in _CAMEL.split(piece):
            found += _parts(part.lower())
    joined = " ".join(found)
    for long, short in _PHRASES:
        joined = re.sub(rf"(?<!\S){long}(?!\S)", short, joined)
    return tuple(joined.split())


_PHRASES = (
    ("learning rates?", "lr"),
    ("frechet inception distance", "fid"),
    ("kernel inception distance", "kid"),
    ("clean fid", "fid"),
    ("path length|path lengths", "pl"),
    ("non saturating", "ns"),
    ("held out", "heldout"),
)


def _parts(word: str) -> list[str]:  # noqa: C901, PLR0911 - one rule after the other
    if word in _WHOLE:
        return [word]
    if measured := re.fullmatch(r"(fid|kid|is|pr)(\d+k?\d*)", word):
        return [measured[1], measured[2]]
    if word in ("cleanfid", "fidscore", "kidscore"):
        return ["fid" if "fid" in word else "kid"]
    for place in range(1, len(word)):
        first, rest = word[:place], word[place:]
        if first in _GLUED and rest in _GLUED and _fits(first, rest):
            return [first, rest]
    for place in range(1, len(word)):
        first, rest = word[:place], word[place:]
        if first in _GLUED and len(parts := _parts(rest)) == 2 and len(first) > 1 and set(parts) <= _GLUED:
            return [first, *parts]
    if numbered := re.fullmatch(r"([a-z]+)(\d+)", word):
        if numbered[1] in _WHOLE:
            return [numbered[1], numbered[2]]
        if len(parts := _parts(numbered[1])) > 1:
            return [*parts, numbered[2]]
    return [word]


def _fits(first: str, rest: str) -> bool:
    """Whether two words written as one are two: one letter only beside a loss, or a side (`dloss`, `dreal`)."""
    sides = LOSS | REAL | FAKE | {"logit", "logits", "lr"}
    if len(first) == 1:
        return rest in sides
    return len(rest) > 1 or first in LOSS or first == "lr"
