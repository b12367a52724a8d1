#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rota/lab/record.h"

// The live picture of a run as lines of text with ANSI colours: a pure function of the record, so
// that it can be tested and looked at without a terminal.
namespace rota::lab {

struct ViewSize {
    std::size_t width = 80;
    std::size_t height = 24;
};

struct ViewStyle {
    bool has_colour = true;  ///< NO_COLOR unset
};

/// At most `size.height` lines, each at most `size.width` columns wide.
std::vector<std::string> render(const RunRecord& record, ViewSize size, ViewStyle style);

/// One line for logs and pipes, no colours.
std::string progress_line(const RunRecord& record);

/// Columns that a line takes on a terminal: escape sequences take none, other characters one.
std::size_t visible_width(std::string_view line) noexcept;

/// "9,812".
std::string grouped(std::uint64_t number);

}  // namespace rota::lab
