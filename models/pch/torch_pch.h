// Precompiled: LibTorch takes half a minute to parse.
#include <torch/torch.h>
