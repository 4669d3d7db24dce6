// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/audio/gstaudioencoder.h>
#include <gst/gst.h>

#define GST_TYPE_SPEECH_FEATURES (gst_speech_features_get_type ())
G_DECLARE_FINAL_TYPE (GstSpeechFeatures, gst_speech_features, GST, SPEECH_FEATURES,
                      GstAudioEncoder)
GST_ELEMENT_REGISTER_DECLARE (speechfeatures)
