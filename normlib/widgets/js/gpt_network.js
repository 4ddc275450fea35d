// The GPT of normlib.gpt, made of the layers of the engine; trains in a worker or on the page.
import { ENGINE, chance, createNetwork, crossEntropy, lengthOf, linear, normalization, transpose } from "./engine.js";

/** For GELU, x·Φ(x): Φ and the slope Φ + x·φ, to be read on [−8, 8), linear between. */
function geluTable({ F, alloc }) {
  const reach = 8, fine = 1024, last = 2 * reach * fine, table = alloc(2 * (last + 1));
  const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  let below = 0; // Φ(x), by Simpson's rule
  for (let i = 0; i <= last; i++) {
    const x = i / fine - reach, step = 1 / fine;
    F[table + 2 * i] = below;
    F[table + 2 * i + 1] = below + x * density(x);
    below += (step / 6) * (density(x) + 4 * density(x + step / 2) + density(x + step));
  }
  return { reach, fine, last, table };
}

function gelu(net, width, { reach, fine, last, table }) {
  const { F, alloc, rows } = net, y = alloc(rows * width), slope = alloc(rows * width);
  let n;
  return {
    forward(x, count) {
      n = count;
      for (let i = 0; i < n * width; i++) {
        const v = F[x + i], at = (v + reach) * fine;
        if (at > 0 && at < last) {
          const k = at | 0, f = at - k, p = table + 2 * k;
          F[y + i] = v * (F[p] + f * (F[p + 2] - F[p]));
          F[slope + i] = F[p + 1] + f * (F[p + 3] - F[p + 1]);
        } else {
          F[y + i] = v > 0 ? v : 0 * v; // 0 · nan stays nan
          F[slope + i] = v > 0 ? 1 : 0;
        }
      }
      return y;
    },
    backward(dy) {
      for (let i = 0; i < n * width; i++) F[slope + i] *= F[dy + i];
      return slope;
    },
  };
}

/** softmax(q·kᵀ / √H)·v per head, of a token and those before it: P·v. Its backward pass is below. */
function attention(net, name, { C, heads, T, draw }) {
  const { F, alloc, product, zero, rows } = net, H = C / heads, W = 3 * C, shrink = 1 / Math.sqrt(H);
  const qkv = linear(net, name + ".qkv", C, W, draw.qkv), proj = linear(net, name + ".proj", C, C, draw.proj);
  const P = alloc((rows / T) * heads * T * T), y = alloc(rows * C), d = alloc(rows * W);
  const flip = alloc(T * H), dS = alloc(T * T);
  let x, n;
  /** Call work for every head of every window: places of its P, q, output and dq; k and v follow q. */
  function each(work) {
    for (let t = 0, p = P; t < n; t += T) {
      for (let c = 0; c < C; c += H, p += T * T) work(p, x + t * W + c, y + t * C + c, d + t * W + c, t * C + c);
    }
  }
  return {
    forward(input, count) {
      x = qkv.forward(input, (n = count));
      each((p, q, out) => {
        transpose(F, q + C, flip, T, H, W);
        product(T, T, H, q, W, 1, flip, T, p, T, zero, 0);
        for (let i = 0; i < T; i++) causalSoftmax(F, p + i * T, i, T, shrink);
        product(T, H, T, p, T, 1, q + 2 * C, W, out, C, zero, 0);
      });
      return proj.forward(y, n);
    },
    backward(dout) {
      const dy = proj.backward(dout);
      each((p, q, out, dq, at) => {
        transpose(F, q + 2 * C, flip, T, H, W);
        product(T, T, H, dy + at, C, 1, flip, T, dS, T, zero, 0); // dP = dy·vᵀ
        product(T, H, T, p, 1, T, dy + at, C, dq + 2 * C, W, zero, 0); // dv = Pᵀ·dy
        for (let i = 0; i < T * T; i += T) { // dS = P·(dP − Σ dP·P) / √H
          let dot = 0;
          for (let j = i; j < i + T; j++) dot += F[dS + j] * F[p + j];
          for (let j = i; j < i + T; j++) F[dS + j] = F[p + j] * (F[dS + j] - dot) * shrink;
        }
        product(T, H, T, dS, T, 1, q + C, W, dq, W, zero, 0); // dq = dS·k
        product(T, H, T, dS, 1, T, q, W, dq + C, W, zero, 0); // dk = dSᵀ·q
      });
      return qkv.backward(d);
    },
  };
}

/** Turn a row of T scores of token i into weights: of itself and those before it, 0 for later ones. */
function causalSoftmax(F, row, i, T, shrink) {
  let most = -Infinity, sum = 0;
  for (let j = 0; j <= i; j++) most = Math.max(most, F[row + j]);
  for (let j = 0; j <= i; j++) sum += F[row + j] = Math.exp((F[row + j] - most) * shrink);
  for (let j = 0; j <= i; j++) F[row + j] /= sum;
  F.fill(0, row + i + 1, row + T);
}

/**
 * Where the norms stand: s = α·x + outer(f(inner(x))), and the stream goes on as stream(s).
 * `placed` has the places that normlib.placements names: in, out and sum.
 */
function sublayer(net, f, name, { C, norm, placed, alpha }) {
  const { F, alloc, rows } = net;
  const names = [name, name + "_out"].values(); // the norms have these names in this order
  const stand = (place) => placed.includes(place) && normalization(net, names.next().value, C, norm);
  const inner = stand("in"), outer = stand("out"), stream = stand("sum");
  const s = alloc(rows * C), dx = alloc(rows * C);
  let n;
  return {
    forward(x, count) {
      n = count;
      let y = f.forward(inner ? inner.forward(x, n) : x, n);
      if (outer) y = outer.forward(y, n);
      for (let i = 0; i < n * C; i++) F[s + i] = alpha * F[x + i] + F[y + i];
      return stream ? stream.forward(s, n) : s;
    },
    backward(dy) {
      const ds = stream ? stream.backward(dy) : dy;
      let dy2 = f.backward(outer ? outer.backward(ds) : ds);
      if (inner) dy2 = inner.backward(dy2);
      for (let i = 0; i < n * C; i++) F[dx + i] = alpha * F[ds + i] + F[dy2 + i];
      return dx;
    },
  };
}

/** How weights are drawn: Xavier's or GPT-2's, with DeepNorm's β, as in normlib.gpt. */
function drawing({ C, L, init, alpha }) {
  const xavier = init === "xavier", beta = alpha === 1 ? 1 : (8 * L) ** -0.25;
  const into = xavier || alpha !== 1 ? beta : 1 / Math.sqrt(2 * L); // weights that write into the stream
  const normal = (fans, gain = 1) => {
    const std = gain * (xavier ? Math.sqrt(2 / fans) : 0.02);
    return (rng) => std * rng.normal();
  };
  const plain = normal(2 * C), value = normal(2 * C, beta);
  return {
    qkv: (rng, column) => (column < 2 * C ? plain : value)(rng), // three square matrices
    proj: normal(2 * C, into), fc: normal(5 * C, beta), out: normal(5 * C, into),
    token: (rng) => (xavier ? 1 : 0.02) * rng.normal(),
    position: (rng) => (xavier ? 0.5 : 0.02) * rng.normal(),
    head: (vocab) => normal(C + vocab),
    tied: !xavier,
  };
}

/**
 * The GPT of normlib.gpt. config: vocab, layers, heads, width, block, batch, norm, init, and the row of
 * the table of placements: `norms`, `alpha` (whether DeepNorm's α weighs the stream) and `final`.
 */
export function createGPT(numbers, config, seed) {
  const { vocab, layers: L, heads, width: C, block: T, batch, norm, init, norms: placed, final } = config;
  const N = batch * T, net = createNetwork(numbers, N), { F, alloc } = net;
  const alpha = config.alpha ? (2 * L) ** 0.25 : 1, draw = drawing({ C, L, init, alpha });
  const wte = net.param("wte.weight", [vocab, C], draw.token), wpe = net.param("wpe.weight", [T, C], draw.position);
  const table = geluTable(net), shape = { C, heads, T, draw, norm, placed, alpha };
  const blocks = Array.from({ length: L }, (_, l) => {
    const name = `blocks.${l}.`;
    const first = sublayer(net, attention(net, name + "attn", shape), name + "norm_1", shape);
    const fc = linear(net, name + "mlp.fc", C, 4 * C, draw.fc), act = gelu(net, 4 * C, table);
    const out = linear(net, name + "mlp.proj", 4 * C, C, draw.out);
    const mlp = {
      forward: (x, n) => out.forward(act.forward(fc.forward(x, n), n), n),
      backward: (dy) => fc.backward(act.backward(out.backward(dy))),
    };
    const second = sublayer(net, mlp, name + "norm_2", shape);
    return {
      forward: (x, n) => second.forward(first.forward(x, n), n),
      backward: (dy) => first.backward(second.backward(dy)),
    };
  });
  const last = final && normalization(net, "final_norm", C, norm);
  const head = draw.tied ? tiedHead(net, wte) : linear(net, "head", C, vocab, draw.head(vocab), false);
  net.place(chance(seed));
  const embedded = alloc(N * C), dlogits = alloc(N * vocab), stream = [], slopes = [];

  /** Logits (n, vocab) of n tokens, windows of T one after the other. */
  function forward(idx, n) {
    for (let t = 0, o = embedded; t < n; t++) {
      const e = wte.at + idx[t] * C, p = wpe.at + (t % T) * C;
      for (let c = 0; c < C; c++, o++) F[o] = F[e + c] + F[p + c];
    }
    let x = (stream[0] = embedded);
    blocks.forEach((block, l) => (stream[l + 1] = x = block.forward(x, n)));
    return head.forward(last ? last.forward(x, n) : x, n);
  }

  /** Mean cross-entropy of N tokens in nats; its gradient for the logits is left in dlogits. */
  const loss = (idx, targets) => crossEntropy(F, forward(idx, N), vocab, targets, dlogits);

  /** Gradients of all parameters for the windows that loss() saw last, and for the stream. */
  function backward(idx) {
    let d = head.backward(dlogits);
    if (last) d = last.backward(d);
    for (let l = L; l > 0; l--) {
      slopes[l] = lengthOf(F, d, N * C);
      d = blocks[l - 1].backward(d);
    }
    slopes[0] = lengthOf(F, d, N * C);
    F.fill(0, wpe.grad, wpe.grad + T * C);
    if (!draw.tied) F.fill(0, wte.grad, wte.grad + vocab * C); // a tied head has begun it
    for (let t = 0; t < N; t++) {
      const e = wte.grad + idx[t] * C, p = wpe.grad + (t % T) * C;
      for (let c = 0; c < C; c++, d++) { F[e + c] += F[d]; F[p + c] += F[d]; }
    }
  }

  return {
    ...net, config, N, T, vocab, forward, loss, backward,
    count: net.params.reduce((sum, p) => sum + p.n, 0),
    /** One step of training; the loss is that before the update. */
    step(idx, targets, rate) {
      const value = loss(idx, targets);
      backward(idx);
      net.update(rate);
      return value;
    },
    /** Root mean square of the stream, and the norm of its gradient: embedding, then each block. */
    inside: () => ({ rms: stream.map((x) => lengthOf(F, x, N * C) / Math.sqrt(N * C)), gradient: [...slopes] }),
  };
}

/** The token embedding as head: logits = x·wteᵀ; its gradient is the first part of the embedding's. */
function tiedHead({ F, alloc, product, zero, rows }, wte) {
  const [V, C] = wte.shape, wT = alloc(C * V), y = alloc(rows * V), dx = alloc(rows * C);
  let x, n;
  return {
    forward(input, count) {
      [x, n] = [input, count];
      transpose(F, wte.at, wT, V, C);
      product(n, V, C, x, C, 1, wT, V, y, V, zero, 0);
      return y;
    },
    backward(dy) {
      product(V, C, n, dy, 1, V, x, C, wte.grad, C, zero, 0); // dyᵀ·x
      product(n, C, V, dy, V, 1, wte.at, C, dx, C, zero, 0);
      return dx;
    },
  };
}

/** All that a worker needs to make a GPT. */
export const GPT_PARTS = [...ENGINE, geluTable, gelu, attention, causalSoftmax, sublayer, drawing, createGPT, tiedHead];
