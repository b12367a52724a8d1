#include "rota/lab/svg.h"

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace rota::lab::svg {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') {
                    out.push_back(c);
                }
        }
    }
    return out;
}

std::vector<double> ticks(double top, unsigned count) {
    if (top <= 0 || count == 0) {
        return {0, 1};
    }
    const double rough = top / count;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= rough * 0.999) {
            step = factor * power;
            break;
        }
    }
    std::vector<double> result{0};
    while (result.back() < top - step * 1e-9) {
        result.push_back(step * static_cast<double>(result.size()));
    }
    return result;
}

double Axes::x(double seconds) const noexcept {
    return left + (width - left - right) * (x_end > 0 ? seconds / x_end : 0);
}

double Axes::y(double value) const noexcept {
    return height - bottom - (height - top - bottom) * (y_end > 0 ? value / y_end : 0);
}

std::string open(const Axes& axes, std::string_view title) {
    return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                       axes.width, axes.height, escaped(title));
}

std::string grid(const Axes& axes, const std::vector<double>& y_ticks) {
    std::string out;
    for (const double tick : y_ticks) {
        out += fmt::format(
            "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
            "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
            axes.left, axes.width - axes.right, axes.y(tick), axes.y(tick), axes.left - 8,
            axes.y(tick) + 4, tick);
    }
    for (const double tick : ticks(axes.x_end, 12)) {
        if (tick <= axes.x_end * 1.001) {
            out += fmt::format(
                "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g} s"
                "</text>\n",
                axes.x(tick), axes.height - axes.bottom + 18, tick);
        }
    }
    return out;
}

std::string path(const Axes& axes, const std::vector<Point>& points) {
    std::string out;
    for (const Point& point : points) {
        out += fmt::format("{}{:.1f} {:.1f}", out.empty() ? "M" : "L", axes.x(point.seconds),
                           axes.y(point.value));
    }
    return out;
}

std::string steps(const Axes& axes, const std::vector<Point>& points) {
    std::string out;
    for (const Point& point : points) {
        if (out.empty()) {
            out = fmt::format("M{:.1f} {:.1f}", axes.x(point.seconds), axes.y(point.value));
        } else {
            out += fmt::format("H{:.1f}V{:.1f}", axes.x(point.seconds), axes.y(point.value));
        }
    }
    return out;
}

}  // namespace rota::lab::svg
