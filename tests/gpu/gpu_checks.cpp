// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The elements with the real engine on a real GPU: what the driver without a GPU of
// tests/cuda cannot tell.  Run by tests/gpu/run; every test is skipped where the engine
// finds no GPU.
#include <cuda_runtime_api.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "gst/cudacontext.h"
#include "gst/engineloader.h"
#include "gst/tensorcaps.h"
#include "picturebytes.h"
#include "testelements.h"

#include <gst/check/gstharness.h>

namespace {

constexpr const char *gpu_nv12 = "video/x-raw(memory:CUDAMemory),format=NV12";
constexpr const char *gpu_rgba = "video/x-raw(memory:CUDAMemory),format=RGBA";

bool
has_gpu ()
{
  return daetalker_engine_load ().devices ().size () > 1;
}

const daetalker::AvatarInfo &
avatar ()
{
  static const auto opened = daetalker_engine_load ().open_avatar (
      daetalker_find_avatar (nullptr), {"cpu", "float32", 0}, false);
  return opened->info ();
}

// Latents about the resting one, the same in every run.
std::vector<float>
latent (unsigned seed)
{
  std::mt19937 random (seed);
  std::normal_distribution<float> normal (0, 0.3f);
  std::vector<float> values = avatar ().rest_latent;
  values.resize ((gsize)avatar ().latent_size);
  for (float &value : values)
    value += normal (random);
  return values;
}

using Bytes = std::vector<guint8>;

struct Rendering {
  const char *device = "cuda";
  const char *precision = "auto";
  const char *caps = gpu_nv12;
  int steps = 1;
  GstCudaContext *context = nullptr; // the application's
};

// The pictures of the latents of `seeds`.
std::vector<Bytes>
render (const Rendering &how, const std::vector<unsigned> &seeds)
{
  GstElement *element = gst_element_factory_make ("daerender", nullptr);
  g_object_set (element, "device", how.device, "precision", how.precision, "steps",
                how.steps, nullptr);
  if (how.context != nullptr) {
    g_autoptr (GstContext) context = gst_context_new_cuda_context (how.context);
    gst_element_set_context (element, context);
  }
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_sink_caps_str (h, how.caps);
  gst_harness_set_src_caps (
      h, daetalker_latent_caps_new ((guint)avatar ().latent_size, 25, 1, ""));
  std::vector<Bytes> pictures;
  guint64 frame = 0;
  for (const unsigned seed : seeds) {
    std::vector<float> values = latent (seed);
    values.resize (values.size () + 3); // the pose
    GstBuffer *input =
        gst_buffer_new_memdup (values.data (), values.size () * sizeof (float));
    GST_BUFFER_PTS (input) = frame++ * 40 * GST_MSECOND;
    EXPECT_EQ (gst_harness_push (h, input), GST_FLOW_OK);
    g_autoptr (GstBuffer) output = gst_harness_try_pull (h);
    g_autoptr (GstPad) src = gst_element_get_static_pad (element, "src");
    g_autoptr (GstCaps) caps = gst_pad_get_current_caps (src);
    if (output != nullptr)
      pictures.push_back (picture_bytes (output, caps));
  }
  gst_harness_teardown (h);
  gst_object_unref (element);
  return pictures;
}

double
mean_difference (const Bytes &one, const Bytes &other)
{
  EXPECT_EQ (one.size (), other.size ());
  double sum = 0;
  for (gsize i = 0; i < std::min (one.size (), other.size ()); i++)
    sum += std::abs (int (one[i]) - int (other[i]));
  return sum / double (std::max<gsize> (one.size (), 1));
}

class Gpu : public testing::Test {
protected:
  void SetUp () override
  {
    if (!has_gpu ())
      GTEST_SKIP () << "the engine finds no GPU";
  }
};

// ---- pictures ------------------------------------------------------------------

TEST_F (Gpu, MemoryOfTheGpuHoldsWhatSystemMemoryDoes)
{
  const std::vector<unsigned> seeds = {1, 2, 3, 4, 5};
  EXPECT_EQ (render ({}, seeds),
             render ({"cuda", "auto", "video/x-raw,format=NV12"}, seeds));
  EXPECT_EQ (render ({"cuda", "auto", gpu_rgba}, seeds),
             render ({"cuda", "auto", "video/x-raw,format=RGBA"}, seeds));
}

TEST_F (Gpu, AgreesWithTheCpu)
{
  for (const std::string format : {"NV12", "RGBA"}) {
    const std::string here = "video/x-raw,format=" + format;
    const std::string there = "video/x-raw(memory:CUDAMemory),format=" + format;
    const auto cpu = render ({"cpu", "float32", here.c_str ()}, {1, 2});
    ASSERT_EQ (cpu.size (), 2u);
    EXPECT_GT (mean_difference (cpu[0], cpu[1]), 2.0)
        << "what follows would tell nothing";
    for (const char *precision : {"float32", "bfloat16", "float16"}) {
      const auto gpu = render ({"cuda", precision, there.c_str ()}, {1, 2});
      for (gsize i = 0; i < cpu.size (); i++)
        EXPECT_LE (mean_difference (gpu.at (i), cpu[i]), 1.0)
            << format << ", " << precision;
    }
  }
}

TEST_F (Gpu, ManyStepsAreRecordedToo)
{
  const int most = avatar ().steps.back ();
  const auto gpu = render ({"cuda", "float32", gpu_rgba, most}, {1});
  const auto cpu = render ({"cpu", "float32", "video/x-raw,format=RGBA", most}, {1});
  EXPECT_LE (mean_difference (gpu.at (0), cpu.at (0)), 1.0);
}

TEST_F (Gpu, AnothersContextGetsTheSamePictures)
{
  ASSERT_TRUE (gst_cuda_load_library ());
  ASSERT_EQ (CuInit (0), CUDA_SUCCESS);
  const CudaContextPtr foreign (gst_cuda_context_new (0));
  ASSERT_NE (foreign, nullptr);
  EXPECT_EQ (render ({"cuda", "auto", gpu_nv12, 1, foreign.get ()}, {1, 2, 3}),
             render ({}, {1, 2, 3}));
}

TEST_F (Gpu, StreamsDoNotDisturbEachOther)
{
  constexpr unsigned streams = 4, frames = 50;
  std::vector<std::vector<unsigned>> seeds (streams);
  std::vector<std::vector<Bytes>> alone, together (streams);
  for (unsigned s = 0; s < streams; s++) {
    for (unsigned f = 0; f < frames; f++)
      seeds[s].push_back (1000 * s + f);
    alone.push_back (render ({}, seeds[s]));
  }
  std::vector<std::thread> threads;
  for (unsigned s = 0; s < streams; s++)
    threads.emplace_back ([&, s] { together[s] = render ({}, seeds[s]); });
  for (std::thread &thread : threads)
    thread.join ();
  EXPECT_GT (mean_difference (alone[0][0], alone[1][0]), 1.5)
      << "what follows would tell nothing";
  // Batches of other sizes take other kernels.
  for (unsigned s = 0; s < streams; s++)
    for (unsigned f = 0; f < frames; f++)
      EXPECT_LE (mean_difference (together[s].at (f), alone[s].at (f)), 0.5)
          << "stream " << s << " frame " << f;
}

// ---- pipelines -----------------------------------------------------------------

std::atomic<int> copies{0};

// What the renderer says of a context that is not the engine's, and an encoder of
// pictures that it cannot take as they are.
void
count_copies (GstDebugCategory *, GstDebugLevel, const gchar *, const gchar *, gint,
              GObject *, GstDebugMessage *message, gpointer)
{
  const gchar *words = gst_debug_message_get (message);
  if (words != nullptr && (g_strrstr (words, "copying from the engine's context") ||
                           g_strrstr (words, "system copy")))
    copies++;
}

// How often a picture is copied on its way into `consumer`.
int
copies_into (const std::string &consumer)
{
  copies = 0;
  gst_debug_set_threshold_from_string ("nv*enc*:6,daedevicememory:6", FALSE);
  gst_debug_remove_log_function (gst_debug_log_default); // counted, not printed
  gst_debug_add_log_function (count_copies, nullptr, nullptr);
  const std::string description =
      "audiotestsrc wave=ticks num-buffers=100 ! daetalkerbin device=cuda ! "
      "video/x-raw(memory:CUDAMemory),format=NV12 ! " +
      consumer + " ! fakesink sync=false";
  g_autoptr (GError) error = nullptr;
  GstElement *pipeline = gst_parse_launch (description.c_str (), &error);
  EXPECT_EQ (error, nullptr) << error->message;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) end = gst_bus_timed_pop_filtered (
      bus, 60 * GST_SECOND, GstMessageType (GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  EXPECT_TRUE (end != nullptr && GST_MESSAGE_TYPE (end) == GST_MESSAGE_EOS) << consumer;
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  gst_debug_remove_log_function (count_copies);
  gst_debug_add_log_function (gst_debug_log_default, nullptr, nullptr);
  gst_debug_set_threshold_from_string ("", TRUE);
  return copies;
}

bool
has_element (const char *name)
{
  g_autoptr (GstElementFactory) factory = gst_element_factory_find (name);
  return factory != nullptr;
}

TEST_F (Gpu, EncodersTakeThePicturesWhereTheyAre)
{
  if (!has_element ("nvcudah264enc"))
    GTEST_SKIP () << "nvcudah264enc is not installed, or finds no encoder";
  EXPECT_EQ (copies_into ("nvcudah264enc"), 0);
}

TEST_F (Gpu, NeighboursJoinItsContext)
{
  if (!has_element ("cudadownload"))
    GTEST_SKIP () << "cudadownload is not installed";
  EXPECT_EQ (copies_into ("cudadownload ! video/x-raw"), 0);
}

TEST_F (Gpu, AHundredTeardownsDoNotGrow)
{
  const auto free_memory = [] {
    std::size_t free = 0, total = 0;
    EXPECT_EQ (cudaMemGetInfo (&free, &total), cudaSuccess);
    return free;
  };
  for (int i = 0; i < 5; i++)
    render ({}, {1});
  const std::size_t before = free_memory ();
  for (int i = 0; i < 100; i++)
    render ({}, {1});
  const std::size_t after = free_memory ();
  EXPECT_LE (double (before) - double (after), 8.0 * 1024 * 1024) << "bytes of the GPU";
}

} // namespace

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
