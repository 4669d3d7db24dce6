// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/placement.h"
#include "models/engine/torch_engine.h"
#include "models/nn/logmel_conformer.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/weights.h"
#include "tests/models/expect_error.h"
#include "tests/models/speech_fixture.h"
#include "tests/models/tiny_avatar.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <sched.h>
#include <thread>
#include <torch/utils.h>

using namespace daetalker;
using daetalker::test::exact;
using daetalker::test::TemporaryFolder;
using daetalker::test::tiny_avatar;
using daetalker::test::tiny_eigenface_avatar;
using daetalker::test::TinyAvatar;
using daetalker::test::write_avatar;

namespace {

class EngineTest : public testing::Test {
protected:
  static void SetUpTestSuite ()
  {
    folder = new TemporaryFolder;
    write_avatar (*folder);
  }
  static void TearDownTestSuite () { delete folder; }

  static std::shared_ptr<Avatar> open (const DeviceOptions &options = exact)
  {
    return torch_engine ().open_avatar (folder->path (), options, false);
  }

  static TemporaryFolder *folder;
};

TemporaryFolder *EngineTest::folder;

// A tone that changes, with noise.
std::vector<float>
speech (std::size_t count)
{
  std::mt19937 random (2);
  std::normal_distribution<float> normal (0, 0.05f);
  std::vector<float> samples (count);
  for (std::size_t i = 0; i < count; i++)
    samples[i] = 0.3f * std::sin (0.02f * float (i) + 1e-6f * float (i) * float (i)) +
                 normal (random);
  return samples;
}

// Everything that `stream` gives for `samples` pushed in parts of at most
// `max_part`, or at once where that is 0.
std::vector<float>
features_of (FeatureStream &stream, const std::vector<float> &samples,
             std::size_t max_part)
{
  std::mt19937 random (4);
  std::vector<float> features;
  for (std::size_t done = 0; done < samples.size ();) {
    const std::size_t part =
        max_part == 0 ? samples.size ()
                      : std::min (1 + random () % max_part, samples.size () - done);
    stream.push (samples.data () + done, part);
    stream.pull (features);
    done += part;
  }
  stream.finish ();
  stream.pull (features);
  return features;
}

std::vector<LatentFrame>
latents_of (LatentStream &stream, const std::vector<float> &features, std::size_t size,
            std::size_t max_part, const PoseControl &control = nullptr)
{
  std::mt19937 random (4);
  std::vector<LatentFrame> frames;
  const std::size_t count = features.size () / size;
  for (std::size_t done = 0; done < count;) {
    const std::size_t part =
        max_part == 0 ? count : std::min (1 + random () % max_part, count - done);
    stream.push (features.data () + done * size, part);
    stream.pull (control, frames);
    done += part;
  }
  stream.finish ();
  stream.pull (control, frames);
  return frames;
}

void
expect_near (const std::vector<float> &a, const std::vector<float> &b, float tolerance)
{
  ASSERT_EQ (a.size (), b.size ());
  for (std::size_t i = 0; i < a.size (); i++)
    ASSERT_NEAR (a[i], b[i], tolerance) << "at " << i;
}

void
expect_near (const std::vector<LatentFrame> &a, const std::vector<LatentFrame> &b)
{
  ASSERT_EQ (a.size (), b.size ());
  for (std::size_t i = 0; i < a.size (); i++) {
    expect_near (a[i].latent, b[i].latent, 1e-4f);
    for (std::size_t axis = 0; axis < 3; axis++)
      ASSERT_NEAR (a[i].pose[axis], b[i].pose[axis], 1e-3f);
  }
}

ImageView
view_of (std::vector<std::uint8_t> &bytes, int side = 32)
{
  bytes.resize (std::size_t (3 * side * side));
  ImageView view;
  view.format = PixelFormat::rgb;
  view.width = view.height = side;
  view.plane[0] = bytes.data ();
  view.stride[0] = 3 * side;
  return view;
}

std::vector<std::uint8_t>
render (Renderer &renderer, const std::vector<float> &latent, int steps = 1)
{
  std::vector<std::uint8_t> bytes;
  renderer.render (latent.data (), steps, view_of (bytes));
  return bytes;
}

double
mean_difference (const std::vector<std::uint8_t> &a, const std::vector<std::uint8_t> &b)
{
  double sum = 0;
  for (std::size_t i = 0; i < a.size (); i++)
    sum += std::abs (int (a[i]) - int (b[i]));
  return sum / double (a.size ());
}

std::vector<float>
some_latent (int seed)
{
  std::mt19937 random{unsigned (seed)};
  std::normal_distribution<float> normal;
  std::vector<float> latent (16);
  for (float &value : latent)
    value = normal (random);
  return latent;
}

} // namespace

TEST (EnginePlacement, SmallSpeechNetworksStayOnTheCpuBesideAGpu)
{
  const Placement gpu = {torch::Device ("cuda:1"), torch::kHalf, 0};
  const Placement beside = placement_for_speech (gpu, 5'000'000);
  EXPECT_TRUE (beside.device.is_cpu ());
  EXPECT_NE (beside.type, torch::kHalf) << "no CPU is quick in it";
  EXPECT_EQ (beside.threads, 1);
  EXPECT_EQ (placement_for_speech ({gpu.device, torch::kFloat, 0}, 5'000'000).type,
             torch::kFloat);
  EXPECT_EQ (placement_for_speech (gpu, 90'000'000).device, gpu.device);
  const Placement cpu = {torch::kCPU, torch::kFloat, 0};
  EXPECT_EQ (placement_for_speech (cpu, 5'000'000).threads, 0) << "the engine's";
}

// Before any test asks for a number: it would hold from then on.
TEST_F (EngineTest, CoresThatAreNotAllowedAreNotCounted)
{
  if (std::getenv ("OMP_NUM_THREADS") != nullptr)
    GTEST_SKIP () << "OMP_NUM_THREADS says how many";
  int limit = 0;
  std::thread ([&limit] {
    cpu_set_t cores;
    CPU_ZERO (&cores);
    CPU_SET (sched_getcpu (), &cores);
    ASSERT_EQ (sched_setaffinity (0, sizeof cores, &cores), 0);
    limit = thread_limit ();
  }).join ();
  EXPECT_EQ (limit, 1);
}

TEST_F (EngineTest, RenderersAreCountedByDevice)
{
  const auto avatar = open ();
  const std::vector<std::string> devices = {"cpu", "cuda:0", "cuda:1"};
  EXPECT_EQ (least_used (devices), "cpu");
  auto renderer = avatar->open_renderer ();
  EXPECT_EQ (least_used (devices), "cuda:0");
  {
    const DeviceUse another ("cuda:0");
    EXPECT_EQ (least_used (devices), "cuda:1");
  }
  EXPECT_EQ (least_used (devices), "cuda:0");
  renderer = nullptr;
  EXPECT_EQ (least_used (devices), "cpu");
}

TEST_F (EngineTest, SaysWhatItIs)
{
  EXPECT_EQ (torch_engine ().name ().rfind ("libtorch ", 0), 0u);
  EXPECT_EQ (torch_engine ().devices ().at (0), "cpu");
  const auto avatar = open ();
  EXPECT_EQ (avatar->info ().name, "tiny");
  EXPECT_EQ (avatar->info ().device, "cpu");
  EXPECT_EQ (avatar->info ().precision, "float32");
  const auto encoder = avatar->speech_encoder ();
  EXPECT_EQ (encoder->info ().hash, avatar->info ().encoder_hash);
  EXPECT_EQ (encoder->info ().feature_size, 160);
  EXPECT_EQ (encoder->info ().hop, 320);
}

TEST_F (EngineTest, FeaturesDoNotDependOnPushSizes)
{
  const auto encoder = open ()->speech_encoder ();
  const Window windows[] = {{1, 1, 1}, {5, 3, 2}, {0, 4, 0}, {0, 0, 0}};
  for (const Window &window : windows)
    for (const std::size_t count : {0, 1, 319, 320, 321, 16000, 16001}) {
      const std::vector<float> samples = speech (count);
      const auto stream = encoder->open_stream (&window);
      const std::vector<float> whole = features_of (*stream, samples, 0);
      EXPECT_EQ (whole.size (), (count + 319) / 320 * 160) << count << " samples";
      for (const std::size_t part : {1000, 77}) {
        stream->reset ();
        expect_near (features_of (*stream, samples, part), whole, 1e-4f);
      }
    }
}

TEST_F (EngineTest, ChunkedLogMelIsTheWhole)
{
  const auto encoder = open ()->speech_encoder ();
  const std::vector<float> samples = speech (16000);
  const Window once = {0, 0, 0};
  const auto whole = encoder->open_stream (&once);
  const auto chunked = encoder->open_stream (nullptr);
  expect_near (features_of (*chunked, samples, 500), features_of (*whole, samples, 0),
               1e-3f);
}

TEST_F (EngineTest, NaNSamplesAreSilence)
{
  const auto encoder = open ()->speech_encoder ();
  std::vector<float> broken = speech (3200), silent = broken;
  for (std::size_t i = 1000; i < 1500; i++) {
    broken[i] = i % 2 ? std::numeric_limits<float>::quiet_NaN ()
                      : std::numeric_limits<float>::infinity ();
    silent[i] = 0;
  }
  const auto a = encoder->open_stream (nullptr), b = encoder->open_stream (nullptr);
  EXPECT_EQ (features_of (*a, broken, 0), features_of (*b, silent, 0));
}

TEST_F (EngineTest, LatentsDoNotDependOnPushSizes)
{
  const auto avatar = open ();
  const auto source = avatar->speech_encoder ()->open_stream (nullptr);
  const std::vector<float> features = features_of (*source, speech (32000), 0);
  const Window windows[] = {{10, 2, 2}, {50, 1, 2}, {0, 5, 0}, {0, 0, 0}};
  // A pose that depends on the prediction, as with motion-scale.
  const PoseControl half = [] (std::uint64_t, Pose &pose) {
    for (float &angle : pose)
      angle *= 0.5f;
  };
  for (const Window &window : windows)
    for (const std::size_t count : {0, 1, 2, 3, 51, 100}) {
      const std::vector<float> part (features.begin (),
                                     features.begin () + std::ptrdiff_t (count) * 160);
      const auto stream = avatar->open_stream (&window);
      const auto whole = latents_of (*stream, part, 160, 0, half);
      EXPECT_EQ (whole.size (), (count + 1) / 2) << count << " features";
      for (const std::size_t pushed : {7, 30}) {
        stream->reset ();
        expect_near (latents_of (*stream, part, 160, pushed, half), whole);
      }
    }
}

// Causal blocks: neither the chunks nor a look-ahead change a frame.
TEST (EngineCausal, LatentsDoNotDependOnChunks)
{
  const TemporaryFolder folder;
  TinyAvatar tiny = tiny_avatar ();
  tiny.speech2latent.conformer.causal = true;
  write_avatar (folder, tiny);
  const auto avatar = torch_engine ().open_avatar (folder.path (), exact, false);
  const auto source = avatar->speech_encoder ()->open_stream (nullptr);
  const std::vector<float> features = features_of (*source, speech (32000), 0);
  const PoseControl half = [] (std::uint64_t, Pose &pose) {
    for (float &angle : pose)
      angle *= 0.5f;
  };
  const Window one{10, 1, 0};
  const auto frames = latents_of (*avatar->open_stream (&one), features, 160, 2, half);
  ASSERT_EQ (frames.size (), 50u);
  for (const Window &window :
       {Window{10, 1, 0}, Window{10, 1, 3}, Window{10, 5, 0}, Window{10, 7, 2},
        Window{10, 100, 0}, Window{10, 100, 5}}) {
    const auto stream = avatar->open_stream (&window);
    for (const std::size_t pushed : {7, 100}) {
      expect_near (latents_of (*stream, features, 160, pushed, half), frames);
      stream->reset ();
    }
  }
  // So far back a frame does look.
  const Window shorter{3, 1, 0};
  const auto forgetful =
      latents_of (*avatar->open_stream (&shorter), features, 160, 2, half);
  double difference = 0;
  for (std::size_t k = 0; k < 16; k++)
    difference += std::abs (forgetful[40].latent[k] - frames[40].latent[k]);
  EXPECT_GT (difference, 1e-4);
}

TEST_F (EngineTest, PoseControlSeesEachFrameOnceAndDecides)
{
  const auto avatar = open ();
  const std::vector<float> features =
      features_of (*avatar->speech_encoder ()->open_stream (nullptr), speech (16000), 0);
  const auto stream = avatar->open_stream (nullptr);
  const auto predicted = latents_of (*stream, features, 160, 9);

  std::vector<std::uint64_t> seen;
  std::vector<Pose> offered;
  stream->reset ();
  const auto turned =
      latents_of (*stream, features, 160, 9, [&] (std::uint64_t frame, Pose &pose) {
        seen.push_back (frame);
        offered.push_back (pose);
        pose = {float (frame), -20, 5};
      });
  ASSERT_EQ (seen.size (), 25u);
  double difference = 0;
  for (std::size_t i = 0; i < 25; i++) {
    EXPECT_EQ (seen[i], i);
    EXPECT_EQ (turned[i].pose, (Pose{float (i), -20, 5}));
    // The predictor sees speech alone, so what is offered is its prediction still.
    EXPECT_NEAR (offered[i][0], predicted[i].pose[0], 1e-3f);
    for (std::size_t k = 0; k < 16; k++)
      difference += std::abs (turned[i].latent[k] - predicted[i].latent[k]);
  }
  EXPECT_GT (difference / (25 * 16), 1e-3) << "the pose does not reach the latent";
}

TEST_F (EngineTest, RendersWhatTheLatentSays)
{
  const auto avatar = open ();
  const auto renderer = avatar->open_renderer ();
  renderer->warm_up (1);
  const auto a = render (*renderer, some_latent (1));
  EXPECT_EQ (a, render (*renderer, some_latent (1)));
  EXPECT_GT (mean_difference (a, render (*renderer, some_latent (2))), 0.5);
  EXPECT_GT (mean_difference (a, render (*renderer, some_latent (1), 10)), 0.0);
  EXPECT_ERROR (render (*renderer, some_latent (1), 7), ErrorCode::wrong_model, "1, 10");
  EXPECT_ERROR (renderer->warm_up (0), ErrorCode::wrong_model, "1, 10");
}

TEST_F (EngineTest, OneEvaluationIsTheNetworkAtTheLastStep)
{
  const TinyAvatar parts = tiny_avatar ();
  const torch::NoGradGuard no_grad;
  UNet unet (parts.autoencoder.unet);
  load_weights (*unet, without_prefix (parts.autoencoder_weights, "unet."), "test");
  unet->eval ();
  std::vector<float> latent = some_latent (3);
  const torch::Tensor picture =
      unet->forward (parts.noise.at ("x_T").unsqueeze (0), torch::full ({1}, 999.0),
                     torch::from_blob (latent.data (), {1, 16}))[0];
  const auto bytes = render (*open ()->open_renderer (), latent);
  for (int y = 0; y < 32; y++)
    for (int x = 0; x < 32; x++)
      for (int c = 0; c < 3; c++)
        ASSERT_NEAR (bytes[std::size_t ((y * 32 + x) * 3 + c)],
                     (std::clamp (picture[c][y][x].item<float> (), -1.0f, 1.0f) + 1) *
                         127.5f,
                     0.51f);
}

// Of two people with equal latents, drawn together: nobody gets the other's face.
TEST_F (EngineTest, ConcurrentStreamsRenderTheirOwnFaces)
{
  const TemporaryFolder elsewhere;
  TinyAvatar other = tiny_avatar ();
  for (auto &[name, weights] : other.autoencoder_weights)
    if (weights.dim () > 1)
      weights = -weights;
  write_avatar (elsewhere, other);
  const std::shared_ptr<Avatar> avatars[] = {
      open (), torch_engine ().open_avatar (elsewhere.path (), exact, false)};

  constexpr int seeds = 3;
  struct Stream {
    std::unique_ptr<Renderer> renderer;
    std::vector<float> latent;
    std::vector<std::uint8_t> expected;
    double worst;
  };
  std::vector<Stream> streams;
  for (const auto &avatar : avatars)
    for (int seed = 0; seed < seeds; seed++) {
      auto renderer = avatar->open_renderer ();
      const auto expected = render (*renderer, some_latent (seed));
      streams.push_back ({std::move (renderer), some_latent (seed), expected, 0});
    }
  for (std::size_t seed = 0; seed < seeds; seed++)
    ASSERT_GT (mean_difference (streams[seed].expected, streams[seed + seeds].expected),
               5);

  std::vector<std::thread> threads;
  for (Stream &stream : streams)
    threads.emplace_back ([&stream] {
      for (int i = 0; i < 20; i++)
        stream.worst = std::max (
            stream.worst,
            mean_difference (render (*stream.renderer, stream.latent), stream.expected));
    });
  for (std::thread &thread : threads)
    thread.join ();
  for (const Stream &stream : streams)
    EXPECT_LT (stream.worst, 0.01);
}

TEST_F (EngineTest, SeveralPicturesAreThoseOfOneByOne)
{
  const auto renderer = open ({"cpu", "float32", 3})->open_renderer ();
  EXPECT_GT (renderer->at_once (), 3) << "as threads were asked for";
  std::vector<std::vector<float>> latents;
  for (int seed = 0; seed < 20; seed++)
    latents.push_back (some_latent (seed));
  std::vector<std::vector<std::uint8_t>> pictures (latents.size ());
  std::vector<Drawing> drawings;
  for (std::size_t i = 0; i < latents.size (); i++)
    drawings.push_back ({latents[i].data (), view_of (pictures[i])});
  for (const int steps : {1, 10}) {
    ASSERT_TRUE (renderer->render_all (drawings, steps));
    for (std::size_t i = 0; i < latents.size (); i++)
      EXPECT_LT (mean_difference (pictures[i], render (*renderer, latents[i], steps)),
                 0.01)
          << i;
  }

  std::atomic<int> asked{0};
  EXPECT_FALSE (renderer->render_all (drawings, 1, [&] { return ++asked > 20; }));
  EXPECT_THROW (renderer->render_all (drawings, 7, {}), Error);
  drawings[5].out = view_of (pictures[5], 16);
  EXPECT_THROW (renderer->render_all (drawings, 1), Error);
  EXPECT_TRUE (renderer->render_all ({}, 1));
}

TEST_F (EngineTest, Bfloat16IsCloseToFloat32)
{
  const auto renderer = open ()->open_renderer ();
  const auto avatar = open ({"cpu", "bfloat16", 0});
  EXPECT_EQ (avatar->info ().precision, "bfloat16");
  const auto quick = avatar->open_renderer ();
  // 2e-2 of the range of 255.
  EXPECT_LT (mean_difference (render (*quick, some_latent (1)),
                              render (*renderer, some_latent (1))),
             5.1);
}

TEST_F (EngineTest, EncodesPictures)
{
  const auto avatar = open ();
  const auto picture = render (*avatar->open_renderer (), some_latent (1));
  ImageView view;
  view.format = PixelFormat::rgb;
  view.width = view.height = 32;
  view.plane[0] = const_cast<std::uint8_t *> (picture.data ());
  view.stride[0] = 96;
  std::vector<float> latent (16, 0.0f), again (16, 0.0f);
  avatar->open_image_encoder ()->encode (view, latent.data ());
  avatar->open_image_encoder ()->encode (view, again.data ());
  EXPECT_EQ (latent, again);
  EXPECT_NE (latent, std::vector<float> (16, 0.0f));
  view.width = 16;
  EXPECT_ERROR (avatar->open_image_encoder ()->encode (view, latent.data ()),
                ErrorCode::failed, "size");
}

TEST (EngineEigenfaces, EncodesAndRendersBySharedComponents)
{
  const TemporaryFolder folder;
  TinyAvatar tiny = tiny_eigenface_avatar ();
  // Nothing is drawn beside the components.
  tiny.autoencoder_weights["unet.out.2.weight"].zero_ ();
  tiny.autoencoder_weights["unet.out.2.bias"].zero_ ();
  write_avatar (folder, tiny);
  const auto avatar = torch_engine ().open_avatar (folder.path (), exact, true);
  std::vector<std::uint8_t> picture (3 * 32 * 32);
  for (std::size_t i = 0; i < picture.size (); i++)
    picture[i] = std::uint8_t (i * 7 % 251);
  ImageView view;
  view.format = PixelFormat::rgb;
  view.width = view.height = 32;
  view.plane[0] = picture.data ();
  view.stride[0] = 96;
  std::vector<float> latent (16, 0.0f);
  avatar->open_image_encoder ()->encode (view, latent.data ());

  UNet unet (tiny.autoencoder.unet);
  load_weights (*unet, without_prefix (tiny.autoencoder_weights, "unet."), "test");
  torch::NoGradGuard no_grad;
  Eigenfaces eigenfaces = unet->eigenfaces ();
  const torch::Tensor seen =
      (torch::from_blob (picture.data (), {1, 32, 32, 3}, torch::kByte)
               .to (torch::kFloat) /
           127.5 -
       1)
          .permute ({0, 3, 1, 2});
  const torch::Tensor z = eigenfaces->encode (seen);
  for (int i = 0; i < 16; i++)
    EXPECT_NEAR (latent[std::size_t (i)], z[0][i].item<float> (), 1e-3);

  avatar->open_renderer ()->render (latent.data (), 1, view);
  const torch::Tensor shown =
      eigenfaces->picture (eigenfaces->decode (z)).clamp (-1, 1)[0];
  for (int y = 0; y < 32; y += 5)
    for (int c = 0; c < 3; c++)
      EXPECT_NEAR (picture[std::size_t (96 * y + c)],
                   (shown[c][y][0].item<float> () + 1) * 127.5, 1.01);
}

TEST (EngineEigenfaces, AnEncoderBesideThemIsRefused)
{
  const TemporaryFolder folder;
  TinyAvatar tiny = tiny_eigenface_avatar ();
  tiny.autoencoder_weights["encoder.out.3.bias"] = torch::zeros ({16});
  write_avatar (folder, tiny);
  EXPECT_ERROR (torch_engine ().open_avatar (folder.path (), exact, true),
                ErrorCode::wrong_model, "latents are of eigenfaces");
}

// Else its threads would look for work on the cores that were to be left alone.
TEST_F (EngineTest, OpenBlasHasAsManyThreadsAsLibTorch)
{
  void *library = dlopen ("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr)
    GTEST_SKIP () << "LibTorch does not use OpenBLAS here";
  const auto threads =
      reinterpret_cast<int (*) ()> (dlsym (library, "openblas_get_num_threads"));
  ASSERT_NE (threads, nullptr);
  for (const int wanted : {2, 1}) {
    open ({"cpu", "float32", wanted});
    EXPECT_EQ (threads (), wanted);
  }
}

TEST_F (EngineTest, WeightsAreSharedWhileUsed)
{
  auto a = open ();
  EXPECT_EQ (a, open ());
  EXPECT_NE (a, open ({"cpu", "bfloat16", 0}));
  EXPECT_EQ (a, torch_engine ().open_avatar (*folder / "./encoder/..", exact, true));
  const std::weak_ptr<Avatar> watch = a;
  a.reset ();
  EXPECT_TRUE (watch.expired ());
}

TEST_F (EngineTest, RefusesDevicesAndPrecisionsThatAreNotHere)
{
  EXPECT_ERROR (open ({"cuda:99", "auto", 0}), ErrorCode::no_device, "cuda:99");
  EXPECT_ERROR (open ({"tpu", "auto", 0}), ErrorCode::no_device, "cpu");
  EXPECT_ERROR (open ({"cpu", "float16", 0}), ErrorCode::no_device, "float16");
  EXPECT_ERROR (open ({"cpu", "int3", 0}), ErrorCode::no_device, "int3");
}

TEST_F (EngineTest, SpeechEncodersByFolderAndLayer)
{
  const std::string path = *folder / "encoder";
  const auto encoder = torch_engine ().open_speech_encoder (path, exact, -1);
  EXPECT_EQ (encoder->info ().hash, open ()->info ().encoder_hash);
  EXPECT_ERROR (torch_engine ().open_speech_encoder (path, exact, 5),
                ErrorCode::wrong_model, path);
  EXPECT_ERROR (torch_engine ().open_speech_encoder (*folder / "none", exact, 0),
                ErrorCode::not_found, "none");
  EXPECT_ERROR (torch_engine ().open_speech_encoder (folder->path (), exact, 0),
                ErrorCode::not_found, "config.json");
}

// A frame of many steps ends between two layers.
TEST_F (EngineTest, ALongFrameCanBeStopped)
{
  const auto avatar = open ();
  const auto renderer = avatar->open_renderer ();
  const AvatarInfo &info = avatar->info ();
  std::vector<std::uint8_t> pixels (std::size_t (info.width * info.height * 4), 7);
  ImageView view;
  view.width = info.width;
  view.height = info.height;
  view.plane[0] = pixels.data ();
  view.stride[0] = info.width * 4;
  const auto latent = some_latent (1);
  for (const int until : {1, 2, 30}) {
    int asked = 0;
    EXPECT_FALSE (
        renderer->render (latent.data (), 10, view, [&] { return ++asked == until; }));
    EXPECT_EQ (asked, until);
    EXPECT_EQ (pixels, std::vector<std::uint8_t> (pixels.size (), 7));
  }
  EXPECT_TRUE (renderer->render (latent.data (), 10, view, [] { return false; }));
  EXPECT_NE (pixels, std::vector<std::uint8_t> (pixels.size (), 7));
}

// One pass may take minutes; it ends between two layers, and the stream can go on anew.
TEST (EngineWav2Vec2, ALongPassCanBeStopped)
{
  const auto encoder =
      torch_engine ().open_speech_encoder (speech_fixture ("wav2vec2_group"), exact, -1);
  const Window once = {0, 0, 0};
  const auto stream = encoder->open_stream (&once);
  const std::vector<float> samples = speech (8000);
  const std::vector<float> whole = features_of (*stream, samples, 0);
  for (int until = 1; until <= 4; until++) {
    stream->reset ();
    stream->push (samples.data (), samples.size ());
    stream->finish ();
    std::vector<float> features;
    int asked = 0;
    EXPECT_EQ (stream->pull (features, [&] { return ++asked == until; }), 0u);
    EXPECT_EQ (asked, until);
    EXPECT_TRUE (features.empty ());
  }
  stream->reset ();
  expect_near (features_of (*stream, samples, 0), whole, 1e-6f);
}

// Each frame of a causal encoder is computed once, whatever the sizes in which speech
// comes, and waits for its look-ahead alone.
TEST (EngineLogMelConformer, StreamsWithoutASeam)
{
  torch::manual_seed (1);
  LogMelConformerConfig config;
  config.log_mel.center = false;
  config.conformer.size = 16;
  config.conformer.blocks = 2;
  config.conformer.causal = true;
  config.look_ahead = 2;
  const TemporaryFolder folder;
  LogMelConformer net (config);
  test::write_text (folder / "config.json", nlohmann::json (config).dump ());
  save_tensors (folder / "model.safetensors", named_weights (*net));
  const auto encoder = torch_engine ().open_speech_encoder (folder.path (), exact, -1);
  EXPECT_EQ (encoder->info ().window.right, 2);

  const std::vector<float> samples = speech (11000);
  const torch::Tensor direct = [&] {
    const torch::NoGradGuard no_grad;
    net->eval ();
    return net->forward (torch::tensor (samples).unsqueeze (0), 100).contiguous ();
  }();
  const std::vector<float> whole (direct.data_ptr<float> (),
                                  direct.data_ptr<float> () + direct.numel ());
  for (const Window &window : {Window{100, 2, 2}, Window{100, 1, 5}, Window{0, 0, 0}}) {
    const auto stream = encoder->open_stream (&window);
    for (const std::size_t part : {0, 1, 700}) {
      expect_near (features_of (*stream, samples, part), whole, 1e-4f);
      stream->reset ();
    }
  }
  const Window blind = {100, 2, 1};
  EXPECT_ERROR (encoder->open_stream (&blind), ErrorCode::wrong_model, "40 ms");
}

// wav2vec 2.0 sees its whole window at once, so every cut shows.
TEST (EngineWav2Vec2, StreamsWithoutASeam)
{
  const std::string path = speech_fixture ("wav2vec2_group");
  const auto last = torch_engine ().open_speech_encoder (path, exact, -1);
  const auto all = torch_engine ().open_speech_encoder (path, exact, -2);
  const int layers = all->info ().feature_size / last->info ().feature_size;
  EXPECT_GT (layers, 1);
  const auto same = torch_engine ().open_speech_encoder (path, exact, layers - 1);
  EXPECT_EQ (same->info ().hash, last->info ().hash);
  EXPECT_NE (all->info ().hash, last->info ().hash);
  EXPECT_ERROR (torch_engine ().open_speech_encoder (path, exact, layers),
                ErrorCode::wrong_model, path);

  const std::vector<float> samples = speech (11000);
  const auto size = std::size_t (last->info ().feature_size);
  const auto hop = std::size_t (last->info ().hop);
  const Window windows[] = {{10, 5, 3}, {4, 1, 1}, {0, 0, 0}};
  for (const Window &window : windows) {
    const auto stream = last->open_stream (&window);
    const std::vector<float> whole = features_of (*stream, samples, 0);
    EXPECT_EQ (whole.size (), (samples.size () + hop - 1) / hop * size);
    stream->reset ();
    expect_near (features_of (*stream, samples, 700), whole, 1e-4f);
  }

  const Window once = {0, 0, 0};
  const std::vector<float> streamed =
      features_of (*last->open_stream (&once), samples, 700);
  const torch::NoGradGuard no_grad;
  const torch::Tensor direct =
      make_speech_encoder (path)->forward (torch::tensor (samples).unsqueeze (0), -1);
  expect_near (streamed,
               std::vector<float> (direct.data_ptr<float> (),
                                   direct.data_ptr<float> () + direct.numel ()),
               1e-4f);
}
