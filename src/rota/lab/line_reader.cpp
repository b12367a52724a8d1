#include "rota/lab/line_reader.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <sys/types.h>
#include <unistd.h>

namespace rota::lab {

bool LineReader::read(const std::function<void(std::string_view line)>& take) {
    std::array<char, 16384> buffer{};
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count <= 0) {
        return count < 0 && (errno == EAGAIN || errno == EINTR);
    }
    rest_.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos;
         end = rest_.find('\n', begin)) {
        take(std::string_view{rest_}.substr(begin, end - begin));
        begin = end + 1;
    }
    rest_.erase(0, begin);
    return true;
}

}  // namespace rota::lab
