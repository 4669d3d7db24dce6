// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fakecuda.h"

#include <cuda.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

// cuda.h gives these names to later signatures.
#undef cuStreamDestroy

namespace {

// Rows of device memory begin at multiples of it: nobody may assume width x 4.
constexpr std::size_t pitch_alignment = 512;

struct Context {
  int device;
};

struct Allocation {
  Context *owner; // nullptr: page-locked memory of the host
  std::size_t size;
};

struct State {
  std::mutex mutex;
  FakeCudaCounts counts;
  int calls_left = -1; // until the device is lost; -1: it is not
  Context primary[fake_cuda_devices] = {{0}, {1}};
  int holds[fake_cuda_devices] = {};
  std::map<std::uintptr_t, Allocation> memory; // by address
};

// Never destroyed: objects of GStreamer live until the process ends.
State &
state ()
{
  static State *const instance = new State;
  return *instance;
}

thread_local std::vector<Context *> stack;

using Lock = std::lock_guard<std::mutex>;

CUresult
fault (const char *words, CUresult result)
{
  state ().counts.faults++;
  state ().counts.fault = words;
  return result;
}

Context *
current ()
{
  return stack.empty () ? nullptr : stack.back ();
}

CUresult
allocate (Context *owner, std::size_t size, std::uintptr_t &address)
{
  void *block = std::malloc (size);
  std::memset (block, 0xcd, size);
  address = (std::uintptr_t)block;
  state ().memory[address] = {owner, size};
  state ().counts.memory++;
  return CUDA_SUCCESS;
}

CUresult
release (Context *owner, std::uintptr_t address)
{
  const auto entry = state ().memory.find (address);
  if (entry == state ().memory.end ())
    return fault ("memory freed that is not allocated", CUDA_ERROR_INVALID_VALUE);
  if (entry->second.owner != owner)
    return fault ("memory freed in another context", CUDA_ERROR_INVALID_CONTEXT);
  std::free ((void *)address);
  state ().memory.erase (entry);
  state ().counts.memory--;
  return CUDA_SUCCESS;
}

// The allocation that holds `address`, and how far into it; size 0 if there is none.
Allocation
find (std::uintptr_t address, std::size_t &offset)
{
  auto entry = state ().memory.upper_bound (address);
  if (entry == state ().memory.begin ())
    return {nullptr, 0};
  --entry;
  offset = address - entry->first;
  return offset < entry->second.size ? entry->second : Allocation{nullptr, 0};
}

struct Rows {
  std::uintptr_t address;
  std::size_t pitch;
  Context *owner; // nullptr: the host's memory
};

bool
is_inside (const Rows &rows, std::size_t bytes, std::size_t height)
{
  if (rows.owner == nullptr)
    return true; // any memory of the process
  std::size_t offset = 0;
  const Allocation block = find (rows.address, offset);
  return block.owner == rows.owner &&
         offset + (height - 1) * rows.pitch + bytes <= block.size;
}

CUresult
copy_rows (const Rows &from, const Rows &to, std::size_t bytes, std::size_t height)
{
  if (!is_inside (from, bytes, height) || !is_inside (to, bytes, height))
    return fault ("a copy of memory that is not the context's", CUDA_ERROR_INVALID_VALUE);
  for (std::size_t row = 0; row < height; row++)
    std::memcpy ((char *)to.address + row * to.pitch,
                 (const char *)from.address + row * from.pitch, bytes);
  return CUDA_SUCCESS;
}

// Counts a call, too.
bool
is_lost ()
{
  int &left = state ().calls_left;
  if (left > 0)
    left--;
  else if (left == 0)
    return true;
  return false;
}

CUresult
copy_2d (const CUDA_MEMCPY2D *copy)
{
  if (current () == nullptr)
    return fault ("a copy without a context", CUDA_ERROR_INVALID_CONTEXT);
  const auto side = [] (CUmemorytype type, const void *host, CUdeviceptr device,
                        std::size_t pitch) -> Rows {
    if (type == CU_MEMORYTYPE_HOST)
      return {(std::uintptr_t)host, pitch, nullptr};
    return {(std::uintptr_t)device, pitch, current ()};
  };
  state ().counts.copies++;
  return copy_rows (
      side (copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcPitch),
      side (copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstPitch),
      copy->WidthInBytes, copy->Height);
}

} // namespace

// Of every function that gives or does something: nothing works once the device is lost.
#define BEGIN                                                                            \
  const Lock lock (state ().mutex);                                                      \
  if (is_lost ())                                                                        \
  return CUDA_ERROR_LAUNCH_FAILED

// Of those that give something back, and of entering a context to do so: they count
// whatever became of the device.
#define BEGIN_RETURN const Lock lock (state ().mutex)

#define EXPORT extern "C" __attribute__ ((visibility ("default")))

EXPORT FakeCudaCounts
fake_cuda_counts ()
{
  const Lock lock (state ().mutex);
  return state ().counts;
}

EXPORT void
fake_cuda_lose (int calls)
{
  const Lock lock (state ().mutex);
  state ().calls_left = calls;
}

EXPORT void *
fake_cuda_owner (const void *address)
{
  const Lock lock (state ().mutex);
  std::size_t offset = 0;
  return find ((std::uintptr_t)address, offset).owner;
}

EXPORT void *
fake_cuda_primary (int device)
{
  const Lock lock (state ().mutex);
  return state ().holds[device] > 0 ? &state ().primary[device] : nullptr;
}

// ---- the driver ------------------------------------------------------------------

EXPORT CUresult
cuInit (unsigned int)
{
  BEGIN;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDriverGetVersion (int *version)
{
  BEGIN;
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuGetErrorName (CUresult, const char **name)
{
  *name = "CUDA_ERROR";
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuGetErrorString (CUresult result, const char **words)
{
  *words = result == CUDA_ERROR_LAUNCH_FAILED ? "unspecified launch failure" : "an error";
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDeviceGetCount (int *count)
{
  BEGIN;
  *count = fake_cuda_devices;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDeviceGet (CUdevice *device, int ordinal)
{
  BEGIN;
  if (ordinal < 0 || ordinal >= fake_cuda_devices)
    return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDeviceGetName (char *name, int length, CUdevice)
{
  BEGIN;
  std::strncpy (name, "no GPU at all", (std::size_t)length);
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDeviceGetAttribute (int *value, CUdevice_attribute attribute, CUdevice)
{
  BEGIN;
  *value = attribute == CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT ? pitch_alignment : 9;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDeviceCanAccessPeer (int *can, CUdevice, CUdevice)
{
  BEGIN;
  *can = 0; // as on most machines
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDevicePrimaryCtxRetain (CUcontext *context, CUdevice device)
{
  BEGIN;
  state ().holds[device]++;
  state ().counts.primary_holds++;
  *context = (CUcontext)&state ().primary[device];
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuDevicePrimaryCtxRelease_v2 (CUdevice device)
{
  BEGIN_RETURN;
  if (state ().holds[device] == 0)
    return fault ("a primary context released too often", CUDA_ERROR_INVALID_CONTEXT);
  state ().holds[device]--;
  state ().counts.primary_holds--;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuCtxCreate_v2 (CUcontext *context, unsigned int, CUdevice device)
{
  BEGIN;
  auto *made = new Context{device};
  state ().counts.contexts++;
  state ().counts.pushed++;
  stack.push_back (made);
  *context = (CUcontext)made;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuCtxDestroy_v2 (CUcontext context)
{
  BEGIN_RETURN;
  for (const auto &[address, block] : state ().memory)
    if (block.owner == (Context *)context)
      return fault ("a context destroyed under its memory", CUDA_ERROR_INVALID_CONTEXT);
  state ().counts.contexts--;
  delete (Context *)context;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuCtxPushCurrent_v2 (CUcontext context)
{
  BEGIN_RETURN;
  stack.push_back ((Context *)context);
  state ().counts.pushed++;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuCtxPopCurrent_v2 (CUcontext *context)
{
  BEGIN_RETURN;
  if (stack.empty ())
    return fault ("a context popped that was not pushed", CUDA_ERROR_INVALID_CONTEXT);
  if (context != nullptr)
    *context = (CUcontext)stack.back ();
  stack.pop_back ();
  state ().counts.pushed--;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuCtxEnablePeerAccess (CUcontext, unsigned int)
{
  return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
}

EXPORT CUresult
cuCtxDisablePeerAccess (CUcontext)
{
  return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}

EXPORT CUresult
cuMemAlloc_v2 (CUdeviceptr *address, std::size_t size)
{
  BEGIN;
  std::uintptr_t block = 0;
  if (current () == nullptr)
    return fault ("memory wanted without a context", CUDA_ERROR_INVALID_CONTEXT);
  const CUresult result = allocate (current (), size, block);
  *address = block;
  return result;
}

EXPORT CUresult
cuMemAllocPitch_v2 (CUdeviceptr *address, std::size_t *pitch, std::size_t width,
                    std::size_t height, unsigned int)
{
  *pitch = (width + pitch_alignment - 1) / pitch_alignment * pitch_alignment;
  return cuMemAlloc_v2 (address, *pitch * height);
}

EXPORT CUresult
cuMemFree_v2 (CUdeviceptr address)
{
  BEGIN_RETURN;
  return release (current (), address);
}

EXPORT CUresult
cuMemAllocHost_v2 (void **address, std::size_t size)
{
  BEGIN;
  std::uintptr_t block = 0;
  const CUresult result = allocate (nullptr, size, block);
  *address = (void *)block;
  return result;
}

EXPORT CUresult
cuMemFreeHost (void *address)
{
  BEGIN_RETURN;
  return release (nullptr, (std::uintptr_t)address);
}

EXPORT CUresult
cuMemcpy2D_v2 (const CUDA_MEMCPY2D *copy)
{
  BEGIN;
  return copy_2d (copy);
}

EXPORT CUresult
cuMemcpy2DAsync_v2 (const CUDA_MEMCPY2D *copy, CUstream)
{
  BEGIN;
  return copy_2d (copy);
}

EXPORT CUresult
cuMemcpy3DPeerAsync (const CUDA_MEMCPY3D_PEER *copy, CUstream)
{
  BEGIN;
  state ().counts.peer_copies++;
  return copy_rows ({copy->srcDevice, copy->srcPitch, (Context *)copy->srcContext},
                    {copy->dstDevice, copy->dstPitch, (Context *)copy->dstContext},
                    copy->WidthInBytes, copy->Height);
}

EXPORT CUresult
cuStreamCreate (CUstream *stream, unsigned int)
{
  BEGIN;
  if (current () == nullptr)
    return fault ("a stream without a context", CUDA_ERROR_INVALID_CONTEXT);
  *stream = (CUstream) new int;
  state ().counts.streams++;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuStreamDestroy (CUstream stream)
{
  BEGIN_RETURN;
  delete (int *)stream;
  state ().counts.streams--;
  return CUDA_SUCCESS;
}

EXPORT CUresult
cuStreamSynchronize (CUstream)
{
  BEGIN;
  return CUDA_SUCCESS;
}

// What libgstcuda looks for and our elements never call.  The symbols have the driver's
// names, the functions their own, since cuda.h declares those with arguments.
#define NEVER_CALLED(name)                                                               \
  EXPORT CUresult never_##name () asm(#name);                                            \
  CUresult never_##name ()                                                               \
  {                                                                                      \
    return CUDA_ERROR_NOT_SUPPORTED;                                                     \
  }

NEVER_CALLED (cuGLGetDevices_v2)
NEVER_CALLED (cuGraphicsGLRegisterBuffer)
NEVER_CALLED (cuGraphicsGLRegisterImage)
NEVER_CALLED (cuGraphicsMapResources)
NEVER_CALLED (cuGraphicsResourceGetMappedPointer_v2)
NEVER_CALLED (cuGraphicsResourceSetMapFlags_v2)
NEVER_CALLED (cuGraphicsSubResourceGetMappedArray)
NEVER_CALLED (cuGraphicsUnmapResources)
NEVER_CALLED (cuGraphicsUnregisterResource)
NEVER_CALLED (cuLaunchKernel)
NEVER_CALLED (cuModuleGetFunction)
NEVER_CALLED (cuModuleLoadData)
NEVER_CALLED (cuModuleUnload)
NEVER_CALLED (cuTexObjectCreate)
NEVER_CALLED (cuTexObjectDestroy)
