// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The one interface between the elements (gst/) and the networks (models/).
//
// The elements include this header and nothing else of models/; they load the
// engine's shared library at run time and call `daetalker_engine_create`.  Two
// engines implement it: models/engine (LibTorch) and tests/engine (arithmetic
// only, for element tests without LibTorch).
//
// Every call may throw daetalker::Error; no other exception leaves an engine.
// Objects named "Stream" serve one stream from one thread at a time; Engine,
// Avatar and SpeechEncoder may be shared between threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#define DAETALKER_API __attribute__ ((visibility ("default")))

namespace daetalker {

// Raised whenever a virtual function is added, removed or changes meaning.
constexpr int engine_abi = 7;

enum class ErrorCode {
  not_found,   // a file or folder is missing
  unreadable,  // it exists and cannot be opened or read
  corrupt,     // truncated, wrong hash, malformed, NaN in weights
  wrong_model, // well-formed, and not what was asked for
  no_consent,  // the bundle holds no consent record
  no_device,   // the device asked for does not exist here
  no_memory,   // host or device memory ran out
  failed,      // the computation itself failed
};

// An error in words for people: what it is about (a file, a device), why, and
// what to do.  what() is "subject: reason. remedy".
class DAETALKER_API Error : public std::runtime_error {
public:
  Error (ErrorCode code, const std::string &subject, const std::string &reason,
         const std::string &remedy)
      : std::runtime_error (subject + ": " + reason + ". " + remedy), code_ (code)
  {
  }

  ErrorCode code () const { return code_; }

private:
  ErrorCode code_;
};

struct Fraction {
  int num = 0;
  int den = 1;
};

// Head pose in degrees: yaw (to the person's left positive), pitch (up
// positive), roll (clockwise as seen positive).
using Pose = std::array<float, 3>;

// How a network cuts its input: it advances by `chunk` frames and sees `left`
// frames before and `right` frames after them.  chunk == 0 means one pass over
// everything up to the end of the stream.
struct Window {
  int left = 0;
  int chunk = 0;
  int right = 0;
};

struct DeviceOptions {
  std::string device = "auto";    // auto, cpu, cuda, cuda:N
  std::string precision = "auto"; // auto, float32, bfloat16, float16
  int threads = 0;                // of the whole engine; 0 = one per physical core
};

// ---- speech -> features ------------------------------------------------------

struct SpeechEncoderInfo {
  std::string name;   // folder name or model id
  std::string hash;   // identifies weights and configuration (hex)
  std::string device; // where it runs
  int sample_rate = 16000;
  int hop = 320;        // samples per feature frame: 50 frames a second
  int feature_size = 0; // numbers per feature frame
  Window window;        // default, in feature frames
};

// Asked now and then during a long computation: true ends it early.
using Stop = std::function<bool ()>;

// Speech of one stream, in order.  Frame k describes the samples
// [k*hop, (k+1)*hop); N samples give ceil(N/hop) frames after finish().
class FeatureStream {
public:
  virtual ~FeatureStream () = default;

  // `samples`: mono float32 in [-1, 1] at the encoder's sample rate.  NaN and
  // infinities count as silence.
  virtual void push (const float *samples, std::size_t count) = 0;

  // End of speech: the missing right context is silence from here on.
  virtual void finish () = 0;

  // Appends every frame that is complete to `features` (row-major [frames,
  // feature_size]) and returns the number of frames appended.  Once `stop` says so,
  // the frames under way are lost and reset() is all that may follow.
  virtual std::size_t pull (std::vector<float> &features, const Stop &stop = {}) = 0;

  // Forgets everything: the next sample is the first of a new stream.
  virtual void reset () = 0;
};

class SpeechEncoder {
public:
  virtual ~SpeechEncoder () = default;
  virtual const SpeechEncoderInfo &info () const = 0;

  // `window` in feature frames; nullptr takes the encoder's own.
  virtual std::unique_ptr<FeatureStream> open_stream (const Window *window) = 0;
};

// ---- features -> latents -----------------------------------------------------

struct LatentFrame {
  std::vector<float> latent; // latent_size numbers
  Pose pose{};               // the pose that was used
};

// Given the frame's index in the stream and the predicted pose, leaves the pose
// to use in `pose`.
using PoseControl = std::function<void (std::uint64_t frame, Pose &pose)>;

// Features of one stream, in order; latents at the avatar's native frame rate.
// F feature frames give ceil(F * fps / feature rate) latent frames after
// finish().
class LatentStream {
public:
  virtual ~LatentStream () = default;
  virtual void push (const float *features, std::size_t frames) = 0;
  virtual void finish () = 0;

  // Appends every latent frame that is complete; returns how many.  `stop`: as in
  // FeatureStream::pull.
  virtual std::size_t pull (const PoseControl &control, std::vector<LatentFrame> &out,
                            const Stop &stop = {}) = 0;
  virtual void reset () = 0;
};

// ---- latents -> pictures -----------------------------------------------------

enum class PixelFormat { rgb, rgba, rgbx, bgrx, i420, nv12 };
enum class ColorMatrix { bt601, bt709 };

// A picture in the caller's memory.  Packed formats use plane[0]; I420 has three
// planes, NV12 two.  Strides in bytes.
struct ImageView {
  PixelFormat format = PixelFormat::rgbx;
  ColorMatrix matrix = ColorMatrix::bt601; // YUV formats
  bool full_range = false;                 // YUV formats
  bool device_memory = false;              // planes are CUDA device pointers
  int width = 0;
  int height = 0;
  std::array<std::uint8_t *, 3> plane{};
  std::array<int, 3> stride{};
};

// The face of `latent` (latent_size numbers) is to be drawn into `out`, whose size is the
// avatar's.
struct Drawing {
  const float *latent;
  ImageView out;
};

class Renderer {
public:
  virtual ~Renderer () = default;

  // Runs the network once, so that the first real frame is not slower.
  virtual void warm_up (int steps) = 0;

  // Writes the face of `latent` (latent_size numbers) into `out`, whose size is
  // the avatar's.  `steps`: DDIM evaluations; 1 is the distilled path.  Returns false,
  // and writes nothing, if `stop` said so first.
  virtual bool render (const float *latent, int steps, const ImageView &out,
                       const Stop &stop = {}) = 0;

  // Several of one stream, each as render () draws it; `stop` is asked from more than one
  // thread, and what was drawn before it said so stays.
  virtual bool render_all (const std::vector<Drawing> &drawings, int steps,
                           const Stop &stop = {})
  {
    for (const Drawing &drawing : drawings)
      if (!render (drawing.latent, steps, drawing.out, stop))
        return false;
    return true;
  }

  // How many are best given to render_all () where nobody waits for each; 1: together
  // they take as long as one by one.
  virtual int at_once () const { return 1; }
};

class ImageEncoder {
public:
  virtual ~ImageEncoder () = default;

  // `image`: PixelFormat::rgb, the avatar's size.  Writes latent_size numbers.
  virtual void encode (const ImageView &image, float *latent) = 0;
};

// ---- avatar ------------------------------------------------------------------

// How the person moves whether they speak or not.
struct Idle {
  double blinks_per_minute = 0;
  std::vector<std::vector<float>> blink; // added to the latents of successive frames
  Pose sway{}; // standard deviation of the head's pose about its mean, in degrees
};

struct AvatarInfo {
  std::string name;
  std::string path;
  std::string hash;          // identifies the autoencoder's weights (hex)
  std::string encoder_hash;  // SpeechEncoderInfo::hash of the encoder it was trained on
  std::string device;        // where its pictures are drawn
  std::string precision;     // how they are
  std::string speech_device; // where its latents are computed
  std::string speech_precision; // how they are
  std::string license;
  int width = 0;
  int height = 0;
  Fraction fps; // native frame rate
  int latent_size = 0;
  int feature_size = 0;
  Fraction feature_rate;
  Window window; // of speech2latent, in native video frames
  std::vector<float> rest_latent;
  float latent_deviation = 1; // of a latent's numbers in training, root mean square
  Pose rest_pose{};
  Pose pose_min{}; // range seen in training
  Pose pose_max{};
  Idle idle;
  std::vector<int> steps; // values that render() accepts, ascending
};

class Avatar {
public:
  virtual ~Avatar () = default;
  virtual const AvatarInfo &info () const = 0;
  virtual std::shared_ptr<SpeechEncoder> speech_encoder () = 0;
  // `window` in native video frames; nullptr takes the avatar's own.
  virtual std::unique_ptr<LatentStream> open_stream (const Window *window) = 0;
  virtual std::unique_ptr<Renderer> open_renderer () = 0;
  virtual std::unique_ptr<ImageEncoder> open_image_encoder () = 0;
};

// ---- engine ------------------------------------------------------------------

class Engine {
public:
  virtual ~Engine () = default;
  virtual std::string name () const = 0; // e.g. "libtorch 1.13.1"

  // "cpu", then "cuda:0" ... as far as they exist here.
  virtual std::vector<std::string> devices () const = 0;

  // `path`: the bundle's folder.  Weights are shared between all callers that
  // name the same bundle, device and precision.
  virtual std::shared_ptr<Avatar> open_avatar (const std::string &path,
                                               const DeviceOptions &options,
                                               bool allow_unconsented) = 0;

  // `path`: a folder as Hugging Face writes it (config.json, model.safetensors).
  // `layer`: hidden state, 0 = before the first block, -1 = the last, -2 = all.
  virtual std::shared_ptr<SpeechEncoder>
  open_speech_encoder (const std::string &path, const DeviceOptions &options,
                       int layer) = 0;
};

} // namespace daetalker

// The only symbol that an engine's library exports.  Returns nullptr if `abi` is
// not the library's engine_abi.  The engine lives as long as the process.
extern "C" DAETALKER_API daetalker::Engine *daetalker_engine_create (int abi);

using DaetalkerEngineCreate = daetalker::Engine *(*)(int abi);
