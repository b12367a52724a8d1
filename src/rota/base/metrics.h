#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "rota/base/clock.h"

namespace rota {

/// Writes the Prometheus text format (version 0.0.4): a family's HELP and TYPE, then its samples.
class MetricsText {
public:
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    enum class Type : std::uint8_t { counter, gauge };

    void family(std::string_view name, Type type, std::string_view help);
    /// A sample of the family begun last.
    void sample(Labels labels, std::uint64_t value);
    void sample(Labels labels, double value);

    /// A family of one sample without labels.
    void counter(std::string_view name, std::string_view help, std::uint64_t value);
    void gauge(std::string_view name, std::string_view help, std::uint64_t value);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    void line(Labels labels, std::string_view value);

    std::string text_;
    std::string name_;
};

/// process_*: CPU, memory, descriptors, start time, as Prometheus' own client libraries name them.
/// @param started_at  when this process began.
void write_process_metrics(MetricsText& out, WallTime started_at);

}  // namespace rota
