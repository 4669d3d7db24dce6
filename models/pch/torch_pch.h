// Precompiled: LibTorch takes half a minute to parse.  Not torch/torch.h: the templates of
// its layers, optimisers and data loaders are instantiated in every file anew, needed or not.
#include <torch/nn/module.h>
#include <torch/utils.h>
