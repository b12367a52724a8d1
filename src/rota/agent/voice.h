#pragma once

#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/log.h"

// How a one-shot command speaks: lines for a pipe or a journal; for people on a terminal the same
// lines and one below them that is rewritten as time passes.
namespace rota::agent {

class Voice {
public:
    /// @param quiet  nothing but warnings and errors (--json owns standard output).
    explicit Voice(bool quiet);
    /// Ends the progress line.
    ~Voice();
    Voice(const Voice&) = delete;
    Voice& operator=(const Voice&) = delete;
    Voice(Voice&&) = delete;
    Voice& operator=(Voice&&) = delete;

    /// Information goes to standard output, warnings and errors to standard error.
    void line(log::Level level, std::string_view text);

    /// Shows where things stand: on a terminal at once, elsewhere a line every half minute.
    void progress(std::string_view text, BootTime now);

    [[nodiscard]] bool is_terminal() const noexcept { return terminal_; }

private:
    void clear_progress();

    bool quiet_;
    bool terminal_;
    bool coloured_;
    bool has_progress_ = false;
    std::string last_progress_;
    BootTime next_plain_;
};

}  // namespace rota::agent
