// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/head_pose.h"

#include <algorithm>
#include <cmath>
#include <opencv2/calib3d.hpp>

namespace daetalker {

namespace {

struct RigidPoint {
  int landmark;
  cv::Point3d position;
};

// Metres from the nasion, x to the person's left, y down, z into the head; from
// mean adult breadths and depths (outer canthi 89 mm, inner canthi 32 mm, nose
// 50 mm high, 31 mm wide, 20 mm protruding).
const std::vector<RigidPoint> rigid_points = {
    {36, {-0.0445, 0.002, 0.020}}, {39, {-0.0160, 0.004, 0.011}},
    {42, {0.0160, 0.004, 0.011}},  {45, {0.0445, 0.002, 0.020}},
    {27, {0.0, 0.0, 0.0}},         {28, {0.0, 0.013, -0.007}},
    {29, {0.0, 0.026, -0.015}},    {30, {0.0, 0.040, -0.023}},
    {31, {-0.0155, 0.049, 0.000}}, {33, {0.0, 0.052, -0.008}},
    {35, {0.0155, 0.049, 0.000}},
};

// A crop of 1.85 face boxes shows a quarter of a metre; from one metre away that
// is four picture widths of focal length.
constexpr double focal_lengths = 4;

constexpr double degree = M_PI / 180;

cv::Matx33d
camera (double side)
{
  const double focal = focal_lengths * side;
  return {focal, 0, side / 2, 0, focal, side / 2, 0, 0, 1};
}

cv::Matx33d
rotation (const Pose &pose)
{
  const double yaw = -pose[0] * degree, pitch = -pose[1] * degree,
               roll = pose[2] * degree;
  const cv::Matx33d about_y (std::cos (yaw), 0, std::sin (yaw), 0, 1, 0, -std::sin (yaw),
                             0, std::cos (yaw));
  const cv::Matx33d about_x (1, 0, 0, 0, std::cos (pitch), -std::sin (pitch), 0,
                             std::sin (pitch), std::cos (pitch));
  const cv::Matx33d about_z (std::cos (roll), -std::sin (roll), 0, std::sin (roll),
                             std::cos (roll), 0, 0, 0, 1);
  return about_y * about_x * about_z;
}

Pose
angles (const cv::Matx33d &r)
{
  const cv::Vec3d forward = r * cv::Vec3d (0, 0, -1);
  const double yaw = std::atan2 (forward[0], -forward[2]) / degree;
  const double pitch = std::asin (std::clamp (-forward[1], -1.0, 1.0)) / degree;
  const cv::Matx33d rest = rotation ({float (yaw), float (pitch), 0}).t () * r;
  return {float (yaw), float (pitch),
          float (std::atan2 (rest (1, 0), rest (0, 0)) / degree)};
}

} // namespace

Pose
head_pose (const Landmarks &landmarks, double side)
{
  std::vector<cv::Point3d> head;
  std::vector<cv::Point2d> seen;
  for (const RigidPoint &point : rigid_points) {
    head.push_back (point.position);
    seen.emplace_back (landmarks[point.landmark]);
  }
  // The start is a head one metre away that faces the camera: seen from afar, a
  // head has a second, mirrored solution, and a solver without a start takes it
  // now and then.
  const cv::Point2f nasion = landmarks[27];
  const double focal = focal_lengths * side;
  cv::Vec3d rotation_vector (0, 0, 0);
  cv::Vec3d translation ((nasion.x - side / 2) / focal, (nasion.y - side / 2) / focal, 1);
  cv::solvePnP (head, seen, camera (side), cv::noArray (), rotation_vector, translation,
                true, cv::SOLVEPNP_ITERATIVE);
  cv::Matx33d matrix;
  cv::Rodrigues (rotation_vector, matrix);
  return angles (matrix);
}

Landmarks
project_head (const Pose &pose, const cv::Point3d &position, double side)
{
  Landmarks landmarks{};
  const double focal = focal_lengths * side;
  for (const RigidPoint &point : rigid_points) {
    const cv::Point3d seen = rotation (pose) * point.position + position;
    landmarks[point.landmark] = {float (side / 2 + focal * seen.x / seen.z),
                                 float (side / 2 + focal * seen.y / seen.z)};
  }
  return landmarks;
}

} // namespace daetalker
