#include "rota/aws/text_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/fd.h"

namespace rota::aws {

std::expected<std::string, int> read_text_file(const std::string& path) {
    constexpr std::size_t kMost = std::size_t{1} << 20U;
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) {
        return std::unexpected(errno);
    }
    std::string text;
    std::array<char, 4096> chunk{};
    while (true) {
        const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
        if (count == 0) {
            return text;
        }
        if (count < 0 && errno != EINTR) {
            return std::unexpected(errno);
        }
        if (count > 0) {
            text.append(chunk.data(), static_cast<std::size_t>(count));
        }
        if (text.size() > kMost) {
            return std::unexpected(EFBIG);
        }
    }
}

}  // namespace rota::aws
