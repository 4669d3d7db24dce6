// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devicememory.h"

#include <mutex>

#include "bufferptr.h"
#include "cudacontext.h"
#include "engineloader.h"
#include "videoview.h"

using daetalker::Error;
using daetalker::ErrorCode;
using daetalker::ImageView;

GST_DEBUG_CATEGORY_STATIC (device_memory_debug);
#define GST_CAT_DEFAULT device_memory_debug

namespace {

struct CapsUnref {
  void operator() (GstCaps *caps) const { gst_caps_unref (caps); }
};
using CapsPtr = std::unique_ptr<GstCaps, CapsUnref>;
using PoolPtr = std::unique_ptr<GstBufferPool, GstObjectUnref>;

class MappedDeviceFrame : public MappedVideoFrame {
public:
  MappedDeviceFrame (const GstVideoInfo &info, GstBuffer *buffer)
      : MappedVideoFrame (info, buffer, GstMapFlags (GST_MAP_WRITE | GST_MAP_CUDA))
  {
  }

  ImageView view () const
  {
    ImageView view = MappedVideoFrame::view ();
    view.device_memory = true;
    return view;
  }
};

GstCudaContext *
context_of (GstBuffer *buffer)
{
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  if (!gst_is_cuda_memory (memory))
    throw Error (ErrorCode::failed, "video buffer",
                 "its caps say GPU memory and it lies elsewhere",
                 "Put cudaupload or videoconvert beside it");
  return GST_CUDA_MEMORY_CAST (memory)->context;
}

bool
are_same (GstCudaContext *one, GstCudaContext *other)
{
  return gst_cuda_context_get_handle (one) == gst_cuda_context_get_handle (other);
}

// The pool may ask for more than `size`, which is then what it asks for.  False if it
// takes no such pictures, or is in use already.
bool
configure (GstBufferPool *pool, GstCaps *caps, guint &size, guint min, guint max)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config))
    return false;
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, nullptr, &size, nullptr, nullptr);
  gst_structure_free (config);
  return true;
}

PoolPtr
new_pool (GstCudaContext *context, GstCaps *caps, guint &size, guint min, guint max)
{
  PoolPtr pool (gst_cuda_buffer_pool_new (context));
  if (!configure (pool.get (), caps, size, min, max))
    throw Error (ErrorCode::failed, "GPU memory", "a pool of pictures cannot be had",
                 "Free memory of the GPU; GST_DEBUG=*cuda*:6 says more");
  return pool;
}

// Pictures in the engine's context, on their way to another.
class Staging {
public:
  ~Staging () { clear (); }

  void clear ()
  {
    if (pool_ != nullptr)
      gst_buffer_pool_set_active (pool_.get (), FALSE);
    pool_ = nullptr;
  }

  BufferPtr acquire (GstCudaContext *context, const GstVideoInfo &info)
  {
    if (pool_ == nullptr || !gst_video_info_is_equal (&info, &info_)) {
      clear ();
      start (context, info);
    }
    GstBuffer *buffer = nullptr;
    if (gst_buffer_pool_acquire_buffer (pool_.get (), &buffer, nullptr) != GST_FLOW_OK)
      throw Error (ErrorCode::no_memory, "GPU memory", "there is none for a picture",
                   "Free memory of the GPU");
    return BufferPtr (buffer);
  }

private:
  void start (GstCudaContext *context, const GstVideoInfo &info)
  {
    CapsPtr caps (gst_video_info_to_caps (&info));
    gst_caps_set_features (caps.get (), 0,
                           gst_caps_features_new (DAETALKER_CUDA_MEMORY, nullptr));
    guint size = (guint)info.size;
    PoolPtr pool = new_pool (context, caps.get (), size, 1, 0);
    gst_buffer_pool_set_active (pool.get (), TRUE);
    pool_ = std::move (pool);
    info_ = info;
  }

  PoolPtr pool_;
  GstVideoInfo info_{};
};

void
copy_frame (const MappedDeviceFrame &from, GstCudaContext *source,
            const MappedDeviceFrame &to, GstCudaContext *target)
{
  const ImageView in = from.view (), out = to.view ();
  const bool nv12 = in.format == daetalker::PixelFormat::nv12;
  const gsize bytes = gsize (in.width) * (nv12 ? 1 : 4);
  CudaCopy copy (source, target);
  for (int plane = 0; plane < (nv12 ? 2 : 1); plane++)
    copy.add ({in.plane[plane], (gsize)in.stride[plane]},
              {out.plane[plane], (gsize)out.stride[plane]}, bytes,
              gsize (plane == 0 ? in.height : in.height / 2));
  copy.finish ();
}

class CudaMemory : public DeviceMemory {
public:
  explicit CudaMemory (GstElement *element) : element_ (element)
  {
    GST_DEBUG_CATEGORY_INIT (device_memory_debug, "daedevicememory", 0,
                             "pictures in GPU memory");
  }

  ~CudaMemory () override { close (); }

  void open (const std::string &device) override
  {
    if (device == name_)
      return;
    close ();
    name_ = device;
    if (device.rfind ("cuda:", 0) != 0) {
      set_reason ("the avatar runs on " + device);
      return;
    }
    CudaContextPtr primary;
    const int number = std::stoi (device.substr (5));
    try {
      primary = daetalker_cuda_primary_context (number);
    } catch (const Error &error) {
      set_reason (error.what ());
      daetalker_post_error (element_,
                            Error (error.code (), "GPU memory", error.what (),
                                   "Until then pictures go through system memory"),
                            GST_MESSAGE_WARNING);
      return;
    }
    gst_cuda_memory_init_once ();
    {
      const Lock lock (mutex_);
      primary_ = std::move (primary);
      device_ = number;
    }
    find_context ();
    offer_context ();
  }

  void close () final
  {
    staging_.clear ();
    const Lock lock (mutex_);
    gst_clear_object (&shared_);
    primary_ = nullptr;
    device_ = -1;
    name_.clear ();
  }

  bool available () const override
  {
    const Lock lock (mutex_);
    return shared_ != nullptr;
  }

  std::string reason () const override
  {
    const Lock lock (mutex_);
    return reason_;
  }

  void set_context (GstContext *context) override
  {
    const Lock lock (mutex_);
    if (device_ >= 0 && gst_context_has_context_type (context, GST_CUDA_CONTEXT_TYPE))
      gst_cuda_handle_set_context (element_, context, device_, &shared_);
  }

  bool answer (GstQuery *query) override
  {
    const Lock lock (mutex_);
    return shared_ != nullptr && gst_cuda_handle_context_query (element_, query, shared_);
  }

  void decide_allocation (GstQuery *query) override
  {
    GstCaps *caps = nullptr;
    GstVideoInfo info;
    gst_query_parse_allocation (query, &caps, nullptr);
    if (caps == nullptr || !gst_video_info_from_caps (&info, caps))
      throw Error (ErrorCode::failed, "GPU memory", "downstream asks for no picture",
                   "Repair the element that follows");
    GstBufferPool *offered = nullptr;
    guint size = (guint)info.size, min = 0, max = 0;
    const bool any = gst_query_get_n_allocation_pools (query) > 0;
    if (any)
      gst_query_parse_nth_allocation_pool (query, 0, &offered, &size, &min, &max);
    PoolPtr pool (offered);
    if (!GST_IS_CUDA_BUFFER_POOL (pool.get ()) ||
        !configure (pool.get (), caps, size, min, max)) {
      const Lock lock (mutex_);
      pool = new_pool (shared_, caps, size, min, max);
    }
    if (any)
      gst_query_set_nth_allocation_pool (query, 0, pool.get (), size, min, max);
    else
      gst_query_add_allocation_pool (query, pool.get (), size, min, max);
  }

  bool write (const GstVideoInfo &info, GstBuffer *buffer, const Render &render) override
  {
    GstCudaContext *target = context_of (buffer);
    const MappedDeviceFrame frame (info, buffer);
    if (are_same (target, primary_.get ()))
      return render (frame.view ());

    // A kernel writes memory of its own context only.
    GST_LOG_OBJECT (element_, "copying from the engine's context to %" GST_PTR_FORMAT,
                    target);
    const BufferPtr staged = staging_.acquire (primary_.get (), info);
    const MappedDeviceFrame source (info, staged.get ());
    if (!render (source.view ()))
      return false;
    copy_frame (source, primary_.get (), frame, target);
    return true;
  }

private:
  // set_context () may be called again from within calls to GStreamer.
  using Mutex = std::recursive_mutex;
  using Lock = std::lock_guard<Mutex>;

  void set_reason (const std::string &reason)
  {
    const Lock lock (mutex_);
    reason_ = reason;
  }

  // What was set before, a neighbour's, the application's; downstream's first, since
  // that is who takes the pictures.
  void find_context ()
  {
    if (GstContext *own = gst_element_get_context (element_, GST_CUDA_CONTEXT_TYPE)) {
      set_context (own);
      gst_context_unref (own);
    }
    for (const gchar *pad : {"src", "sink"})
      if (!available ())
        ask_neighbour (pad);
    if (!available ())
      gst_element_post_message (
          element_,
          gst_message_new_need_context (GST_OBJECT (element_), GST_CUDA_CONTEXT_TYPE));
    const Lock lock (mutex_);
    if (shared_ != nullptr && !are_same (shared_, primary_.get ()))
      GST_INFO_OBJECT (element_,
                       "the pipeline's CUDA context %" GST_PTR_FORMAT
                       " is not the engine's: each picture is copied once on the GPU",
                       shared_);
  }

  void ask_neighbour (const gchar *pad_name)
  {
    g_autoptr (GstPad) pad = gst_element_get_static_pad (element_, pad_name);
    g_autoptr (GstQuery) query = gst_query_new_context (GST_CUDA_CONTEXT_TYPE);
    if (!gst_pad_peer_query (pad, query))
      return;
    GstContext *context = nullptr;
    gst_query_parse_context (query, &context);
    if (context != nullptr)
      gst_element_set_context (element_, context);
  }

  // So that everything that follows joins the engine's.
  void offer_context ()
  {
    GstContext *context = nullptr;
    {
      const Lock lock (mutex_);
      if (shared_ != nullptr)
        return;
      shared_ = (GstCudaContext *)gst_object_ref (primary_.get ());
      context = gst_context_new_cuda_context (shared_);
    }
    gst_element_set_context (element_, context);
    gst_element_post_message (
        element_, gst_message_new_have_context (GST_OBJECT (element_), context));
  }

  GstElement *const element_;
  mutable Mutex mutex_;
  std::string name_; // of the device that it is open for; by state changes only
  int device_ = -1;
  GstCudaContext *shared_ = nullptr; // the pipeline's
  CudaContextPtr primary_;           // the engine's
  std::string reason_ = "the avatar is not open yet";
  Staging staging_; // streaming thread only
};

} // namespace

std::unique_ptr<DeviceMemory>
daetalker_device_memory_new (GstElement *element)
{
  return std::make_unique<CudaMemory> (element);
}
