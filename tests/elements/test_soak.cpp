// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Long runs: nothing drifts and nothing grows.  Short here; tests/soak sets the lengths.
//   DAETALKER_SOAK_HOURS    of virtual time, as fast as it goes
//   DAETALKER_SOAK_MINUTES  of real time, live
//   DAETALKER_SOAK_TIMES    starts and stops; a tenth as many changes of the avatar
//   DAETALKER_SOAK_AVATAR   of the run in real time
//   DAETALKER_SOAK_ENGINE   its engine
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "testpipeline.h"

namespace {

double
setting (const char *name, double otherwise)
{
  const char *text = g_getenv (name);
  return text != nullptr ? g_ascii_strtod (text, nullptr) : otherwise;
}

double
resident_megabytes ()
{
  malloc_trim (0);
  long pages = 0, resident = 0;
  std::ifstream ("/proc/self/statm") >> pages >> resident;
  return (double)resident * (double)sysconf (_SC_PAGESIZE) / 1e6;
}

void
tell (const char *what, double value)
{
  std::printf ("%s: %.3f\n", what, value);
  std::fflush (stdout);
}

// Growth a unit of what `at` counts, by least squares, once the first fifth is over:
// what is made once has been made by then.
double
slope (const std::vector<std::pair<double, double>> &course)
{
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (gsize i = course.size () / 5; i < course.size (); i++) {
    const auto &[at, value] = course[i];
    n++;
    x += at;
    y += value;
    xx += at * at;
    xy += at * value;
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

// What the sinks of a face and its sound show, seen while it runs.
class Watch {
public:
  explicit Watch (TestPipeline &pipeline) : pipeline_ (pipeline)
  {
    for (const char *name : {"video", "audio"})
      g_signal_connect (pipeline.get (name).get (), "handoff",
                        G_CALLBACK (name[0] == 'v' ? on_video : on_audio), this);
  }

  guint64 frames () const { return frames_; }
  guint64 off_grid () const { return off_grid_; }
  double largest_skew () const { return (double)largest_skew_ / GST_SECOND; }

private:
  static void on_video (GstElement *, GstBuffer *buffer, GstPad *, gpointer data)
  {
    auto *self = (Watch *)data;
    const GstClockTime pts = GST_BUFFER_PTS (buffer);
    if (self->frames_ == 0)
      self->first_ = pts;
    // A frame that was left out leaves the grid as it is.
    const guint64 index = (pts - self->first_) / (40 * GST_MSECOND);
    self->off_grid_ += pts != self->first_ + index * 40 * GST_MSECOND ||
                       (self->frames_ > 0 && index <= self->last_);
    self->last_ = index;
    self->frames_++;
    self->video_late_ = self->lateness (pts);
    if (self->audio_seen_)
      self->largest_skew_ = std::max<GstClockTimeDiff> (
          self->largest_skew_,
          std::llabs ((GstClockTimeDiff)self->video_late_ - self->audio_late_));
  }

  static void on_audio (GstElement *, GstBuffer *buffer, GstPad *, gpointer data)
  {
    auto *self = (Watch *)data;
    self->audio_late_ = self->lateness (GST_BUFFER_PTS (buffer));
    self->audio_seen_ = true;
  }

  // How long after its time it is shown; the same for both, if they are in sync.
  GstClockTimeDiff lateness (GstClockTime pts) const
  {
    g_autoptr (GstClock) clock = gst_element_get_clock (pipeline_.pipeline);
    if (clock == nullptr)
      return 0;
    return GST_CLOCK_DIFF (pts + gst_element_get_base_time (pipeline_.pipeline),
                           gst_clock_get_time (clock));
  }

  TestPipeline &pipeline_;
  std::atomic<guint64> frames_{0}, off_grid_{0}, first_{0}, last_{0};
  std::atomic<GstClockTimeDiff> video_late_{0}, audio_late_{0}, largest_skew_{0};
  std::atomic<bool> audio_seen_{false};
};

const nlohmann::json small = {{"width", 8}, {"height", 8}};

TEST (Soak, VirtualHoursStayOnTheGridAndInMemory)
{
  const double hours = setting ("DAETALKER_SOAK_HOURS", 0.2);
  const auto seconds = (guint64)std::lround (hours * 3600);
  TestBundle bundle (small);
  TestPipeline p (
      "audiotestsrc samplesperbuffer=16000 num-buffers=" + std::to_string (seconds) +
      " ! audio/x-raw,format=F32LE,rate=16000,channels=1 ! "
      "daetalkerbin name=t avatar=" +
      bundle.path () + " t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  Watch watch (p);
  std::vector<std::pair<double, double>> memory;
  std::atomic<bool> over{false};
  std::thread observer ([&] {
    while (!over) {
      memory.emplace_back ((double)watch.frames () / 25 / 3600, resident_megabytes ());
      g_usleep (200000);
    }
  });
  EXPECT_TRUE (p.run (6 * 3600 * GST_SECOND)) << p.error.text;
  over = true;
  observer.join ();
  const Arrivals video = p.arrivals ("video"), audio = p.arrivals ("audio");
  EXPECT_EQ (video.count, seconds * 25);
  EXPECT_EQ (watch.off_grid (), 0u);
  EXPECT_EQ (video.end, seconds * GST_SECOND);
  EXPECT_EQ (audio.end, video.end);
  if (hours >= 2 && memory.size () > 20) {
    const double growth = slope (memory);
    tell ("megabytes an hour", growth);
    EXPECT_LT (growth, 1);
  }
}

TEST (Soak, RealTimeStaysInSync)
{
  const double minutes = setting ("DAETALKER_SOAK_MINUTES", 0.1);
  const char *avatar = g_getenv ("DAETALKER_SOAK_AVATAR");
  TestBundle bundle (small);
  TestPipeline p (
      "audiotestsrc is-live=true samplesperbuffer=320 wave=sine num-buffers=" +
      std::to_string (std::lround (minutes * 60 * 50)) +
      " ! audio/x-raw,format=F32LE,rate=16000,channels=1 ! "
      "daetalkerbin name=t avatar=" +
      (avatar != nullptr ? avatar : bundle.path ()) +
      " t.src ! fakesink name=video sync=true qos=true t.audio_src ! "
      "fakesink name=audio sync=true");
  Watch watch (p);
  std::vector<std::pair<double, double>> memory;
  std::atomic<bool> over{false};
  std::thread observer ([&] {
    while (!over) {
      memory.emplace_back ((double)watch.frames () / 25 / 3600, resident_megabytes ());
      g_usleep (1000000);
    }
  });
  EXPECT_TRUE (p.run (24 * 3600 * GST_SECOND)) << p.error.text;
  over = true;
  observer.join ();
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (p.get ("t").get (), "stats", &stats, nullptr);
  guint64 dropped = 0;
  gst_structure_get_uint64 (stats, "dropped", &dropped);
  EXPECT_NEAR ((double)(watch.frames () + dropped), minutes * 60 * 25, 1);
  EXPECT_EQ (watch.off_grid (), 0u);
  EXPECT_LT (watch.largest_skew (), 0.04);
  tell ("largest skew ms", 1000 * watch.largest_skew ());
  tell ("dropped frames", (double)dropped);
  if (minutes >= 20 && memory.size () > 20) {
    const double growth = slope (memory);
    tell ("megabytes an hour", growth);
    EXPECT_LT (growth, 1);
  }
}

TEST (Soak, StartsAndStopsLeaveNothing)
{
  const auto times = (int)setting ("DAETALKER_SOAK_TIMES", 30);
  TestBundle bundle (small);
  std::vector<std::pair<double, double>> memory;
  for (int n = 0; n < times; n++) {
    TestPipeline p ("audiotestsrc num-buffers=10 samplesperbuffer=1600 ! "
                    "audio/x-raw,rate=16000,channels=1 ! daetalkerbin name=t avatar=" +
                    bundle.path () +
                    " t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
    ASSERT_TRUE (p.run ()) << p.error.text;
    ASSERT_EQ (p.arrivals ("video").count, 25u);
    memory.emplace_back (n / 1000.0, resident_megabytes ());
  }
  if (times >= 200) {
    const double growth = slope (memory);
    tell ("megabytes in 1000", growth);
    EXPECT_LT (growth, 1);
  }
}

TEST (Soak, ChangesOfTheAvatarLeaveNothing)
{
  const auto times = (int)(setting ("DAETALKER_SOAK_TIMES", 30) / 10);
  TestBundle one (small), other (small, TestBundle::none, 0.5f);
  TestPipeline p ("audiotestsrc is-live=true samplesperbuffer=320 wave=silence ! "
                  "audio/x-raw,rate=16000,channels=1 ! daetalkerbin name=t avatar=" +
                  one.path () + " t.src ! fakesink name=video sync=true");
  p.play ();
  std::vector<std::pair<double, double>> memory;
  for (int n = 0; n < times; n++) {
    // Silence: red is the rest latent's 0.25, times the gain.
    const int wanted = n % 2 == 0 ? 64 : 32;
    if (n > 0)
      g_object_set (p.get ("t").get (), "avatar",
                    n % 2 == 0 ? one.c_str () : other.c_str (), nullptr);
    const gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
    while (p.arrivals ("video").first_byte != wanted &&
           g_get_monotonic_time () < deadline)
      g_usleep (5000);
    ASSERT_EQ (p.arrivals ("video").first_byte, wanted) << "change " << n;
    memory.emplace_back (n / 100.0, resident_megabytes ());
  }
  EXPECT_TRUE (p.arrivals ("video").in_order);
  if (times >= 50) {
    const double growth = slope (memory);
    tell ("megabytes in 100", growth);
    EXPECT_LT (growth, 1);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  if (const char *engine = g_getenv ("DAETALKER_SOAK_ENGINE"))
    g_setenv ("DAETALKER_ENGINE", engine, TRUE);
  gst_init (&argc, &argv);
  require_plugins ({"coreelements", "audiotestsrc", "audioconvert", "audioresample"});
  return run_element_tests (argc, argv);
}
