// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender and its avatar: errors, provenance, changing it while playing, states.
#include "gst/syntheticmeta.h"
#include "renderharness.h"

namespace {

const nlohmann::json unchanged = nlohmann::json::object ();

// ---- errors --------------------------------------------------------------------

struct ErrorCase {
  const char *name;
  TestBundle::Damage damage;
  nlohmann::json changes;
  const char *property, *value;
  GQuark (*domain) ();
  gint code;
  const char *words; // of the message
};

void
PrintTo (const ErrorCase &c, std::ostream *out)
{
  *out << c.name;
}

class OpenErrors : public testing::TestWithParam<ErrorCase> {};

TEST_P (OpenErrors, ArriveOnTheBusBeforeTheFirstFrame)
{
  const ErrorCase &wrong = GetParam ();
  TestBundle bundle (wrong.changes, wrong.damage);
  RenderHarness r (bundle);
  if (wrong.property != nullptr)
    gst_util_set_object_arg (G_OBJECT (r.element), wrong.property, wrong.value);
  EXPECT_EQ (gst_element_set_state (r.element, GST_STATE_PAUSED),
             GST_STATE_CHANGE_FAILURE);
  const BusError error = pop_error (r.bus);
  EXPECT_EQ (error.domain, wrong.domain ()) << error.text;
  EXPECT_EQ (error.code, wrong.code) << error.text;
  EXPECT_NE (error.text.find (wrong.words), std::string::npos) << error.text;
  EXPECT_EQ (gst_element_set_state (r.element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P (
    All, OpenErrors,
    testing::Values (
        ErrorCase{"NoAvatar", TestBundle::none, unchanged, "avatar", "/nowhere/at/all",
                  gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND,
                  "/nowhere/at/all"},
        ErrorCase{"NoSuchName", TestBundle::none, unchanged, "avatar", "nobody",
                  gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND, "nobody"},
        ErrorCase{"NoWeights", TestBundle::no_weights, unchanged, nullptr, nullptr,
                  gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND, "weights.bin"},
        ErrorCase{"Truncated", TestBundle::truncated, unchanged, nullptr, nullptr,
                  gst_resource_error_quark, GST_RESOURCE_ERROR_READ, "weights.bin"},
        ErrorCase{"WrongHash", TestBundle::wrong_hash, unchanged, nullptr, nullptr,
                  gst_resource_error_quark, GST_RESOURCE_ERROR_READ, "weights.bin"},
        ErrorCase{"NanWeight", TestBundle::nan_weight, unchanged, nullptr, nullptr,
                  gst_resource_error_quark, GST_RESOURCE_ERROR_READ, "NaN"},
        ErrorCase{"NoConsent", TestBundle::no_consent, unchanged, nullptr, nullptr,
                  gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
                  "allow-unconsented"},
        ErrorCase{"UnknownDevice", TestBundle::none, unchanged, "device", "cuda:7",
                  gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND, "cuda:7"},
        ErrorCase{"UnknownSteps", TestBundle::none, unchanged, "steps", "3",
                  gst_library_error_quark, GST_LIBRARY_ERROR_SETTINGS, "1, 2, 5"},
        ErrorCase{"FaultInWarmUp",
                  TestBundle::none,
                  {{"behaviour",
                    {{"fault_stage", "render"},
                     {"fault_kind", "bad_alloc"},
                     {"fault_frame", 0}}}},
                  nullptr,
                  nullptr,
                  gst_resource_error_quark,
                  GST_RESOURCE_ERROR_NO_SPACE_LEFT,
                  "memory"}),
    [] (const auto &param) { return param.param.name; });

TEST (Errors, ConsentCanBeWaived)
{
  TestBundle bundle (unchanged, TestBundle::no_consent);
  RenderHarness r (bundle);
  g_object_set (r.element, "allow-unconsented", TRUE, nullptr);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 255);
}

TEST (Errors, FaultsInTheMiddleEndTheStreamAndTheElementStartsAgain)
{
  const std::pair<const char *, std::pair<GQuark, gint>> faults[] = {
      {"bad_alloc", {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT}},
      {"no_memory", {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT}},
      {"exception", {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED}},
      {"failed", {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED}}};
  for (const auto &[kind, expected] : faults) {
    // The frame of the warm-up counts.
    const nlohmann::json changes = {
        {"behaviour",
         {{"fault_stage", "render"}, {"fault_kind", kind}, {"fault_frame", 3}}}};
    TestBundle bundle (changes);
    RenderHarness r (bundle);
    for (int again = 0; again < 2; again++) {
      r.start ();
      r.set_caps ();
      EXPECT_EQ (r.push (0.5, 0), GST_FLOW_OK);
      EXPECT_EQ (r.push (0.5, 1), GST_FLOW_OK);
      EXPECT_EQ (r.push (0.5, 2), GST_FLOW_ERROR);
      const BusError error = pop_error (r.bus);
      EXPECT_EQ (error.domain, expected.first) << kind;
      EXPECT_EQ (error.code, expected.second) << kind;
      gst_harness_teardown (std::exchange (r.h, nullptr));
      gst_element_set_state (r.element, GST_STATE_NULL);
    }
  }
}

TEST (Errors, WrongPartnersAreRefusedInWords)
{
  TestBundle bundle, other (unchanged, TestBundle::none, 0.5f);
  const std::pair<GstCaps *, const char *> partners[] = {
      {daetalker_latent_caps_new (8, 25, 1, hash_of (other).c_str ()), "same avatar"},
      {daetalker_latent_caps_new (9, 25, 1, nullptr), "9 numbers"},
      {daetalker_features_caps_new (8, 25, 1, nullptr, 1), "speech2latent"},
      {gst_caps_from_string ("other/tensors,format=static,num_tensors=2,"
                             "types=\"float32,float32\",dimensions=\"99999999999:9,3\","
                             "framerate=25/1"),
       "size"}};
  for (const auto &[caps, words] : partners) {
    RenderHarness r (bundle);
    r.start ();
    gst_harness_set_src_caps (r.h, caps);
    EXPECT_EQ (r.push (0.5, 0), GST_FLOW_NOT_NEGOTIATED);
    const BusError error = pop_error (r.bus);
    EXPECT_EQ (error.domain, GST_CORE_ERROR);
    EXPECT_EQ (error.code, GST_CORE_ERROR_NEGOTIATION);
    EXPECT_NE (error.text.find (words), std::string::npos) << error.text;
  }
}

TEST (Errors, BrokenBuffersAreRefused)
{
  TestBundle bundle;
  for (bool nan : {true, false}) {
    RenderHarness r (bundle);
    r.start ();
    r.set_caps ();
    GstBuffer *buffer =
        RenderHarness::new_latent (nan ? std::numeric_limits<float>::quiet_NaN () : 0, 0);
    if (!nan)
      gst_buffer_resize (buffer, 0, 12);
    EXPECT_EQ (gst_harness_push (r.h, buffer), GST_FLOW_ERROR);
    EXPECT_EQ (pop_error (r.bus).domain, GST_LIBRARY_ERROR);
  }
}

TEST (Errors, StepsThatTheAvatarLacksKeepTheOldOnesWhilePlaying)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  g_object_set (r.element, "steps", 5, nullptr);
  g_object_set (r.element, "steps", 4, nullptr);
  gint steps = 0;
  g_object_get (r.element, "steps", &steps, nullptr);
  EXPECT_EQ (steps, 5);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_WARNING);
  ASSERT_NE (message, nullptr);
  g_autoptr (GError) warning = nullptr;
  gst_message_parse_warning (message, &warning, nullptr);
  EXPECT_NE (strstr (warning->message, "1, 2, 5"), nullptr) << warning->message;

  ASSERT_EQ (r.push (0.5, 0), GST_FLOW_OK);
  g_autoptr (GstBuffer) buffer = gst_harness_pull (r.h);
  guint8 blue = 0; // the arithmetic engine adds steps - 1
  gst_buffer_extract (buffer, 2, &blue, 1);
  EXPECT_EQ (blue, 4);
}

// ---- provenance ----------------------------------------------------------------

GstTagList *
pull_tags (GstHarness *h)
{
  GstTagList *tags = nullptr;
  while (GstEvent *event = gst_harness_try_pull_event (h)) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_TAG) {
      g_clear_pointer (&tags, gst_tag_list_unref);
      gst_event_parse_tag (event, &tags);
      gst_tag_list_ref (tags);
    }
    gst_event_unref (event);
  }
  return tags;
}

bool
says_synthetic (GstTagList *tags)
{
  g_autofree gchar *value = nullptr, *comment = nullptr;
  return tags != nullptr &&
         gst_tag_list_get_string_index (tags, GST_TAG_EXTENDED_COMMENT, 0, &value) &&
         g_str_equal (value, "DigitalSourceType=" DAETALKER_SOURCE_TYPE) &&
         gst_tag_list_get_string_index (tags, GST_TAG_COMMENT, 0, &comment) &&
         g_strrstr (comment, DAETALKER_SOURCE_TYPE) != nullptr;
}

TEST (Provenance, TagsComeOnceAfterTheSegmentAndKeepUpstreams)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  r.red_of (0.5, 0);
  std::vector<GstEventType> order;
  g_autoptr (GstTagList) tags = nullptr;
  while (GstEvent *event = gst_harness_try_pull_event (r.h)) {
    order.push_back (GST_EVENT_TYPE (event));
    if (GST_EVENT_TYPE (event) == GST_EVENT_TAG) {
      gst_event_parse_tag (event, &tags);
      gst_tag_list_ref (tags);
    }
    gst_event_unref (event);
  }
  const std::vector<GstEventType> expected = {GST_EVENT_STREAM_START, GST_EVENT_CAPS,
                                              GST_EVENT_SEGMENT, GST_EVENT_TAG};
  EXPECT_EQ (order, expected);
  EXPECT_TRUE (says_synthetic (tags));

  gst_harness_push_event (
      r.h, gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "a speech", nullptr)));
  g_autoptr (GstTagList) merged = pull_tags (r.h);
  EXPECT_TRUE (says_synthetic (merged));
  const gchar *title = nullptr;
  ASSERT_TRUE (gst_tag_list_peek_string_index (merged, GST_TAG_TITLE, 0, &title));
  EXPECT_STREQ (title, "a speech");
}

TEST (Provenance, EachPictureIsMarkedAndCopiesAre)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  ASSERT_EQ (r.push (0.5, 0), GST_FLOW_OK);
  g_autoptr (GstBuffer) buffer = gst_harness_pull (r.h);
  g_autoptr (GstBuffer) copy = gst_buffer_copy_deep (buffer);
  GstCustomMeta *meta = gst_buffer_get_custom_meta (copy, DAETALKER_SYNTHETIC_META);
  ASSERT_NE (meta, nullptr);
  GstStructure *facts = gst_custom_meta_get_structure (meta);
  EXPECT_STREQ (gst_structure_get_string (facts, "digital-source-type"),
                DAETALKER_SOURCE_TYPE);
  EXPECT_STREQ (gst_structure_get_string (facts, "avatar"), "arithmetic");
  EXPECT_EQ (gst_structure_get_string (facts, "model-hash"), hash_of (bundle));
}

TEST (Provenance, SurvivesConversionAndQueues)
{
  require_plugins ({"coreelements", "videotestsrc", "videoconvertscale"});
  TestBundle bundle;
  GstHarness *h = gst_harness_new_parse (
      ("daerender avatar=" + bundle.path () +
       " ! queue ! videoconvert ! video/x-raw,format=I420 ! videoscale ! "
       "capsfilter caps=video/x-raw,width=128,height=96")
          .c_str ());
  gst_harness_set_src_caps (h, daetalker_latent_caps_new (8, 25, 1, nullptr));
  ASSERT_EQ (gst_harness_push (h, RenderHarness::new_latent (0.5, 0)), GST_FLOW_OK);
  GstBuffer *buffer = gst_harness_pull (h);
  ASSERT_NE (buffer, nullptr);
  EXPECT_NE (gst_buffer_get_custom_meta (buffer, DAETALKER_SYNTHETIC_META), nullptr);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

TEST (Provenance, CanBeSwitchedOff)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "provenance", FALSE, nullptr);
  r.start ();
  r.set_caps ();
  ASSERT_EQ (r.push (0.5, 0), GST_FLOW_OK);
  g_autoptr (GstBuffer) buffer = gst_harness_pull (r.h);
  EXPECT_EQ (gst_buffer_get_custom_meta (buffer, DAETALKER_SYNTHETIC_META), nullptr);
  EXPECT_EQ (pull_tags (r.h), nullptr);
}

// ---- another avatar while playing ----------------------------------------------

TEST (HotSwap, FramesGoOnWhileItLoadsAndCapsStay)
{
  TestBundle bundle, half ({{"behaviour", {{"load_ms", 1000}}}}, TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 255);
  g_autoptr (GstCaps) before = gst_pad_get_current_caps (r.h->sinkpad);
  const gint64 begin = g_get_monotonic_time ();
  g_object_set (r.element, "avatar", half.c_str (), nullptr);
  EXPECT_LT (g_get_monotonic_time () - begin, G_USEC_PER_SEC); // it is not waited for
  guint64 frame = 1;
  int red = 255, old = 0;
  while (red == 255 && frame < 20000) {
    red = r.red_of (1, frame++);
    old += red == 255;
    g_usleep (1000);
  }
  EXPECT_EQ (red, 128);
  EXPECT_GE (old, 1);
  g_autoptr (GstCaps) after = gst_pad_get_current_caps (r.h->sinkpad);
  EXPECT_TRUE (gst_caps_is_equal (before, after));
}

// Waits until nothing but `type` is on the bus.
GstMessage *
wait_for (GstBus *bus, GstMessageType type)
{
  return gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, type);
}

// The types of the PROGRESS messages so far, one letter each.
std::string
progress (GstBus *bus, GstClockTime timeout = 0)
{
  std::string types;
  while (GstMessage *message =
             gst_bus_timed_pop_filtered (bus, timeout, GST_MESSAGE_PROGRESS)) {
    GstProgressType type;
    g_autofree gchar *code = nullptr, *text = nullptr;
    gst_message_parse_progress (message, &type, &code, &text);
    EXPECT_STREQ (code, "open-avatar");
    EXPECT_STRNE (text, "");
    types += type == GST_PROGRESS_TYPE_START      ? 's'
             : type == GST_PROGRESS_TYPE_COMPLETE ? 'c'
             : type == GST_PROGRESS_TYPE_ERROR    ? 'e'
                                                  : '?';
    gst_message_unref (message);
    if (types.size () % 2 == 0) // nothing more is on its way
      timeout = 0;
  }
  return types;
}

TEST (Progress, IsToldWhileAnAvatarOpens)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  EXPECT_EQ (progress (r.bus), "sc");
}

TEST (Progress, EndsInAnErrorWhereThereIsNoAvatar)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "avatar", "/no/such/folder", nullptr);
  EXPECT_EQ (gst_element_set_state (r.element, GST_STATE_READY),
             GST_STATE_CHANGE_FAILURE);
  EXPECT_EQ (progress (r.bus), "se");
}

TEST (Progress, IsToldOfEachAvatarThatIsTriedWhilePlaying)
{
  TestBundle bundle, other (nlohmann::json::object (), TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  r.start ();
  EXPECT_EQ (progress (r.bus), "sc");
  g_object_set (r.element, "avatar", other.c_str (), nullptr);
  EXPECT_EQ (progress (r.bus, 30 * GST_SECOND), "sc");
  g_object_set (r.element, "avatar", "/no/such/folder", nullptr);
  EXPECT_EQ (progress (r.bus, 30 * GST_SECOND), "se");
}

// device=auto never chooses in silence.
TEST (Progress, ThenAMessageSaysWhereTheAvatarRuns)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_ELEMENT);
  ASSERT_NE (message, nullptr);
  const GstStructure *facts = gst_message_get_structure (message);
  EXPECT_TRUE (gst_structure_has_name (facts, "daetalker-model-loaded"));
  EXPECT_STREQ (gst_structure_get_string (facts, "avatar"), bundle.c_str ());
  EXPECT_STREQ (gst_structure_get_string (facts, "device"), "cpu");
  EXPECT_STREQ (gst_structure_get_string (facts, "precision"), "float32");
  gdouble load_ms = -1;
  EXPECT_TRUE (gst_structure_get_double (facts, "load-ms", &load_ms));
  EXPECT_GE (load_ms, 0);
}

TEST (HotSwap, WaitsForTheLatentsThatFitIt)
{
  TestBundle bundle, half (unchanged, TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  r.start ();
  r.set_caps (hash_of (bundle));
  EXPECT_EQ (r.red_of (1, 0), 255);
  g_object_set (r.element, "avatar", half.c_str (), nullptr);
  g_autoptr (GstMessage) waits = wait_for (r.bus, GST_MESSAGE_INFO);
  EXPECT_NE (waits, nullptr);
  EXPECT_EQ (r.red_of (1, 1), 255);
  r.set_caps (hash_of (half));
  EXPECT_EQ (r.red_of (1, 2), 128);
}

TEST (HotSwap, NewLatentsWaitForTheirAvatar)
{
  TestBundle bundle, half ({{"behaviour", {{"load_ms", 200}}}}, TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  r.start ();
  r.set_caps (hash_of (bundle));
  EXPECT_EQ (r.red_of (1, 0), 255);
  g_object_set (r.element, "avatar", half.c_str (), nullptr);
  r.set_caps (hash_of (half));
  EXPECT_EQ (r.red_of (1, 1), 128);
}

TEST (HotSwap, WhatDoesNotFitIsRefusedWithAWarning)
{
  const nlohmann::json wide = {{"width", 128}};
  TestBundle bundle, large (wide), lost (unchanged, TestBundle::truncated);
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 255);
  for (const TestBundle *wrong : {&large, &lost}) {
    g_object_set (r.element, "avatar", wrong->c_str (), nullptr);
    g_autoptr (GstMessage) warning = wait_for (r.bus, GST_MESSAGE_WARNING);
    ASSERT_NE (warning, nullptr);
    g_autofree gchar *avatar = nullptr;
    g_object_get (r.element, "avatar", &avatar, nullptr);
    EXPECT_EQ (avatar, bundle.path ());
    EXPECT_EQ (r.red_of (1, 1), 255);
  }
}

TEST (HotSwap, StoppingInTheMiddleOfALoadIsSafe)
{
  TestBundle bundle, half ({{"behaviour", {{"load_ms", 100}}}}, TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  for (int n = 0; n < 5; n++) {
    g_object_set (r.element, "avatar", bundle.c_str (), nullptr);
    ASSERT_EQ (gst_element_set_state (r.element, GST_STATE_PAUSED),
               GST_STATE_CHANGE_SUCCESS);
    g_object_set (r.element, "avatar", half.c_str (), nullptr);
    ASSERT_EQ (gst_element_set_state (r.element, GST_STATE_NULL),
               GST_STATE_CHANGE_SUCCESS);
  }
  // From READY, the next start is with the new one.
  g_object_set (r.element, "avatar", bundle.c_str (), nullptr);
  gst_element_set_state (r.element, GST_STATE_READY);
  g_object_set (r.element, "avatar", half.c_str (), nullptr);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 128);
}

// ---- states and threads --------------------------------------------------------

// What is set in READY counts: gst-inspect-1.0 says so.
TEST (States, SettingsOfReadyCountAtTheNextStart)
{
  TestBundle bundle, unconsented (unchanged, TestBundle::no_consent, 0.5f);
  RenderHarness r (bundle);
  gst_element_set_state (r.element, GST_STATE_READY);
  g_object_set (r.element, "device", "cuda:7", nullptr);
  EXPECT_EQ (gst_element_set_state (r.element, GST_STATE_PAUSED),
             GST_STATE_CHANGE_FAILURE);
  EXPECT_EQ (pop_error (r.bus).code, GST_RESOURCE_ERROR_NOT_FOUND);
  g_object_set (r.element, "device", "cpu", "precision", "bfloat16", "allow-unconsented",
                TRUE, "avatar", unconsented.c_str (), nullptr);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 128);
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (r.element, "stats", &stats, nullptr);
  EXPECT_STREQ (gst_structure_get_string (stats, "precision"), "bfloat16");
}

// An avatar that cannot be had in READY: the one before stays, with a warning.
TEST (States, AnAvatarRefusedInReadyDoesNotKeepFromStarting)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  gst_element_set_state (r.element, GST_STATE_READY);
  g_object_set (r.element, "avatar", "/no/such/folder", nullptr);
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 255);
  g_autoptr (GstMessage) warning = gst_bus_pop_filtered (r.bus, GST_MESSAGE_WARNING);
  EXPECT_NE (warning, nullptr);
  EXPECT_EQ (pop_error (r.bus).domain, 0u);
  g_autofree gchar *avatar = nullptr;
  g_object_get (r.element, "avatar", &avatar, nullptr);
  EXPECT_EQ (avatar, bundle.path ());
}

TEST (States, UpAndDownAHundredTimes)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  for (int n = 0; n < 100; n++) {
    for (GstState state :
         {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
          GST_STATE_READY, n % 2 ? GST_STATE_PLAYING : GST_STATE_READY, GST_STATE_NULL})
      ASSERT_EQ (gst_element_set_state (r.element, state), GST_STATE_CHANGE_SUCCESS);
  }
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (1, 0), 255);
}

TEST (Threads, PropertiesMayChangeAtAnyTime)
{
  TestBundle bundle, half (unchanged, TestBundle::none, 0.5f);
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  std::atomic<bool> stop{false};
  std::thread changer ([&] {
    for (int n = 0; !stop; n++) {
      g_object_set (r.element, "steps",
                    n % 3 == 0   ? 1
                    : n % 3 == 1 ? 2
                                 : 5,
                    "compute-time", n % 2 ? -1 : 5, "provenance", n % 4 != 0, "qos",
                    n % 2, nullptr);
      if (n % 16 == 0)
        g_object_set (r.element, "avatar", n % 32 ? half.c_str () : bundle.c_str (),
                      nullptr);
      g_autoptr (GstStructure) stats = nullptr;
      g_autofree gchar *avatar = nullptr;
      guint64 latency;
      g_object_get (r.element, "stats", &stats, "avatar", &avatar, "latency", &latency,
                    nullptr);
      gst_bus_set_flushing (r.bus, TRUE);
      gst_bus_set_flushing (r.bus, FALSE);
    }
  });
  const gint64 end = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
  for (guint64 n = 0; g_get_monotonic_time () < end; n++) {
    const int red = r.red_of (1, n);
    ASSERT_TRUE (red == 255 || red == 128) << red;
  }
  stop = true;
  changer.join ();
}

} // namespace
