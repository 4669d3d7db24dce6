// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Head pose from 68 landmarks: perspective-n-point on those that speech and
// expression do not move (eye corners and nose), with a generic head.
#pragma once

#include "models/engine.h"
#include "models/studio/face.h"

namespace daetalker {

// The pose of the head seen in a square picture `side` pixels wide that a camera
// one metre away took with the picture's centre on its optical axis.
Pose head_pose (const Landmarks &landmarks, double side);

// What head_pose () inverts: where the rigid landmarks of the generic head fall
// when its nasion is `position` (metres; x right, y down, z away from the
// camera).  Landmarks that are not rigid are left at (0, 0).
Landmarks project_head (const Pose &pose, const cv::Point3d &position, double side);

} // namespace daetalker
