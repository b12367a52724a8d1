#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace rota::lab {

/// Cuts what a non-blocking pipe delivers into lines.
class LineReader {
public:
    /// @param fd  borrowed, non-blocking.
    explicit LineReader(int fd) noexcept : fd_{fd} {}

    /// Reads what is there and calls `take` with every complete line, without its newline.
    /// @returns false once the other end is closed.
    bool read(const std::function<void(std::string_view line)>& take);

private:
    int fd_;
    std::string rest_;
};

}  // namespace rota::lab
