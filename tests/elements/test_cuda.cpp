// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender's pictures in GPU memory, on the driver without a GPU of tests/cuda: caps,
// contexts, pools, copies, a lost device, teardown.  After each test nothing is left on
// the device and the driver found nothing to complain of.
#include <vector>

#include "gst/cudacontext.h"
#include "picturebytes.h"
#include "renderharness.h"
#include "testpipeline.h"
#include "tests/cuda/fakecuda.h"

namespace {

constexpr const char *cuda_caps = "video/x-raw(memory:CUDAMemory)";

template <typename Function>
Function
driver_function (const char *name)
{
  static GModule *module = g_module_open ("libcuda.so.1", G_MODULE_BIND_LAZY);
  gpointer symbol = nullptr;
  EXPECT_TRUE (module != nullptr && g_module_symbol (module, name, &symbol)) << name;
  return (Function)symbol;
}

FakeCudaCounts
counts ()
{
  return driver_function<FakeCudaGetCounts> ("fake_cuda_counts") ();
}

// After so many of the driver's calls.
void
lose_device (int calls = 0)
{
  driver_function<FakeCudaLose> ("fake_cuda_lose") (calls);
}

void
find_device_again ()
{
  lose_device (-1);
}

class Cuda : public testing::Test {
protected:
  void SetUp () override
  {
    ASSERT_TRUE (gst_cuda_load_library ());
    ASSERT_EQ (CuInit (0), CUDA_SUCCESS);
    before_ = counts ();
  }

  void TearDown () override
  {
    const FakeCudaCounts now = counts ();
    EXPECT_EQ (now.faults, before_.faults) << now.fault;
    EXPECT_EQ (now.contexts, 0);
    EXPECT_EQ (now.primary_holds, 0);
    EXPECT_EQ (now.memory, 0);
    EXPECT_EQ (now.streams, 0);
    EXPECT_EQ (now.pushed, 0);
  }

  TestBundle bundle_;
  FakeCudaCounts before_;
};

GstCaps *
current_caps (GstElement *element)
{
  g_autoptr (GstPad) src = gst_element_get_static_pad (element, "src");
  return gst_pad_get_current_caps (src);
}

GstCudaContext *
context_of (GstBuffer *buffer)
{
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  EXPECT_TRUE (gst_is_cuda_memory (memory));
  return GST_CUDA_MEMORY_CAST (memory)->context;
}

// The picture of latent `red` for downstream caps `wanted`.
std::vector<guint8>
rendered (const TestBundle &bundle, const char *wanted, float red)
{
  RenderHarness r (bundle);
  r.start ();
  gst_harness_set_sink_caps_str (r.h, wanted);
  r.set_caps ();
  EXPECT_EQ (r.push (red, 0), GST_FLOW_OK);
  g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
  g_autoptr (GstCaps) caps = current_caps (r.element);
  return buffer != nullptr ? picture_bytes (buffer, caps) : std::vector<guint8> ();
}

// Starts the element and renders one latent.
GstBuffer *
first_picture (RenderHarness &r)
{
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.push (0.6f, 0), GST_FLOW_OK);
  return gst_harness_try_pull (r.h);
}

// As an application does it, before the start.
void
give_context (GstElement *element, GstCudaContext *own)
{
  g_autoptr (GstContext) context = gst_context_new_cuda_context (own);
  gst_element_set_context (element, context);
}

// ---- caps ----------------------------------------------------------------------

TEST_F (Cuda, MemoryOfTheGpuComesFirst)
{
  RenderHarness r (bundle_);
  r.start ();
  r.set_caps ();
  ASSERT_EQ (r.push (0.5f, 0), GST_FLOW_OK);
  g_autoptr (GstCaps) caps = current_caps (r.element);
  g_autofree gchar *text = gst_caps_to_string (caps);
  EXPECT_EQ (std::string (text).rfind ("video/x-raw(memory:CUDAMemory)", 0), 0u) << text;
  EXPECT_STREQ (gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"),
                "NV12");
}

TEST_F (Cuda, SystemMemoryWhereDownstreamHasNoOther)
{
  EXPECT_EQ (rendered (bundle_, "video/x-raw,format=RGBA", 1.0f)[0], 255);
  EXPECT_EQ (counts ().copies, before_.copies);
}

TEST_F (Cuda, OtherFormatsAreRefused)
{
  RenderHarness r (bundle_);
  r.start ();
  gst_harness_set_sink_caps_str (r.h, "video/x-raw(memory:CUDAMemory),format=I420");
  r.set_caps ();
  EXPECT_EQ (r.push (0.5f, 0), GST_FLOW_NOT_NEGOTIATED);
}

// ---- pictures ------------------------------------------------------------------

TEST_F (Cuda, PicturesAreThoseOfSystemMemory)
{
  for (const char *format : {"NV12", "NV12,colorimetry=bt709", "RGBA"}) {
    const std::string system = std::string ("video/x-raw,format=") + format;
    const std::string gpu = std::string (cuda_caps) + ",format=" + format;
    const auto expected = rendered (bundle_, system.c_str (), 0.7f);
    ASSERT_FALSE (expected.empty ());
    EXPECT_EQ (rendered (bundle_, gpu.c_str (), 0.7f), expected) << format;
  }
}

TEST_F (Cuda, NothingIsCopiedInTheEnginesContext)
{
  RenderHarness r (bundle_);
  r.start ();
  r.set_caps ();
  for (guint64 frame = 0; frame < 5; frame++)
    EXPECT_EQ (r.push (0.5f, frame), GST_FLOW_OK);
  EXPECT_EQ (counts ().copies, before_.copies);
  EXPECT_EQ (counts ().peer_copies, before_.peer_copies);
}

// ---- contexts ------------------------------------------------------------------

TEST_F (Cuda, OursIsOfferedWhereThereIsNone)
{
  RenderHarness r (bundle_);
  r.start ();
  g_autoptr (GstMessage) need = gst_bus_pop_filtered (r.bus, GST_MESSAGE_NEED_CONTEXT);
  ASSERT_NE (need, nullptr);
  g_autoptr (GstMessage) have = gst_bus_pop_filtered (r.bus, GST_MESSAGE_HAVE_CONTEXT);
  ASSERT_NE (have, nullptr);
  g_autoptr (GstContext) context = nullptr;
  gst_message_parse_have_context (have, &context);
  EXPECT_TRUE (gst_context_has_context_type (context, GST_CUDA_CONTEXT_TYPE));

  // And to whoever asks, on either side.
  for (const gchar *name : {"src", "sink"}) {
    g_autoptr (GstPad) pad = gst_element_get_static_pad (r.element, name);
    g_autoptr (GstQuery) query = gst_query_new_context (GST_CUDA_CONTEXT_TYPE);
    EXPECT_TRUE (gst_pad_query (pad, query)) << name;
    GstContext *answer = nullptr;
    gst_query_parse_context (query, &answer);
    ASSERT_NE (answer, nullptr) << name;
    EXPECT_TRUE (gst_context_has_context_type (answer, GST_CUDA_CONTEXT_TYPE));
  }
  g_autoptr (GstPad) src = gst_element_get_static_pad (r.element, "src");
  g_autoptr (GstQuery) other = gst_query_new_context ("gst.gl.GLDisplay");
  EXPECT_FALSE (gst_pad_query (src, other));
}

TEST_F (Cuda, ElementsShareOneContext)
{
  RenderHarness one (bundle_), other (bundle_);
  GstCudaContext *contexts[2];
  int i = 0;
  for (RenderHarness *r : {&one, &other}) {
    r->start ();
    r->set_caps ();
    EXPECT_EQ (r->push (0.5f, 0), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r->h);
    contexts[i++] = context_of (buffer);
  }
  EXPECT_EQ (contexts[0], contexts[1]);
  EXPECT_EQ (counts ().primary_holds, 1);
}

TEST_F (Cuda, TheApplicationsIsTaken)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  ASSERT_NE (foreign, nullptr);
  const auto expected =
      rendered (bundle_, "video/x-raw(memory:CUDAMemory),format=NV12", 0.6f);
  {
    RenderHarness r (bundle_);
    give_context (r.element, foreign.get ());
    r.start ();
    r.set_caps ();
    const int copies = counts ().peer_copies;
    ASSERT_EQ (r.push (0.6f, 0), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    EXPECT_EQ (context_of (buffer), foreign.get ());
    EXPECT_EQ (counts ().peer_copies - copies, 2) << "luma and chroma, once each";
    g_autoptr (GstCaps) caps = current_caps (r.element);
    EXPECT_EQ (picture_bytes (buffer, caps), expected);
    EXPECT_EQ (gst_bus_pop_filtered (r.bus, GST_MESSAGE_HAVE_CONTEXT), nullptr);
  }
}

TEST_F (Cuda, OneOfAnotherDeviceIsNot)
{
  CudaContextPtr foreign (gst_cuda_context_new (1));
  RenderHarness r (bundle_);
  give_context (r.element, foreign.get ());
  g_autoptr (GstBuffer) buffer = first_picture (r);
  ASSERT_NE (buffer, nullptr);
  EXPECT_NE (context_of (buffer), foreign.get ());
}

TEST_F (Cuda, TheDeviceIsTheAvatars)
{
  RenderHarness r (bundle_);
  g_object_set (r.element, "device", "cuda:1", nullptr);
  g_autoptr (GstBuffer) buffer = first_picture (r);
  ASSERT_NE (buffer, nullptr);
  guint device = 0;
  g_object_get (context_of (buffer), "cuda-device-id", &device, nullptr);
  EXPECT_EQ (device, 1u);
}

// Answers with a context of its own, as an encoder that opened first does.
GstPadProbeReturn
answer_context (GstPad *, GstPadProbeInfo *info, gpointer context)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_CONTEXT)
    return GST_PAD_PROBE_OK;
  g_autoptr (GstContext) answer =
      gst_context_new_cuda_context ((GstCudaContext *)context);
  gst_query_set_context (query, answer);
  return GST_PAD_PROBE_HANDLED;
}

TEST_F (Cuda, ANeighboursIsTaken)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  {
    RenderHarness r (bundle_);
    g_autoptr (GstPad) src = gst_element_get_static_pad (r.element, "src");
    gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, answer_context,
                       foreign.get (), nullptr);
    g_autoptr (GstBuffer) buffer = first_picture (r);
    ASSERT_NE (buffer, nullptr);
    EXPECT_EQ (context_of (buffer), foreign.get ());
  }
}

// The whole bin, and a context that the application gave the pipeline.
TEST_F (Cuda, TheBinKeepsPicturesOnTheGpu)
{
  require_plugins ({"coreelements", "audiotestsrc", "audioconvert", "audioresample"});
  CudaContextPtr foreign (gst_cuda_context_new (0));
  for (const bool given : {false, true}) {
    TestPipeline p ("audiotestsrc num-buffers=10 samplesperbuffer=1600 ! daetalkerbin "
                    "avatar=" +
                    bundle_.path () +
                    " ! video/x-raw(memory:CUDAMemory) ! fakesink name=out "
                    "enable-last-sample=true");
    if (given) {
      give_context (p.pipeline, foreign.get ());
    }
    EXPECT_TRUE (p.run ()) << p.error.text;
    g_autoptr (GstSample) sample = nullptr;
    g_object_get (p.get ("out").get (), "last-sample", &sample, nullptr);
    ASSERT_NE (sample, nullptr);
    EXPECT_EQ (context_of (gst_sample_get_buffer (sample)) == foreign.get (), given);
  }
}

// ---- pools ---------------------------------------------------------------------

struct Offer {
  GstBufferPool *pool = nullptr;
};

GstPadProbeReturn
offer_pool (GstPad *, GstPadProbeInfo *info, gpointer data)
{
  auto *offer = (Offer *)data;
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_add_allocation_pool (query, offer->pool, 1, 2, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, nullptr);
  return GST_PAD_PROBE_HANDLED;
}

TEST_F (Cuda, DownstreamsPoolIsUsedInItsOwnContext)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  Offer offer{gst_cuda_buffer_pool_new (foreign.get ())};
  {
    RenderHarness r (bundle_);
    r.start ();
    gst_pad_add_probe (r.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_pool,
                       &offer, nullptr);
    r.set_caps ();
    for (guint64 frame = 0; frame < 3; frame++) {
      ASSERT_EQ (r.push (0.6f, frame), GST_FLOW_OK);
      g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
      EXPECT_EQ (buffer->pool, offer.pool);
      EXPECT_EQ (context_of (buffer), foreign.get ());
    }
    EXPECT_EQ (counts ().peer_copies - before_.peer_copies, 2 * 3);
  }
  gst_object_unref (offer.pool);
}

TEST_F (Cuda, APoolOfSystemMemoryIsNotUsed)
{
  Offer offer{gst_video_buffer_pool_new ()};
  {
    RenderHarness r (bundle_);
    r.start ();
    gst_pad_add_probe (r.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_pool,
                       &offer, nullptr);
    r.set_caps ();
    ASSERT_EQ (r.push (0.6f, 0), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    EXPECT_NE (buffer->pool, offer.pool);
    EXPECT_TRUE (gst_is_cuda_memory (gst_buffer_peek_memory (buffer, 0)));
  }
  gst_object_unref (offer.pool);
}

TEST_F (Cuda, CapsMayChangeBetweenFormatsInAnothersContext)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  {
    RenderHarness r (bundle_);
    give_context (r.element, foreign.get ());
    r.start ();
    guint64 frame = 0;
    for (const char *format : {"NV12", "RGBA", "NV12"}) {
      const std::string wanted = std::string (cuda_caps) + ",format=" + format;
      gst_harness_set_sink_caps_str (r.h, wanted.c_str ());
      if (frame == 0)
        r.set_caps ();
      else
        gst_harness_push_upstream_event (r.h, gst_event_new_reconfigure ());
      ASSERT_EQ (r.push (0.6f, frame++), GST_FLOW_OK) << format;
      g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
      g_autoptr (GstCaps) caps = current_caps (r.element);
      EXPECT_STREQ (gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"),
                    format);
      EXPECT_FALSE (picture_bytes (buffer, caps).empty ());
    }
  }
}

TEST_F (Cuda, APoolThatIsInUseIsNotTaken)
{
  CudaContextPtr context (gst_cuda_context_new (0));
  Offer offer{gst_cuda_buffer_pool_new (context.get ())};
  GstStructure *config = gst_buffer_pool_get_config (offer.pool);
  g_autoptr (GstCaps) other = gst_caps_from_string (
      "video/x-raw(memory:CUDAMemory),format=RGBA,width=16,height=16,framerate=25/1");
  gst_buffer_pool_config_set_params (config, other, 1024, 0, 0);
  ASSERT_TRUE (gst_buffer_pool_set_config (offer.pool, config));
  ASSERT_TRUE (gst_buffer_pool_set_active (offer.pool, TRUE));
  {
    RenderHarness r (bundle_);
    r.start ();
    gst_pad_add_probe (r.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_pool,
                       &offer, nullptr);
    r.set_caps ();
    ASSERT_EQ (r.push (0.6f, 0), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    EXPECT_NE (buffer->pool, offer.pool);
  }
  gst_buffer_pool_set_active (offer.pool, FALSE);
  gst_object_unref (offer.pool);
}

// ---- the device changes ----------------------------------------------------------

TEST_F (Cuda, ADeviceOfReadyCountsAtTheNextStart)
{
  RenderHarness r (bundle_);
  g_object_set (r.element, "device", "cuda:0", nullptr);
  gst_element_set_state (r.element, GST_STATE_READY);
  g_object_set (r.element, "device", "cuda:1", nullptr);
  g_autoptr (GstBuffer) buffer = first_picture (r);
  ASSERT_NE (buffer, nullptr);
  guint device = 0;
  g_object_get (context_of (buffer), "cuda-device-id", &device, nullptr);
  EXPECT_EQ (device, 1u);
}

TEST_F (Cuda, TheCpuOfReadyCountsAtTheNextStart)
{
  RenderHarness r (bundle_);
  gst_element_set_state (r.element, GST_STATE_READY);
  g_object_set (r.element, "device", "cpu", nullptr);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1.0f, 0), 255);
}

TEST_F (Cuda, AnAvatarForAnotherDeviceIsRefusedWhilePlaying)
{
  TestBundle next (nlohmann::json::object (), TestBundle::none, 0.5f);
  RenderHarness r (bundle_);
  g_object_set (r.element, "device", "cuda:0", nullptr);
  gst_buffer_unref (first_picture (r));
  g_object_set (r.element, "device", "cuda:1", "avatar", next.c_str (), nullptr);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (r.bus, 5 * GST_SECOND, GST_MESSAGE_WARNING);
  ASSERT_NE (message, nullptr);
  g_autoptr (GError) error = nullptr;
  gst_message_parse_warning (message, &error, nullptr);
  EXPECT_NE (std::string (error->message).find ("cuda:1"), std::string::npos)
      << error->message;
  EXPECT_EQ (r.push (0.6f, 1), GST_FLOW_OK);
}

// ---- trouble -------------------------------------------------------------------

TEST_F (Cuda, ALostDeviceIsOneClearError)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  {
    RenderHarness r (bundle_);
    give_context (r.element, foreign.get ());
    gst_buffer_unref (first_picture (r));
    lose_device ();
    EXPECT_EQ (r.push (0.6f, 1), GST_FLOW_ERROR);
    find_device_again ();
    const BusError error = pop_error (r.bus);
    EXPECT_EQ (error.domain, GST_LIBRARY_ERROR);
    EXPECT_NE (error.text.find ("started again"), std::string::npos) << error.text;
    EXPECT_EQ (pop_error (r.bus).domain, 0u);
  }
}

TEST_F (Cuda, ADeviceLostBeforeTheStartLeavesSystemMemory)
{
  lose_device ();
  RenderHarness r (bundle_);
  r.start ();
  find_device_again ();
  g_autoptr (GstMessage) warning = gst_bus_pop_filtered (r.bus, GST_MESSAGE_WARNING);
  EXPECT_NE (warning, nullptr);
  r.set_caps ();
  EXPECT_EQ (r.red_of (1.0f, 0), 255);
}

// Whatever it is that first fails: there is a picture, or an error that says what to do.
TEST_F (Cuda, ADeviceMayBeLostAtAnyCall)
{
  CudaContextPtr foreign (gst_cuda_context_new (0));
  for (const bool given : {false, true}) {
    bool whole = false;
    for (int calls = 0; !whole; calls++) {
      ASSERT_LT (calls, 1000);
      RenderHarness r (bundle_);
      if (given)
        give_context (r.element, foreign.get ());
      lose_device (calls);
      r.start ();
      r.set_caps ();
      const GstFlowReturn flow = r.push (0.6f, 0);
      find_device_again ();
      const BusError error = pop_error (r.bus);
      g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
      if (flow == GST_FLOW_OK) {
        ASSERT_NE (buffer, nullptr) << calls;
        EXPECT_EQ (error.domain, 0u) << calls << ": " << error.text;
        whole = gst_is_cuda_memory (gst_buffer_peek_memory (buffer, 0));
      } else {
        EXPECT_NE (error.text.find ("GPU"), std::string::npos) << calls << error.text;
      }
      // Each attempt may say it.
      for (BusError more = pop_error (r.bus); more.domain != 0; more = pop_error (r.bus))
        EXPECT_EQ (more.text, error.text) << calls;
    }
  }
}

TEST_F (Cuda, ADeviceThatTheDriverLacksLeavesSystemMemory)
{
  g_setenv ("DAETALKER_FAKE_GPUS", "3", TRUE);
  {
    RenderHarness r (bundle_);
    g_object_set (r.element, "device", "cuda:2", nullptr);
    r.start ();
    g_autoptr (GstMessage) message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_WARNING);
    ASSERT_NE (message, nullptr);
    g_autoptr (GError) error = nullptr;
    gst_message_parse_warning (message, &error, nullptr);
    EXPECT_NE (std::string (error->message).find ("2 devices"), std::string::npos)
        << error->message;
    r.set_caps ();
    EXPECT_EQ (r.red_of (1.0f, 0), 255);
  }
  g_setenv ("DAETALKER_FAKE_GPUS", "2", TRUE);
}

TEST_F (Cuda, AHundredTeardownsLeaveNothing)
{
  for (int i = 0; i < 100; i++) {
    RenderHarness r (bundle_);
    r.start ();
    r.set_caps ();
    ASSERT_EQ (r.push (0.5f, 0), GST_FLOW_OK);
  }
  EXPECT_EQ (counts ().memory, 0);
}

TEST_F (Cuda, PicturesOutliveTheElement)
{
  GstBuffer *buffer = nullptr;
  {
    RenderHarness r (bundle_);
    r.start ();
    r.set_caps ();
    ASSERT_EQ (r.push (0.5f, 0), GST_FLOW_OK);
    buffer = gst_harness_try_pull (r.h);
  }
  EXPECT_EQ (counts ().primary_holds, 1) << "the picture's memory needs its context";
  gst_buffer_unref (buffer);
}

} // namespace

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
