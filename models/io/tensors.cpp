// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/tensors.h"

#include "models/engine.h"

#include <cstring>

namespace daetalker {
namespace {

constexpr std::pair<DType, torch::ScalarType> types[] = {
    {DType::boolean, torch::kBool}, {DType::u8, torch::kUInt8},
    {DType::i8, torch::kInt8},      {DType::i16, torch::kInt16},
    {DType::i32, torch::kInt32},    {DType::i64, torch::kInt64},
    {DType::f16, torch::kHalf},     {DType::bf16, torch::kBFloat16},
    {DType::f32, torch::kFloat},    {DType::f64, torch::kDouble},
};

torch::Tensor
as_stored (const torch::Tensor &tensor, std::optional<torch::ScalarType> float_type)
{
  const torch::Tensor plain = tensor.detach ().to (torch::kCPU).contiguous ();
  if (!float_type || !plain.is_floating_point ())
    return plain;
  const torch::Tensor converted = plain.to (*float_type);
  const bool overflows =
      (converted.isinf ().logical_and (plain.isfinite ())).any ().item<bool> ();
  return overflows ? plain : converted;
}

} // namespace

TensorMap
load_tensors (const std::string &path, Metadata *metadata)
{
  const SafetensorsFile file (path);
  TensorMap tensors;
  for (const TensorView &view : file.tensors ()) {
    const auto *type =
        std::find_if (std::begin (types), std::end (types),
                      [&] (const auto &entry) { return entry.first == view.dtype; });
    if (type == std::end (types))
      throw Error (ErrorCode::wrong_model, path,
                   "tensor \"" + view.name + "\" is of type " + dtype_name (view.dtype),
                   "Convert it to a floating-point or signed type");
    const bool aligned =
        reinterpret_cast<std::uintptr_t> (view.data) % dtype_size (view.dtype) == 0;
    torch::Tensor tensor;
    if (view.size == 0 || !aligned) {
      tensor = torch::empty (view.shape, type->second);
      if (view.size > 0)
        std::memcpy (tensor.data_ptr (), view.data, view.size);
    } else {
      tensor = torch::from_blob (
          const_cast<std::uint8_t *> (view.data), view.shape,
          [mapping = file.mapping ()] (void *) {}, type->second);
    }
    tensors.emplace (view.name, std::move (tensor));
  }
  if (metadata)
    *metadata = file.metadata ();
  return tensors;
}

void
save_tensors (const std::string &path, const TensorMap &tensors, const Metadata &metadata,
              std::optional<torch::ScalarType> float_type)
{
  std::vector<TensorView> views;
  std::vector<torch::Tensor> stored; // keeps the views' memory
  for (const auto &[name, tensor] : tensors) {
    stored.push_back (as_stored (tensor, float_type));
    const torch::Tensor &plain = stored.back ();
    const auto *type =
        std::find_if (std::begin (types), std::end (types), [&] (const auto &entry) {
          return entry.second == plain.scalar_type ();
        });
    if (type == std::end (types))
      throw Error (ErrorCode::failed, path,
                   "tensor \"" + name + "\" is of a type that safetensors lacks",
                   "Convert it to a real number type");
    views.push_back ({name, type->first, plain.sizes ().vec (),
                      static_cast<const std::uint8_t *> (plain.data_ptr ()),
                      plain.nbytes ()});
  }
  write_safetensors (path, std::move (views), metadata);
}

TensorMap
without_prefix (const TensorMap &tensors, const std::string &prefix)
{
  TensorMap result;
  for (const auto &[name, tensor] : tensors)
    if (name.compare (0, prefix.size (), prefix) == 0)
      result.emplace (name.substr (prefix.size ()), tensor);
  return result;
}

void
add_with_prefix (TensorMap &target, const TensorMap &tensors, const std::string &prefix)
{
  for (const auto &[name, tensor] : tensors)
    target.insert_or_assign (prefix + name, tensor);
}

} // namespace daetalker
