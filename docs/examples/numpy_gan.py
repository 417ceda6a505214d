"""Without torch: a GAN in numpy, its gradients by hand. Arrays of JAX or TensorFlow are passed in the same way."""

import sys

import numpy as np

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
RATE, DECAY = 0.05, 0.3

random = np.random.default_rng(0)
centre, spread = np.array([1.0, -0.5]), np.array([0.6, 0.3])
shift, scale = np.zeros(2), np.ones(2)  # G(z) = shift + scale * z
slope, bend, offset = np.zeros(2), np.zeros(2), 0.0  # D(x) = slope x + bend x^2 + offset


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def judge(x):
    return x @ slope + x**2 @ bend + offset


def norm(gradients):
    return np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))


callback = gandiag.Callback("runs/numpy")  # watch
for _ in range(STEPS):
    real, z = centre + spread * random.normal(size=(64, 2)), random.normal(size=(64, 2))
    fake = shift + scale * z

    d_real, d_fake = judge(real), judge(fake)
    on_real, on_fake = (sigmoid(d_real) - 1) / 64, sigmoid(d_fake) / 64  # gradients of D's loss by its outputs
    d_grads = [on_real @ real + on_fake @ fake, on_real @ real**2 + on_fake @ fake**2, on_real.sum() + on_fake.sum()]
    slope -= RATE * (d_grads[0] + DECAY * slope)
    bend -= RATE * (d_grads[1] + DECAY * bend)
    offset -= RATE * d_grads[2]

    feedback = (sigmoid(judge(fake)) - 1)[:, None] / 64 * (slope + 2 * bend * fake)  # of G's loss by G's samples
    g_grads = [feedback.sum(0), (feedback * z).sum(0)]
    shift -= RATE * g_grads[0]
    scale -= RATE * g_grads[1]
    norms = {"generator": norm(g_grads), "discriminator": norm(d_grads)}
    callback.step(d_real=d_real, d_fake=d_fake, generated=fake, real=real, grad_norms=norms)  # watch

callback.close()  # watch
