// What trains in the page: matrix products, layers with their backward passes by hand, and Adam.
//
// All numbers lie in one Float32Array, F; a tensor is the place of its first number. A layer is
// {forward(x, n), backward(dy)}: n is the number of rows, and both return where their result lies.
// Every function here stands for itself, so that its source can be sent to a worker: see ENGINE.

/** Memory, and what is done to much of it at once: {F, alloc, product, adam, zero, wasm}. */
export function createNumbers({ wasm = true, megabytes = 64 } = {}) {
  const size = megabytes * 16; // pages of 64 KB
  let memory = null, fast = null;
  try {
    memory = wasm && new WebAssembly.Memory({ initial: size });
    fast = wasm && assemble(memory);
  } catch {} // an old browser, or a page that forbids WebAssembly: slower, not broken
  const F = new Float32Array(fast ? memory.buffer : new ArrayBuffer(size * 65536));
  let top = 0;
  const alloc = (n) => {
    const at = top;
    top += (n + 3) & ~3; // vectors of four begin at multiples of four
    if (top > F.length) throw new RangeError(`The model needs more than ${megabytes} MB.`);
    return at;
  };
  const plain = plainProduct(F);
  /** What does not fit the blocks of four rows and eight columns is left to JavaScript. */
  function product(M, N, K, a, ar, ac, b, br, c, cr, s, sr) {
    const m = M & ~3, n = N & ~7;
    if (m && n) fast.product(m, n, K, 4 * a, 4 * ar, 4 * ac, 4 * b, 4 * br, 4 * c, 4 * cr, 4 * s, 4 * sr);
    if (n < N) plain(m, N - n, K, a, ar, ac, b + n, br, c + n, cr, s + n, sr);
    if (m < M) plain(M - m, N, K, a + m * ar, ar, ac, b, br, c + m * cr, cr, s + m * sr, sr);
  }
  const adam = (p, gap, n, rate, root, b1, b2) =>
    fast.adam(4 * p, 4 * gap, (n + 3) & ~3, rate, root, b1, b2, 1 - b1, 1 - b2, 1e-8);
  const zero = alloc(4096);
  return { F, alloc, zero, wasm: !!fast, product: fast ? product : plain, adam: fast ? adam : plainAdam(F) };
}

/**
 * C = S + A·B, (M, N) from (M, K) and (K, N): a, b, c and s are places, and `ar` is the stride of A's
 * rows. A has one for its columns, too, so Aᵀ costs nothing; S is a bias (sr = 0), C itself, or `zero`.
 */
function plainProduct(F) {
  return (M, N, K, a, ar, ac, b, br, c, cr, s, sr) => {
    for (let m = 0; m < M; m++, a += ar, c += cr, s += sr) {
      let n = 0;
      for (; n + 4 <= N; n += 4) { // four columns at once, in four variables
        let y0 = F[s + n], y1 = F[s + n + 1], y2 = F[s + n + 2], y3 = F[s + n + 3];
        for (let k = 0, i = a, j = b + n; k < K; k++, i += ac, j += br) {
          const x = F[i];
          y0 += x * F[j]; y1 += x * F[j + 1]; y2 += x * F[j + 2]; y3 += x * F[j + 3];
        }
        F[c + n] = y0; F[c + n + 1] = y1; F[c + n + 2] = y2; F[c + n + 3] = y3;
      }
      for (; n < N; n++) {
        let y = F[s + n];
        for (let k = 0, i = a, j = b + n; k < K; k++, i += ac, j += br) y += F[i] * F[j];
        F[c + n] = y;
      }
    }
  };
}

/** Adam for n numbers at p: gradient g, moments m and v stand `gap`, 2·gap and 3·gap further on. */
function plainAdam(F) {
  return (p, gap, n, rate, root, b1, b2) => {
    for (let i = p, end = p + n; i < end; i++) {
      const g = F[i + gap];
      const m = (F[i + 2 * gap] = b1 * F[i + 2 * gap] + (1 - b1) * g);
      const v = (F[i + 3 * gap] = b2 * F[i + 3 * gap] + (1 - b2) * g * g);
      F[i] -= (rate * m) / (Math.sqrt(v) * root + 1e-8);
    }
  };
}

/** The same two as WebAssembly, four numbers at once, assembled byte by byte; places in bytes. */
function assemble(memory) {
  const I32 = 0x7f, F32 = 0x7d, VOID = 0x40;
  const flat = (x) => [x].flat(Infinity);
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
  const sized = (x) => [...leb(flat(x).length), ...flat(x)];
  const section = (id, x) => [id, ...sized(x)];
  const name = (x) => sized([...x].map((letter) => letter.charCodeAt(0)));
  const binary = new Uint8Array(flat([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "\0asm", version 1
    section(1, [2, 0x60, 12, Array(12).fill(I32), 0, 0x60, 10, Array(3).fill(I32), Array(7).fill(F32), 0]),
    section(2, [1, name("e"), name("m"), 2, 0, 1]), // the memory is given
    section(3, [2, 0, 1]),
    section(7, [2, name("product"), 0, 0, name("adam"), 0, 1]),
    section(10, [2, sized(productCode(instructions(VOID))), sized(adamCode(instructions(VOID)))]),
  ]));
  return new WebAssembly.Instance(new WebAssembly.Module(binary), { e: { m: memory } }).exports;
}

/** The few instructions of WebAssembly that the two need; i is the number of a local variable. */
function instructions(VOID) {
  const get = (i) => [0x20, i], set = (i) => [0x21, i], ADD = 0x6a, SUB = 0x6b, MUL = 0x6c;
  const int = (n) => [0x41, ...(n < 64 ? [n] : [(n & 127) | 128, n >> 7])]; // 0 ≤ n < 8192
  const vector = (op) => [0xfd, op, 1];
  return {
    get, set, int, ADD, SUB, MUL,
    copy: (to, from) => [get(from), set(to)],
    add: (i, by) => [get(i), by, ADD, set(i)],
    load: (i, off = 0) => [get(i), 0xfd, 0x00, 2, off],
    put: (i, value, off = 0) => [get(i), value, 0xfd, 0x0b, 2, off],
    splat: (i) => [get(i), 0xfd, 0x09, 2, 0], // one number of the memory, four times
    spread: (i) => [get(i), 0xfd, 0x13], // one number of a variable, four times
    ROOT: vector(0xe3), VADD: vector(0xe4), VSUB: vector(0xe5), VMUL: vector(0xe6), VDIV: vector(0xe7),
    /** Repeat while i, lowered by `by` each time, is not 0. */
    loop: (i, by, body) => [0x03, VOID, body, get(i), int(by), SUB, 0x22, i, 0x0d, 0, 0x0b],
    /** A function: how many locals of which types it has beside its arguments, and what it does. */
    code: (locals, body) => [locals.length, locals, body, 0x0b],
  };
}

/** C = S + A·B in tiles of four rows and eight columns, which stay in eight registers. */
function productCode({ get, set, int, ADD, SUB, MUL, copy, add, load, put, splat, VADD, VMUL, loop, code }) {
  const [M, N, K, a, ar, ac, b, br, c, cr, s, sr, n, k, pb, pc, ps, q] = Array(18).keys();
  const four = [0, 1, 2, 3], row = four.map((r) => 18 + r), sum = four.map((r) => [24 + 2 * r, 25 + 2 * r]);
  const [b0, b1, u] = [32, 33, 34], wide = int(32); // bytes of eight numbers
  const inner = [
    load(pb), set(b0), load(pb, 16), set(b1),
    four.map((r) => [
      splat(row[r]), set(u),
      get(sum[r][0]), get(u), get(b0), VMUL, VADD, set(sum[r][0]),
      get(sum[r][1]), get(u), get(b1), VMUL, VADD, set(sum[r][1]),
      add(row[r], get(ac)),
    ]),
    add(pb, get(br)),
  ];
  const tile = [
    copy(q, ps), four.map((r) => [load(q), set(sum[r][0]), load(q, 16), set(sum[r][1]), add(q, get(sr))]),
    copy(q, a), four.map((r) => [copy(row[r], q), add(q, get(ar))]),
    copy(pb, b), copy(k, K), loop(k, 1, inner),
    copy(q, pc), four.map((r) => [put(q, get(sum[r][0])), put(q, get(sum[r][1]), 16), add(q, get(cr))]),
    add(ps, wide), add(pc, wide), add(b, wide),
  ];
  const strip = [
    copy(ps, s), copy(pc, c), copy(n, N), loop(n, 8, tile),
    get(b), get(N), int(4), MUL, SUB, set(b), // back to B's first column
    [[a, ar], [c, cr], [s, sr]].map(([i, by]) => [get(i), get(by), int(4), MUL, ADD, set(i)]),
  ];
  return code([[12, 0x7f], [11, 0x7b]], loop(M, 4, strip));
}

/** p −= rate·m / (√v·root + eps), four numbers at once. */
function adamCode({ get, set, int, ADD, copy, add, load, put, spread, ROOT, VADD, VSUB, VMUL, VDIV, loop, code }) {
  const [p, gap, n, rate, root, b1, b2, c1, c2, eps, pg, pm, pv, g, m, v] = Array(16).keys();
  const next = (to, from) => [get(from), get(gap), ADD, set(to)];
  return code([[3, 0x7f], [3, 0x7b]], [
    next(pg, p), next(pm, pg), next(pv, pm),
    loop(n, 4, [
      load(pg), set(g),
      load(pm), spread(b1), VMUL, get(g), spread(c1), VMUL, VADD, set(m), put(pm, get(m)),
      load(pv), spread(b2), VMUL, get(g), get(g), VMUL, spread(c2), VMUL, VADD, set(v), put(pv, get(v)),
      put(p, [load(p), get(m), spread(rate), VMUL, get(v), ROOT, spread(root), VMUL, spread(eps), VADD, VDIV, VSUB]),
      [p, pg, pm, pv].map((i) => add(i, int(16))),
    ]),
  ]);
}

/** Seeded chance: uniform() in [0, 1) by mulberry32, normal(), below(n). */
export function chance(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b9), spare = null;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** Box and Muller's: two at a time, the second one is kept. */
  const normal = () => {
    const kept = spare;
    spare = null;
    if (kept !== null) return kept;
    const r = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform();
    spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  };
  return { uniform, normal, below: (n) => Math.floor(n * uniform()) };
}

// ---- a network: its parameters stand side by side, then their gradients, then Adam's moments ----
/** Numbers, and a list of parameters: param(name, shape, first) is placed, and drawn, by place(rng). */
export function createNetwork(numbers, rows) {
  const { F, alloc, adam } = numbers, params = [], net = { ...numbers, rows, params, first: 0, size: 0 };
  let steps = 0;
  net.param = (name, shape, start) => {
    const p = { name, shape, start, n: shape.reduce((a, b) => a * b), at: 0, grad: 0 };
    params.push(p);
    return p;
  };
  net.place = (rng) => {
    net.size = (params.reduce((sum, p) => sum + p.n, 0) + 3) & ~3;
    let at = (net.first = alloc(4 * net.size));
    for (const p of params) {
      Object.assign(p, { at, grad: at + net.size });
      for (let i = 0; i < p.n; i++) F[at + i] = p.start(rng, i % p.shape.at(-1));
      at += p.n;
    }
  };
  /** One step of Adam (Kingma and Ba, 2015). */
  net.update = (rate, b1 = 0.9, b2 = 0.95) => {
    steps++;
    adam(net.first, net.size, net.size, rate / (1 - b1 ** steps), 1 / Math.sqrt(1 - b2 ** steps), b1, b2);
  };
  return net;
}

/** Rows become columns: (I, O) at a, with rows `stride` apart, to (O, I) at b. */
export function transpose(F, a, b, I, O, stride = O) {
  for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) F[b + o * I + i] = F[a + i * stride + o];
}

/** Sums of the columns of (n, O) at a, to b. */
export function columnSums(F, a, b, n, O) {
  F.fill(0, b, b + O);
  for (let t = 0; t < n; t++) for (let o = 0, i = a + t * O; o < O; o++) F[b + o] += F[i + o];
}

/** y = x·W + b, with W stored (in, out). Backward: dW = xᵀ·dy, db = Σ dy, dx = dy·Wᵀ. */
export function linear(net, name, I, O, start, bias = true) {
  const { F, alloc, product, zero, rows } = net;
  const w = net.param(name + ".weight", [I, O], start), b = bias && net.param(name + ".bias", [O], () => 0);
  const y = alloc(rows * O), dx = alloc(rows * I), wT = alloc(I * O);
  let x, n;
  return {
    forward(input, count) {
      [x, n] = [input, count];
      product(n, O, I, x, I, 1, w.at, O, y, O, b ? b.at : zero, 0);
      return y;
    },
    backward(dy) {
      product(I, O, n, x, 1, I, dy, O, w.grad, O, zero, 0);
      if (b) columnSums(F, dy, b.grad, n, O);
      transpose(F, w.at, wT, I, O);
      product(n, I, O, dy, O, 1, wT, I, dx, I, zero, 0);
      return dx;
    },
  };
}

/**
 * y = x̂·weight + bias with x̂ = (x − mean)·rstd, over the features of a token ("layernorm", "rmsnorm",
 * which does not centre) or, for each feature, over the rows ("batch").
 * Backward, Chapter 3's line: dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) with g = dy·weight.
 */
export function normalization(net, name, C, kind, eps = 1e-5) {
  if (kind === "dyt") return dynamicTanh(net, name, C);
  const { F, alloc, rows } = net, centred = kind !== "rmsnorm", batch = kind === "batch";
  const w = net.param(name + ".weight", [C], () => 1), b = centred && net.param(name + ".bias", [C], () => 0);
  const y = alloc(rows * C), hat = alloc(rows * C), dx = alloc(rows * C);
  const mean = alloc(Math.max(rows, C)), rstd = alloc(Math.max(rows, C));
  let n;
  /** Call work(set, its first number, where it ends, the step from one to the next, how many they are). */
  function each(work) {
    for (let k = 0, sets = batch ? C : n; k < sets; k++) batch ? work(k, k, n * C, C, n) : work(k, k * C, k * C + C, 1, C);
  }
  return {
    /** With `known`, by the means and deviations of the last batch, as batch norm does in a test. */
    forward(x, count, known = false) {
      n = count;
      each((k, from, to, step, m) => {
        if (!known) {
          let sum = 0, squares = 0;
          if (centred) for (let i = from; i < to; i += step) sum += F[x + i];
          const centre = (F[mean + k] = sum / m);
          for (let i = from; i < to; i += step) squares += (F[x + i] - centre) ** 2;
          F[rstd + k] = 1 / Math.sqrt(squares / m + eps);
        }
        const centre = F[mean + k], r = F[rstd + k];
        for (let i = from; i < to; i += step) F[hat + i] = (F[x + i] - centre) * r;
      });
      for (let i = 0; i < n * C; i += C) {
        for (let c = 0; c < C; c++) F[y + i + c] = F[hat + i + c] * F[w.at + c] + (b ? F[b.at + c] : 0);
      }
      return y;
    },
    backward(dy) {
      F.fill(0, w.grad, w.grad + C);
      if (b) columnSums(F, dy, b.grad, n, C);
      for (let i = 0; i < n * C; i += C) {
        for (let c = 0; c < C; c++) {
          F[w.grad + c] += F[dy + i + c] * F[hat + i + c];
          F[dx + i + c] = F[dy + i + c] * F[w.at + c]; // g, for now
        }
      }
      each((k, from, to, step, m) => {
        let g = 0, along = 0;
        for (let i = from; i < to; i += step) { g += F[dx + i]; along += F[dx + i] * F[hat + i]; }
        g = centred ? g / m : 0;
        along /= m;
        for (let i = from; i < to; i += step) F[dx + i] = F[rstd + k] * (F[dx + i] - g - F[hat + i] * along);
      });
      return dx;
    },
  };
}

/** DyT, a norm without statistics: y = tanh(α·x)·weight + bias (Zhu et al., 2025). */
function dynamicTanh(net, name, C) {
  const { F, alloc, rows } = net;
  const alpha = net.param(name + ".alpha", [1], () => 0.5);
  const w = net.param(name + ".weight", [C], () => 1), b = net.param(name + ".bias", [C], () => 0);
  const y = alloc(rows * C), hat = alloc(rows * C), dx = alloc(rows * C);
  let x, n;
  return {
    forward(input, count) {
      [x, n] = [input, count];
      for (let i = 0; i < n * C; i++) {
        F[hat + i] = Math.tanh(F[alpha.at] * F[x + i]);
        F[y + i] = F[hat + i] * F[w.at + (i % C)] + F[b.at + (i % C)];
      }
      return y;
    },
    backward(dy) {
      F.fill(0, w.grad, w.grad + C);
      columnSums(F, dy, b.grad, n, C);
      let slope = 0;
      for (let i = 0; i < n * C; i++) {
        const t = F[hat + i], inside = F[dy + i] * F[w.at + (i % C)] * (1 - t * t); // tanh′ = 1 − tanh²
        F[w.grad + (i % C)] += F[dy + i] * t;
        slope += inside * F[x + i];
        F[dx + i] = inside * F[alpha.at];
      }
      F[alpha.grad] = slope;
      return dx;
    },
  };
}

/** Euclidean length of n numbers. */
export function lengthOf(F, at, n) {
  let squares = 0;
  for (let i = at; i < at + n; i++) squares += F[i] * F[i];
  return Math.sqrt(squares);
}

/** Mean cross-entropy in nats of logits (n, V) at z; the gradient for them, (softmax − 1 at y) / n, to d. */
export function crossEntropy(F, z, V, targets, d) {
  const n = targets.length;
  let total = 0;
  for (let t = 0; t < n; t++, z += V, d += V) {
    let most = -Infinity, sum = 0;
    for (let v = 0; v < V; v++) most = Math.max(most, F[z + v]);
    for (let v = 0; v < V; v++) sum += F[d + v] = Math.exp(F[z + v] - most);
    total += Math.log(sum) + most - F[z + targets[t]];
    for (let v = 0; v < V; v++) F[d + v] /= sum * n;
    F[d + targets[t]] -= 1 / n;
  }
  return total / n;
}

/** All that a worker needs of this module: the sources of functions that call one another by name. */
export const ENGINE = [createNumbers, plainProduct, plainAdam, assemble, instructions, productCode, adamCode, chance,
  createNetwork, transpose, columnSums, linear, normalization, dynamicTanh, lengthOf, crossEntropy];
