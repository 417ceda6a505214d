"""Text logs: console output and log files, line by line, by the shapes in which GAN code bases write them.

Of a line that has none of the known shapes pairs of names and numbers are taken where it also names a step or an epoch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gandiag.logs.series import Log

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf|NaN|Inf)"
PAIR = re.compile(
    rf"(?P<key>[A-Za-z][\w/().]*(?: (?:loss|score|Loss|Score|cost|error)\b)?)\s?(?:[:=]|\bis\b)\s?[\[(]?(?P<value>{NUMBER})(?![\w/.]*/)(?!\w)(?!:\d)"
)
EPOCH = 10**9  # what stands for the images of an epoch until the longest epoch is known
LONGEST = 20_000  # letters of a line; longer ones are no log
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|.\x08")
_N = NUMBER
_IGNORED = frozenset(
    {"time", "eta", "memory", "data", "data_time", "batch_time", "epoch", "epochs", "iter", "iters", "iteration", "step",
     "steps", "batch", "kimg", "tick", "lr_time", "elapsed", "sec", "speed", "progress", "it", "fps", "gpumem", "cpumem"}
)  # fmt: skip


class Shape:
    """One shape of lines: its expression, which x it gives, and what of it is not told by its names alone."""

    def __init__(self, name: str, pattern: str, read: Callable[[re.Match[str], Reader], None]) -> None:
        self.name, self.pattern, self.read = name, re.compile(pattern), read


class Reader:
    """Takes in the lines of one text log; what it finds goes into a `Log`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.line = 0
        self.batches = 0  # of an epoch, as far as was seen
        self.shape = ""
        self._head: tuple[str, float] | None = None  # of a block whose values stand on the lines below
        self._count: dict[str, int] = {}
        self._before = self._apart = 0.0  # steps of the epochs before; steps between two lines
        self._last, self._epoch = -1.0, -1

    def feed(self, text: str) -> bool:
        """Take in one line; False where nothing was found in it."""
        found = False
        for piece in text.rstrip("\n").split("\r"):
            cleaned = _ESCAPES.sub("", piece).strip()
            if cleaned and len(cleaned) <= LONGEST:
                found |= self._feed(cleaned)
        return found

    def _feed(self, line: str) -> bool:
        self.line += 1
        for shape in SHAPES:
            if match := shape.pattern.fullmatch(line):
                self.shape = self.shape or shape.name
                shape.read(match, self)
                return True
        return self._below(line) or self._any(line)

    def _below(self, line: str) -> bool:
        """A value on a line of its own, under a head with the step (mimicry)."""
        if self._head is None or not (match := re.fullmatch(rf"\|\s*(?P<key>[^:|]+):\s*(?P<value>{_N})", line)):
            return False
        axis, x = self._head
        self.put(match["key"].strip(), x, match["value"], axis)
        return True

    def _any(self, line: str) -> bool:
        pairs = list(pairs_of(line))
        if not pairs or (place := place_of(line)) is None:
            return False
        axis, x = place
        if axis == "steps":
            x = self._onward(x, line)
        self.shape = self.shape or "lines with names and numbers"
        for key, value in pairs:
            self.put(key, x, value, axis)
        return True

    def _onward(self, x: float, line: str) -> float:
        """Steps that begin anew in each epoch, as one count: where they go back and a new epoch has begun."""
        epoch = int(found["x"]) if (found := _EPOCH.search(line)) else None
        bar = _BAR.search(line) is not None
        if x < self._last and ((epoch is not None and epoch > self._epoch) or (bar and epoch is None)):
            self._before += self._last + max(self._apart, 1.0)
            self.log.note("its steps begin anew in each epoch; they are counted on")
        elif x > self._last:
            self._apart = x - self._last
        self._last, self._epoch = x, epoch if epoch is not None else self._epoch
        return self._before + x

    def head(self, axis: str, x: float) -> None:
        """The lines below belong to this x."""
        self._head = axis, x

    def put(self, name: str, x: float, value: str, axis: str = "steps") -> None:
        """One value of the log."""
        if name.lower() in _IGNORED or re.fullmatch(r"(?:e|it|i|b|n|t|lr\.)", name):
            return
        if self.log.axis != axis and not self.log.series:
            self.log.axis = axis  # type: ignore[assignment]
        self.log.add(name, x, float(value))

    def pairs(self, rest: str, x: float, axis: str = "steps") -> None:
        """All pairs of names and numbers in the rest of a line."""
        for key, value in pairs_of(rest):
            self.put(key, x, value, axis)

    def epoch_batch(self, epoch: str, batch: str, batches: str) -> float:
        """The global step of a batch of an epoch, as the line counts both."""
        size = max(int(batches), 1)
        self.batches = max(self.batches, size)
        self.log.facts["steps_per_epoch"] = float(self.batches)
        return float(int(epoch) * size + int(batch))

    def counted(self, key: str, every: int) -> float:
        """x of a line that has none: lines so far, times the interval at which the code base writes them."""
        number = self._count.get(key, 0)
        self._count[key] = number + 1
        return float(number * every)


def pairs_of(text: str) -> Iterator[tuple[str, str]]:
    """Names and numbers, `loss_D: 0.3`, `[D loss: 0.3]`, `d_loss = 0.3`; not what is followed by a slash or a unit."""
    for match in PAIR.finditer(text):
        yield match["key"], match["value"]


_STEP = re.compile(
    r"\b(?:global[ _]step|step|steps|iter|iters|iteration|it|itr|niter)\b\W{0,4}(?P<x>[\d,]*\d)", re.IGNORECASE
)
_EPOCH_BATCH = re.compile(r"(?P<epoch>\d+)/(?P<epochs>\d+)\]?\W{0,3}(?:\w+\W{0,2})?\[?(?P<batch>\d+)/(?P<batches>\d+)")
_BAR = re.compile(r"\|\s*(?P<x>\d+)/\d+\s*\[")
_EPOCH = re.compile(r"\bepochs?\b\W{0,4}(?P<x>\d+)", re.IGNORECASE)
_KIMG = re.compile(rf"\bkimg\b\W{{0,4}}(?P<x>{_N})", re.IGNORECASE)


def place_of(line: str) -> tuple[str, float] | None:
    """What a line's x counts, and the x; None where it names none."""
    if found := _BAR.search(line):
        return "steps", float(found["x"])
    if found := _EPOCH_BATCH.search(line):
        return "steps", float(int(found["epoch"]) * int(found["batches"]) + int(found["batch"]))
    if found := _STEP.search(line):
        return "steps", float(found["x"].replace(",", ""))
    if found := _KIMG.search(line):
        return "kimg", float(found["x"])
    if found := _EPOCH.search(line):
        return "epochs", float(found["x"])
    return None


def read_text(lines: Iterable[str], log: Log) -> str:
    """Take in a text log; returns the shape of its lines, "" where nothing was found."""
    reader = Reader(log)
    for line in lines:
        reader.feed(line)
    if reader.shape.startswith("CycleGAN"):
        _count_images(log, reader.batches)
    return reader.shape


def _count_images(log: Log, images: int) -> None:
    """x from images of an epoch to images of the whole training: an epoch has as many as the longest one showed."""
    for series in log.series.values():
        for place, x in enumerate(series.x):
            series.x[place] = x // EPOCH * images + x % EPOCH
    log.note(f"its x counts images anew in each epoch; an epoch is taken to have {images:,}, the most that were seen")


# the shapes


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


def _one(m: re.Match[str], r: Reader) -> None:
    r.put(m["key"], _whole(m["step"]), m["value"])


def _hypergan(m: re.Match[str], r: Reader) -> None:
    for pair in re.finditer(rf"(?P<key>[a-z]\w*) (?P<value>{_N})(?=\s|$)", m["rest"]):
        r.put(pair["key"], _whole(m["step"]), pair["value"])


def _stylegan(m: re.Match[str], r: Reader) -> None:
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
