#include "rota/aws/text_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>

namespace rota::aws {

std::expected<std::string, int> read_text_file(const std::string& path) {
    constexpr std::size_t kMost = std::size_t{1} << 20U;
    const auto close = [](std::FILE* file) { static_cast<void>(std::fclose(file)); };
    const std::unique_ptr<std::FILE, decltype(close)> file{std::fopen(path.c_str(), "re"), close};
    if (!file) {
        return std::unexpected(errno);
    }
    std::string text;
    std::array<char, 4096> chunk{};
    errno = 0;
    while (std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
        text.append(chunk.data(), std::fread(chunk.data(), 1, chunk.size(), file.get()));
        if (text.size() > kMost) {
            return std::unexpected(EFBIG);
        }
    }
    if (std::ferror(file.get()) != 0) {
        return std::unexpected(errno == 0 ? EIO : errno);
    }
    return text;
}

}  // namespace rota::aws
