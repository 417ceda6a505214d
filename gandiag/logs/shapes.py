# ruff: noqa: E501 - an expression stands as the line that it matches
"""The shapes of lines that GAN code bases write, and what of them their names alone do not tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gandiag.logs.lines import EPOCH, NUMBER, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.logs.text import Reader

_N = NUMBER


class Shape:
    """One shape of lines: its expression, which x it gives, and what of it is not told by its names alone."""

    def __init__(self, name: str, pattern: str, read: Callable[[re.Match[str], Reader], None]) -> None:
        self.name, self.pattern, self.read = name, re.compile(pattern), read


def _whole(text: str) -> float:
    return float(text.replace(",", ""))


def _epoch_batch(m: re.Match[str], r: Reader) -> None:
    r.pairs(m["rest"], r.epoch_batch(m["epoch"], m["batch"], m["batches"]))


def _dcgan(m: re.Match[str], r: Reader) -> None:
    x = r.epoch_batch(m["epoch"], m["batch"], m["batches"])
    if m["giter"] is None:
        r.pairs(m["rest"], x)
        if both := re.search(rf"D\(G\(z\)\):\s*(?P<a>{_N})\s*/\s*(?P<b>{_N})", m["rest"]):
            r.put("D(G(z)) at G's step", x, both["b"])
            r.log.tell("D(G(z)) at G's step", "", "D(G(z)) after D's update")
        return
    x = _whole(m["giter"])
    for side in ("real", "fake"):
        name = f"Loss_D_{side}"
        if found := re.search(rf"{name}:?\s+(?P<value>{_N})", m["rest"]):
            r.put(name, x, found["value"])
            r.log.tell(name, f"d/{side}/mean", "WassersteinGAN: D's mean output, in spite of its name")
    r.pairs(re.sub(r"Loss_D_(?:real|fake).*", "", m["rest"]), x)
    r.log.facts |= {"inverted": "WassersteinGAN's D is low for real: it minimises D(real) - D(fake)", "family": "wgan"}


def _cyclegan(m: re.Match[str], r: Reader) -> None:
    """x counts images within the epoch; of the epochs before, as many as were seen at most."""
    if m["rank"] not in (None, "0"):
        return
    epoch, images = int(m["epoch"]), int(m["iters"])
    r.batches = max(r.batches, images)
    r.pairs(m["rest"], float((epoch - 1) * EPOCH + images), "images")
    r.log.facts["epoch_images"] = float(r.batches)


def _basicsr(m: re.Match[str], r: Reader) -> None:
    x = _whole(m["iter"])
    rates = [v for v in m["lr"].split(",") if v.strip()]
    if len(rates) == 2:
        for name, signal, rate in zip(
            ("lr of G", "lr of D"), ("rate/generator", "rate/discriminator"), rates, strict=True
        ):
            r.put(name, x, rate)
            r.log.tell(name, signal, "BasicSR: rates in the order of its optimizers, G first")
    r.pairs(m["rest"], x)


def _lucidrains(m: re.Match[str], r: Reader) -> None:
    every = 20 if "MSG" in m["rest"] else 50
    x = r.counted("lucidrains", every)
    for key, value in pairs_of(m["rest"].replace("|", " ")):
        r.put(key, x, value)
    r.log.tell("G", "loss/generator", "the generator's loss")
    r.log.tell("D", "loss/discriminator", "the discriminator's hinge loss, without its penalty")
    r.log.facts["family"] = "hinge"
    r.log.note(f"its lines name no step; one line stands for {every} steps, as lucidrains writes them")


def _fastgan(m: re.Match[str], r: Reader) -> None:
    x = r.counted("fastgan", 100)
    for key, name, signal in (("dreal", "loss d", "d/real/mean"), ("dfake", "loss g", "d/fake/mean")):
        r.put(name, x, m[key])
        r.log.tell(name, signal, "FastGAN: D's mean output, in spite of its name")
    r.log.note("its lines name no step; one line stands for 100 steps, as FastGAN writes them")
    r.log.facts["family"] = "hinge"


def _kair(m: re.Match[str], r: Reader) -> None:
    x = _whole(m["iter"])
    r.pairs(m["rest"], x)


def _named(**names: str) -> Callable[[re.Match[str], Reader], None]:
    """Groups of the expression as series of these names."""

    def read(m: re.Match[str], r: Reader) -> None:
        for group, name in names.items():
            if m[group] is not None:
                r.put(name, _whole(m["step"]), m[group])
        if "rest" in m.re.groupindex and m["rest"]:
            r.pairs(m["rest"], _whole(m["step"]))

    return read


def _rest(m: re.Match[str], r: Reader) -> None:
    r.pairs(m["rest"], _whole(m["step"]))


def _melgan(m: re.Match[str], r: Reader) -> None:
    x = r.epoch_batch(m["epoch"], m["batch"], m["batches"])
    for name, value in zip(("D loss", "G loss", "feature matching", "mel"), m["rest"].split(), strict=False):
        r.put(name, x, value)


def _plot(m: re.Match[str], r: Reader) -> None:
    pieces = m["rest"].split("\t")
    for name, value in zip(pieces[::2], pieces[1::2], strict=False):
        if re.fullmatch(_N, value.strip()):
            r.put(name.rsplit("/", 1)[-1], _whole(m["step"]), value)


def _keras(m: re.Match[str], r: Reader) -> None:
    """The last line of an epoch holds its means; x is the epoch."""
    if m["batch"] != m["batches"]:
        return
    x = r.counted("keras", 1)
    r.log.facts["steps_per_epoch"] = float(m["batches"])
    r.pairs(re.sub(r"\s-\s", " ", m["rest"]), x, "epochs")


def _hifigan(m: re.Match[str], r: Reader) -> None:
    _named(g="gen_loss_total", mel="mel_error")(m, r)
    r.log.tell("gen_loss_total", "loss/generator", "HiFi-GAN: the generator's total, most of it the mel loss")


def _mastery(m: re.Match[str], r: Reader) -> None:
    """A loop of many tutorials: d1 is D's loss on real samples and d2 that on generated ones, of a critic c1 and c2."""
    r.pairs(m["rest"], r.epoch_batch(m["epoch"], m["batch"], m["batches"]) if m["batch"] else float(m["epoch"]))
    for net in ("d", "c"):
        for number, side in (("1", "real"), ("2", "generated")):
            r.log.tell(f"{net}{number}", "", f"D's loss on {side} samples")
    r.log.tell("g", "loss/generator", "the generator's loss, beside those of D")
    r.log.tell("d", "loss/discriminator", "the discriminator's loss, beside the generator's")


def _one(m: re.Match[str], r: Reader) -> None:
    r.put(m["key"], _whole(m["step"]), m["value"])


def _hypergan(m: re.Match[str], r: Reader) -> None:
    for pair in re.finditer(rf"(?P<key>[a-z]\w*) (?P<value>{_N})(?=\s|$)", m["rest"]):
        r.put(pair["key"], _whole(m["step"]), pair["value"])


def _stylegan(_: re.Match[str], r: Reader) -> None:
    r.log.note("StyleGAN's log.txt holds no losses; they stand in stats.jsonl and in the event files beside it")


def _metric(m: re.Match[str], r: Reader) -> None:
    if kimg := re.search(r"(\d{6})", m["pkl"]):
        r.put(m["name"], float(kimg[1]), m["value"], "kimg")


def _discrim(m: re.Match[str], r: Reader) -> None:
    x = r.counted("ctgan", 1)
    r.put("Gen.", x, m["g"], "epochs")
    r.put("Discrim.", x, m["d"], "epochs")
    r.log.tell("Gen.", "loss/generator", "CTGAN: the generator's loss")
    r.log.tell("Discrim.", "loss/discriminator", "CTGAN: the critic's loss, without its penalty")
    r.log.facts["family"] = "wgan-gp"


SHAPES = (
    Shape("DCGAN or WassersteinGAN", r"\[(?P<epoch>\d+)/(?P<epochs>\d+)\]\s*\[(?P<batch>\d+)/(?P<batches>\d+)\](?:\[(?P<giter>\d+)\])?\s*(?P<rest>Loss_D:.*)", _dcgan),
    Shape("CycleGAN, pix2pixHD, SPADE or CUT", rf"(?:\[Rank (?P<rank>\d+)\] )?\(epoch: (?P<epoch>\d+), iters: (?P<iters>\d+), time: {_N}(?:, data: {_N})?\)\s*,?\s*(?P<rest>.*)", _cyclegan),
    Shape("BasicSR", r"(?P<time>\S+ \S+) INFO: \[(?P<run>.{1,5})\.\.\]\[epoch: *(?P<epoch>\d+), iter: *(?P<iter>[\d,]+), lr:\((?P<lr>[^)]*)\)\] (?:\[eta: .*?, time \(data\): [\d.]+ \([\d.]+\)\] )?(?P<rest>.*)", _basicsr),
    Shape("KAIR", rf"(?P<time>\S+ \S+) : <epoch: *(?P<epoch>\d+), iter: *(?P<iter>[\d,]+), lr:(?P<lr>{_N})> (?P<rest>.*)", _kair),
    Shape("a tutorial's loop", r">(?P<epoch>\d+), (?:(?P<batch>\d+)/(?P<batches>\d+), )?(?P<rest>[dc]1?=.*)", _mastery),
    Shape("Keras-GAN", r"(?P<step>\d+) (?P<rest>\[D loss.*)", _rest),
    Shape("coqui", r"(?:-->|\s)*STEP: \d+/\d+ -- GLOBAL_STEP: (?P<step>\d+).*", lambda m, r: r.head("steps", _whole(m["step"]))),
    Shape("PyTorch-GAN", r"\[Epoch (?P<epoch>\d+)/(?P<epochs>\d+)\] \[Batch (?P<batch>\d+)/(?P<batches>\d+)\] (?P<rest>\[D loss.*)", _epoch_batch),
    Shape("lucidrains", rf"(?P<rest>G: {_N} \| (?:[A-Z]+:? {_N} \| )*D: {_N}(?: \| [A-Z]+:? {_N})*)", _lucidrains),
    Shape("StyleGAN's log.txt", r"tick (?P<tick>\d+) +kimg (?P<kimg>[\d.]+) +(?:lod \S+ +minibatch \S+ +)?time (?P<elapsed>.+?) +sec/tick (?P<rest>.*)", _stylegan),
    Shape("StudioGAN", rf"\[INFO\] (?P<time>\S+ \S+) > Step: +(?P<step>\d+) Progress: [\d.]+% Elapsed: \S+(?: \S+)?? Gen_loss: (?P<g>{_N}) Dis_loss: (?P<d>{_N}) (?:.*)", _named(g="Gen_loss", d="Dis_loss")),
    Shape("HiFi-GAN", rf"Steps ?: (?P<step>\d+), Gen Loss Total ?: (?P<g>{_N}), Mel(?:-Spec\.)? Error ?: (?P<mel>{_N}), (?P<rest>.*)", _hifigan),
    Shape("VITS", rf"(?P<time>[^\t]+)\t(?P<run>[^\t]+)\tINFO\t\[(?P<d>{_N}), (?P<g>{_N}), (?P<fm>{_N}), (?P<mel>{_N}), (?P<dur>{_N}), (?P<kl>{_N}), (?P<step>\d+), (?P<lr>{_N})\]", _named(d="loss/d/total", g="loss/g/total", lr="learning_rate")),
    Shape("MelGAN", r"Epoch (?P<epoch>\d+) \| Iters (?P<batch>\d+) / (?P<batches>\d+) \| ms/batch +\S+ \| loss \[(?P<rest>[^\]]*)\]", _melgan),
    Shape("rosinality", rf"d: (?P<d>{_N}); g: (?P<g>{_N}); r1: (?P<r1>{_N}); path: (?P<path>{_N}); mean path: {_N}; augment: {_N}: +\d+%\|[^|]*\| (?P<step>\d+)/.*", _named(d="d_loss", g="g_loss", r1="r1", path="path")),
    Shape("StarGAN", r"Elapsed(?: time)? \[[^\]]*\], Iteration \[(?P<step>\d+)/(?P<steps>\d+)\], (?P<rest>.*)", _rest),
    Shape("U-GAT-IT", rf"\[ *(?P<step>\d+)/ *(?P<steps>\d+)\] time: {_N} (?P<rest>d_loss.*)", _rest),
    Shape("GAN_stability", r"\[epoch +(?P<epoch>\d+), it +(?P<step>\d+)\] (?P<rest>.*)", _rest),
    Shape("wgan-gp", r"iter (?P<step>\d+)\t(?P<rest>.*)", _plot),
    Shape("FastGAN", rf"GAN: loss d: (?P<dreal>{_N}) +loss g: (?P<dfake>{_N})", _fastgan),
    Shape("Keras", r"(?P<batch>\d+)/(?P<batches>\d+) .*?(?:ms|us|s)/(?:step|epoch) (?P<rest>- .*)", _keras),
    Shape("mmgeneration", r"(?:.* - )?Iter \[(?P<step>\d+)/(?P<steps>\d+)\]\s+(?P<rest>.*)", _rest),
    Shape("ParallelWaveGAN", rf".*\(Steps: (?P<step>\d+)\) (?P<key>(?:train|eval)/\w+) = (?P<value>{_N})\.", _one),
    Shape("TimeGAN", r"step: (?P<step>\d+)/(?P<steps>\d+), (?P<rest>.*)", _rest),
    Shape("mimicry", r"INFO: \[Epoch (?P<epoch>\d+)/\d+\]\[Global Step: (?P<step>\d+)/(?P<steps>\d+)\] ?", lambda m, r: r.head("steps", _whole(m["step"]))),
    Shape("StyleGAN's metric file", rf"(?P<pkl>\S+) +time (?P<took>.+?) +(?P<name>[a-z]\w*) (?P<value>{_N})", _metric),
    Shape("DCGAN-tensorflow", rf"\[ *(?P<step>\d+) Epoch:\[ *(?P<epoch>\d+)/ *(?P<epochs>\d+)\] \[ *(?P<batch>\d+)/ *(?P<batches>\d+)\] time: {_N}, (?P<rest>.*)", _rest),
    Shape("BigGAN", r"itr: (?P<step>\d+), (?P<rest>.*)", _rest),
    Shape("CTGAN", rf".*Gen\. \((?P<g>{_N})\) \| Discrim\. \((?P<d>{_N})\).*", _discrim),
    Shape("HyperGAN", r"(?P<step>\d+): (?P<rest>[a-z]\w* " + _N + r"(?: +[a-z]\w* " + _N + r")+)\s*", _hypergan),
)  # fmt: skip
