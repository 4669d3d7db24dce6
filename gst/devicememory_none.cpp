// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devicememory.h"

#include "engineloader.h"

using daetalker::Error;
using daetalker::ErrorCode;

namespace {

const char *const no_cuda = "these elements were built without CUDA";

[[noreturn]] void
refuse ()
{
  throw Error (ErrorCode::failed, "GPU memory", no_cuda, "Take video/x-raw");
}

class NoDeviceMemory : public DeviceMemory {
public:
  explicit NoDeviceMemory (GstElement *element) : element_ (element) {}

  void open (const std::string &device) override
  {
    if (device != "cpu" && device != device_)
      daetalker_post_error (element_,
                            Error (ErrorCode::no_device, device, no_cuda,
                                   "Pictures go through system memory; build with "
                                   "-Dcuda=enabled to keep them on the GPU"),
                            GST_MESSAGE_WARNING);
    device_ = device;
  }

  void close () override { device_.clear (); }
  bool available () const override { return false; }
  std::string reason () const override { return no_cuda; }
  void set_context (GstContext *) override {}
  bool answer (GstQuery *) override { return false; }
  void decide_allocation (GstQuery *) override { refuse (); }
  bool write (const GstVideoInfo &, GstBuffer *, const Render &) override { refuse (); }

private:
  GstElement *const element_;
  std::string device_; // that it is open for
};

} // namespace

std::unique_ptr<DeviceMemory>
daetalker_device_memory_new (GstElement *element)
{
  return std::make_unique<NoDeviceMemory> (element);
}
