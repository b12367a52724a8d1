#include "rota/base/file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota {
namespace {

Status write_all(const Fd& file, const std::string& path, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return fail_errno(path, errno);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

std::string directory_of(const std::string& path) {
    const std::string directory = std::filesystem::path{path}.parent_path().string();
    return directory.empty() ? "." : directory;
}

}  // namespace

Status replace_file(const std::string& path, std::string_view text, mode_t mode) {
    const std::string directory = directory_of(path);
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        return fail_errno(directory, error.value());
    }
    const std::string draft = path + ".new";
    {
        const Fd file{
            ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)};
        if (!file) {
            return fail_errno(draft, errno);
        }
        ROTA_CHECK(write_all(file, draft, text));
        if (::fsync(file.get()) != 0) {
            return fail_errno(draft, errno);
        }
    }
    if (::rename(draft.c_str(), path.c_str()) != 0) {
        return fail_errno(path, errno);
    }
    return {};
}

Result<std::optional<std::string>> read_own_file(const std::string& path, std::size_t longest) {
    // Not blocking: a FIFO in its place must not stop anything.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)};
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return std::optional<std::string>{};
        }
        return fail_errno(path, errno);
    }
    struct stat found{};
    if (::fstat(file.get(), &found) != 0) {
        return fail_errno(path, errno);
    }
    if (!S_ISREG(found.st_mode)) {
        return fail(ErrorKind::bad_input, fmt::format("{}: not a regular file", path));
    }
    const bool is_ours = found.st_uid == ::geteuid() || found.st_uid == 0;
    if (!is_ours || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(ErrorKind::permission,
                    fmt::format("{}: others may write it: chown it to this user, chmod 600", path));
    }
    std::string text(longest + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto count = ::read(file.get(), text.data() + size, text.size() - size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fail_errno(path, errno);
        }
        if (count == 0) {
            break;
        }
        size += static_cast<std::size_t>(count);
    }
    if (size > longest) {
        return fail(ErrorKind::bad_input, fmt::format("{}: longer than {} octets", path, longest));
    }
    text.resize(size);
    return std::optional{std::move(text)};
}

}  // namespace rota
