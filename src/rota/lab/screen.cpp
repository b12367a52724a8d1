#include "rota/lab/screen.h"

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include "rota/lab/view.h"

namespace rota::lab {
namespace {

void put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written <= 0) {
            return;  // a terminal that is gone needs no picture
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string_view environment(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): main thread
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

}  // namespace

bool Screen::is_possible() {
    const std::string_view terminal = environment("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !terminal.empty() && terminal != "dumb";
}

Screen::Screen() {
    has_termios_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (has_termios_) {  // what people type must not show up in the picture; Ctrl-C still works
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    put("\x1b[?1049h\x1b[?25l\x1b[2J");
}

Screen::~Screen() {
    put("\x1b[0m\x1b[?25h\x1b[?1049l");
    if (has_termios_) {
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
}

ViewSize Screen::size() {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) {
        return {};
    }
    return {.width = window.ws_col, .height = window.ws_row};
}

void Screen::draw(const std::vector<std::string>& lines) {
    // One write, and the terminal shows it whole (synchronized update, where it knows that): each
    // line overwrites the one before in place, so nothing flickers.
    std::string text = "\x1b[?2026h\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        text += lines[i];
        text += i + 1 < lines.size() ? "\x1b[K\r\n" : "\x1b[K";
    }
    text += "\x1b[J\x1b[?2026l";
    put(text);
}

bool wants_colour() {
    return environment("NO_COLOR").empty();
}

}  // namespace rota::lab
