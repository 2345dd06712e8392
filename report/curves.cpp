#include "report/curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.hpp"
#include "report/scales.hpp"

namespace steelyard {
namespace {

constexpr double kLeft = 90, kRight = 690, kTop = 26, kBottom = 276;

double spread(const CurveMark& m) { return std::isfinite(m.error) ? 1.96 * m.error : 0; }

/// A text in the picture, and where it stands.
struct Label {
  double x, y;
  std::string text, color;
};

/// Labels of marks that are too near to be read become one.
void add_label(std::vector<Label>& labels, const Label& label) {
  if (label.text.empty()) return;
  double y = label.y;
  for (Label& other : labels) {
    if (std::abs(other.x - label.x) >= 16 || std::abs(other.y - y) >= 12) continue;
    if (other.color == label.color) {
      other.text += ", " + label.text;
      return;
    }
    y = other.y + 22;  // under its mark
  }
  labels.push_back({label.x, y, label.text, label.color});
}

/// Ends of curves from the bottom up, none over another.
std::string end_labels(std::vector<Label> ends) {
  std::sort(ends.begin(), ends.end(), [](const Label& a, const Label& b) { return a.y > b.y; });
  for (std::size_t k = 1; k < ends.size(); ++k) ends[k].y = std::min(ends[k].y, ends[k - 1].y - 15);
  std::string svg;
  for (const Label& e : ends)
    svg += fmt::format("<text x={:.0f} y={:.1f} style=\"fill:{}\">{}</text>", kRight + 10, e.y + 4,
                       e.color, escape_html(e.text));
  return svg;
}

class Drawing {
 public:
  Drawing(const Scale& across, const Scale& up) : across_(across), up_(up) {}

  std::string curve(const Curve& c) {
    std::string svg, path;
    for (const auto& [x, y] : c.line)
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", across_.at(x), up_.at(y));
    if (!path.empty())
      svg += fmt::format("<path fill=none d=\"{}\" style=\"stroke:{};stroke-width:2{}\" />", path,
                         c.color, c.dashed ? ";stroke-dasharray:5 4" : "");
    for (const CurveMark& m : c.marks) {
      const double x = across_.at(m.x), y = up_.at(m.y);
      svg += fmt::format(
          "<line x1={0:.1f} x2={0:.1f} y1={1:.1f} y2={2:.1f} style=\"stroke:{4};stroke-width:1.5\" "
          "/><circle cx={0:.1f} cy={3:.1f} r=4 style=\"fill:{4}\" />",
          x, up_.at(m.y - spread(m)), up_.at(m.y + spread(m)), y, c.color);
      add_label(labels_, {x + 7, y - 6, m.label, c.color});
    }
    if (c.label.empty()) return svg;
    if (!c.line.empty())
      ends_.push_back({0, up_.at(c.line.back().second), c.label, c.color});
    else if (!c.marks.empty())
      ends_.push_back({0, up_.at(c.marks.back().y), c.label, c.color});
    return svg;
  }

  std::string labels() const {
    std::string svg;
    for (const Label& l : labels_)
      svg += fmt::format("<text x={:.1f} y={:.1f} style=\"fill:{};font-weight:600\">{}</text>", l.x,
                         l.y, l.color, escape_html(l.text));
    return svg + end_labels(ends_);
  }

 private:
  const Scale &across_, &up_;
  std::vector<Label> labels_, ends_;
};

}  // namespace

const char* curve_color(std::size_t i) {
  static constexpr const char* kColors[] = {"#20639b", "#c0392b", "#16834a", "#7d4f9e",
                                            "#b9770e", "#2a8f8f", "#5c6675"};
  return kColors[i % std::size(kColors)];
}

std::string curve_chart(const CurvePicture& picture) {
  ScaleOf x, y;
  bool any = false;
  for (const Curve& c : picture.curves) {
    for (const CurveMark& m : c.marks) {
      x.add(m.x);
      y.add(m.y - spread(m));
      y.add(m.y + spread(m));
    }
    for (const auto& [a, b] : c.line) {
      x.add(a);
      y.add(b);
    }
    any |= !c.marks.empty() || !c.line.empty();
  }
  if (!any) return {};
  if (picture.from_zero) y.add(0);
  const Scale across = x.over(kLeft, kRight, 0.04), up = y.over(kBottom, kTop);
  std::string svg = fmt::format(
      "<div class=wide><svg class=chart viewBox=\"0 0 880 322\" role=img><text x=4 "
      "y=13>{}</text>{}{}<text "
      "class=tick x={:.0f} y=312>{}</text>",
      escape_html(picture.up), grid_across(across, kTop, kBottom, picture.factor_across),
      grid_up(up, kLeft, kRight, picture.factor), (kLeft + kRight) / 2,
      escape_html(picture.across));
  Drawing drawing(across, up);
  for (const Curve& c : picture.curves) svg += drawing.curve(c);
  return svg + drawing.labels() + "</svg></div>";
}

}  // namespace steelyard
