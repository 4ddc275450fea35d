// The six placements of normlib.gpt.GPTConfig, in its order. `norms` names the places in a sublayer.
export const PLACEMENTS = {
  post: {
    label: "Post", dash: "7 3", norms: ["sum"],
    where: "The norm stands on the highway, after every sum, as in the 2017 Transformer and BERT.",
  },
  pre: {
    label: "Pre", dash: "", norms: ["in"],
    where: "The norm stands before every sublayer, as in GPT-2 and Llama. Nothing stands on the highway.",
  },
  peri: {
    label: "Peri", dash: "3 3", norms: ["in", "out"],
    where: "Norms stand before and after every sublayer, as in Gemma 2.",
  },
  reordered: {
    label: "Reordered", dash: "9 3 2 3", norms: ["out"],
    where: "The norm stands after every sublayer, on the branch, as in OLMo 2.",
  },
  deepnorm: {
    label: "DeepNorm", dash: "11 3 2 3 2 3", norms: ["sum"], alpha: true,
    where: "Post-norm, but α makes the stream count for more, and some weights start smaller.",
  },
  none: { label: "None", dash: "1 3", norms: [], where: "There is no norm anywhere." },
};
export const PLACEMENT_NAMES = Object.keys(PLACEMENTS);
