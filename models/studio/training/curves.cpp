// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <opencv2/imgproc.hpp>
#include <string>

namespace daetalker {

namespace {

constexpr int columns = 2, panel_width = 480, panel_height = 220;
constexpr int left = 78, right = 16, top = 30, bottom = 26;
const cv::Scalar paper (255, 255, 255), ink (40, 40, 40), rule (215, 215, 215),
    line (170, 90, 20);

using Curve = std::vector<cv::Point2d>; // minutes, value

std::map<std::string, Curve>
curves_of (const std::vector<nlohmann::json> &entries)
{
  std::map<std::string, Curve> curves;
  for (const nlohmann::json &entry : entries) {
    if (!entry.is_object () || !entry.contains ("minutes"))
      continue;
    for (const auto &[name, value] : entry.items ())
      if (value.is_number () && std::isfinite (value.get<double> ()) &&
          name != "minutes" && name != "step" && name != "time")
        curves[name].emplace_back (entry["minutes"].get<double> (), value.get<double> ());
  }
  for (auto i = curves.begin (); i != curves.end ();)
    i = i->second.size () < 2 ? curves.erase (i) : std::next (i);
  return curves;
}

void
write (cv::Mat &panel, const std::string &text, int x, int y)
{
  cv::putText (panel, text, {x, y}, cv::FONT_HERSHEY_SIMPLEX, 0.4, ink, 1, cv::LINE_AA);
}

void
write (cv::Mat &panel, double number, int x, int y)
{
  write (panel, cv::format ("%.4g", number), x, y);
}

void
draw (cv::Mat panel, const std::string &name, const Curve &curve)
{
  const auto by_value = [] (const cv::Point2d &a, const cv::Point2d &b) {
    return a.y < b.y;
  };
  const auto [lowest, highest] =
      std::minmax_element (curve.begin (), curve.end (), by_value);
  const double low = lowest->y, height = std::max (highest->y - low, 1e-12);
  const double begin = curve.front ().x,
               width = std::max (curve.back ().x - begin, 1e-12);
  const cv::Rect area (left, top, panel_width - left - right,
                       panel_height - top - bottom);
  cv::rectangle (panel, area, rule);
  std::vector<cv::Point> points;
  for (const cv::Point2d &point : curve)
    points.emplace_back (
        area.x + cvRound ((point.x - begin) / width * (area.width - 1)),
        area.br ().y - 1 - cvRound ((point.y - low) / height * (area.height - 1)));
  cv::polylines (panel, points, false, line, 1, cv::LINE_AA);
  write (panel, name, left, top - 10);
  write (panel, low + height, 6, top + 10);
  write (panel, low, 6, area.br ().y);
  write (panel, cv::format ("%.0f min", begin), left, panel_height - 8);
  write (panel, cv::format ("%.0f min", begin + width), area.br ().x - 50,
         panel_height - 8);
}

} // namespace

cv::Mat
draw_curves (const std::vector<nlohmann::json> &entries)
{
  const std::map<std::string, Curve> curves = curves_of (entries);
  if (curves.empty ())
    return {};
  const int rows = (int (curves.size ()) + columns - 1) / columns;
  cv::Mat sheet (rows * panel_height, columns * panel_width, CV_8UC3, paper);
  int index = 0;
  for (const auto &[name, curve] : curves) {
    draw (sheet (cv::Rect (index % columns * panel_width, index / columns * panel_height,
                           panel_width, panel_height)),
          name, curve);
    index++;
  }
  return sheet;
}

} // namespace daetalker
