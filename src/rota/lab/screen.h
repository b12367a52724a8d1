#pragma once

#include <string>
#include <vector>

#include <termios.h>

#include "rota/lab/view.h"

namespace rota::lab {

/// The terminal as a full screen that is redrawn in place; the former contents come back when this
/// ends.
class Screen {
public:
    /// True when standard output is a terminal that can do this.
    [[nodiscard]] static bool is_possible();

    Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    Screen(Screen&&) = delete;
    Screen& operator=(Screen&&) = delete;
    ~Screen();

    [[nodiscard]] static ViewSize size();
    void draw(const std::vector<std::string>& lines);

private:
    termios before_{};
    bool has_termios_ = false;
};

/// True unless NO_COLOR is set and not empty (no-color.org).
bool wants_colour();

}  // namespace rota::lab
