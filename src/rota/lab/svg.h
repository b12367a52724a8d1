#pragma once

#include <string>
#include <string_view>
#include <vector>

// Just enough of SVG for the report's plots: text in, text out, no scripts, no outside resources.
namespace rota::lab::svg {

/// Escapes & < > " ' for HTML and SVG, text and attributes alike; other control characters vanish.
std::string escaped(std::string_view text);

/// Round numbers from 0 to at least `top`, about `count` of them.
std::vector<double> ticks(double top, unsigned count);

/// A plot area with time along x and a linear y from 0.
struct Axes {
    double width = 960;
    double height = 220;
    double left = 52;
    double right = 14;
    double top = 12;
    double bottom = 26;
    double x_end = 60;  ///< seconds
    double y_end = 1;

    [[nodiscard]] double x(double seconds) const noexcept;
    [[nodiscard]] double y(double value) const noexcept;
};

/// Opens the element, with a title for people who listen. Close with "</svg>".
std::string open(const Axes& axes, std::string_view title);

/// Grid, tick labels, and the seconds below.
std::string grid(const Axes& axes, const std::vector<double>& y_ticks);

struct Point {
    double seconds = 0;
    double value = 0;
};

/// "M x y L x y …" through the points.
std::string path(const Axes& axes, const std::vector<Point>& points);

/// As path(), but each value holds until the next.
std::string steps(const Axes& axes, const std::vector<Point>& points);

}  // namespace rota::lab::svg
