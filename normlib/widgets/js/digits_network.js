// The networks of experiments/covariate_shift.py, made of the layers of the engine: eight hidden layers
// of 64 units, z = norm(x·W)·weight + bias, ReLU, ten classes; gradient descent.
import { ENGINE, chance, createNetwork, crossEntropy, linear, normalization } from "./engine.js";

/** y = x where x > 0. What it saw stays at `seen`. */
function relu(net, width) {
  const { F, alloc, rows } = net, y = alloc(rows * width), dx = alloc(rows * width);
  let x, n;
  return {
    seen: () => x,
    forward(input, count) {
      [x, n] = [input, count];
      for (let i = 0; i < n * width; i++) F[y + i] = F[x + i] > 0 ? F[x + i] : 0;
      return y;
    },
    backward(dy) {
      for (let i = 0; i < n * width; i++) F[dx + i] = F[x + i] > 0 ? F[dy + i] : 0;
      return dx;
    },
  };
}

/** y = x·factor + shift, drawn by whoever calls: places of two tensors (n, width), or none. */
function disturbance(net, width) {
  const { F, alloc, rows } = net, y = alloc(rows * width), dx = alloc(rows * width);
  let drawn = null, n;
  return {
    take: (noise) => (drawn = noise),
    forward(x, count) {
      n = count;
      if (!drawn) return x;
      for (let i = 0; i < n * width; i++) F[y + i] = F[x + i] * F[drawn.factor + i] + F[drawn.shift + i];
      return y;
    },
    backward(dy) {
      if (!drawn) return dy;
      for (let i = 0; i < n * width; i++) F[dx + i] = F[dy + i] * F[drawn.factor + i];
      return dx;
    },
  };
}

/**
 * A network for images of 64 numbers. norm: none, batch, noisy_batch or layer. He's weights; those of the
 * hidden layers are multiplied by `gain`, and take the learning rate `share` times: with share = gain² a
 * network with a norm moves as one with gain 1 does.
 */
export function createDigits(numbers, { norm, gain = 1, share = 1, eps = 1e-5, rows = 1200, depth = 8, width = 64, classes = 10 }, seed) {
  const net = createNetwork(numbers, rows), { F, alloc } = net;
  const normal = (gain) => (rng) => gain * Math.sqrt(2 / width) * rng.normal();
  const kind = { batch: "batch", noisy_batch: "batch", layer: "layernorm" }[norm];
  const layers = Array.from({ length: depth }, (_, l) => ({
    product: linear(net, `${l}`, width, width, normal(gain), !kind),
    norm: kind && normalization(net, `${l}.norm`, width, kind, eps),
    noise: disturbance(net, width),
    relu: relu(net, width),
  }));
  const head = linear(net, `${depth}`, width, classes, normal(1)), dlogits = alloc(rows * classes);
  net.place(chance(seed));
  const weights = net.params.filter((p) => p.shape.length === 2 && p.name !== `${depth}.weight`);
  const x = alloc(rows * width), noise = layers.map(() => ({ shift: alloc(rows * width), factor: alloc(rows * width) }));
  let n = 0;

  /** Logits of the images; `known`: batch norms use the statistics of the pass before. */
  function forward(images, noisy, known = false) {
    n = images.length / width;
    F.set(images, x);
    let z = x;
    layers.forEach((layer, l) => {
      z = layer.product.forward(z, n);
      if (layer.norm) z = layer.norm.forward(z, n, known && kind === "batch");
      layer.noise.take(noisy && norm === "noisy_batch" ? noise[l] : null);
      z = layer.relu.forward(layer.noise.forward(z, n), n);
    });
    return head.forward(z, n);
  }

  /** Loss of a batch, in nats; leaves all gradients. */
  function gradient(images, labels) {
    const loss = crossEntropy(F, forward(images, true), classes, labels, dlogits);
    let d = head.backward(dlogits);
    for (const { product, norm: own, noise: drawn, relu: last } of layers.toReversed()) {
      d = drawn.backward(last.backward(d));
      d = product.backward(own ? own.backward(d) : d);
    }
    return loss;
  }

  /** Without noise, by the statistics of the training images where the norm is batch norm's. */
  function evaluate(train, { images, labels }) {
    if (kind === "batch") forward(train.images, false);
    const z = forward(images, false, true), loss = crossEntropy(F, z, classes, labels, dlogits);
    let right = 0;
    labels.forEach((label, t) => {
      const row = F.subarray(z + t * classes, z + (t + 1) * classes);
      right += row.indexOf(row.reduce((a, b) => Math.max(a, b))) === label;
    });
    return { loss, accuracy: Number.isFinite(loss) ? right / labels.length : NaN };
  }

  return {
    ...net, norm, width, depth, noise, weights, forward, gradient, evaluate,
    /** Where what the ReLU of each layer saw in the last pass lies, (n, width). */
    seen: () => layers.map((layer) => layer.relu.seen()),
    /** All parameters take a step against their gradients; of the layers, only the first `upto` if given. */
    move(rate, upto = Infinity) {
      for (const p of net.params) {
        if (parseInt(p.name) >= upto) continue; // a layer's number begins its parameters' names
        const stride = rate * (weights.includes(p) ? share : 1);
        for (let i = 0; i < p.n; i++) F[p.at + i] -= stride * F[p.grad + i];
      }
    },
  };
}

/**
 * The noise of one step after each of the norms (Santurkar et al., 2018): every unit draws a shift from
 * ±½ and a factor from 1 ± ¼, both times `strength`, and every example its own around them with a
 * standard deviation of ¼. Written for n examples; units take from `rng`, examples from `each`.
 */
export function drawNoise({ F, norm, noise, width }, units, n, each, strength) {
  if (norm !== "noisy_batch") return;
  noise.forEach(({ shift, factor }, l) => {
    for (let i = 0; i < n * width; i++) {
      const u = 2 * (l * width + (i % width));
      F[shift + i] = strength * (0.5 * units[u] + 0.25 * each.normal());
      F[factor + i] = 1 + strength * (0.25 * units[u + 1] + 0.25 * each.normal());
    }
  });
}

/** What the units draw in a step: two numbers in ±1 for each of them. */
export function drawUnits(rng, count) {
  return Float32Array.from({ length: 2 * count }, () => 2 * rng.uniform() - 1);
}

/** All that a worker needs to make such a network. */
export const DIGITS_PARTS = [...ENGINE, relu, disturbance, createDigits, drawNoise, drawUnits];
