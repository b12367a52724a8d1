#include "rota/store/directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::store {
namespace {

constexpr std::array<std::string_view, 7> kOurFiles{
    "rota.db", "rota.db-wal", "rota.db-shm", "keys.db", "keys.db-wal", "keys.db-shm", "lock"};

bool is_ours(std::string_view name) {
    return std::ranges::find(kOurFiles, name) != kOurFiles.end();
}

/// The first entry that is not ours; empty when there is none. A file system's own lost+found does
/// not count.
Result<std::string> foreign_entry(const std::string& directory) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry{directory, error}, end; !error && entry != end;
         entry.increment(error)) {
        std::string name = entry->path().filename().string();
        if (!is_ours(name) && name != "lost+found") {
            return name;
        }
    }
    if (error) {
        return fail_errno(fmt::format("cannot list {}", directory), error.value());
    }
    return std::string{};
}

Status create(const std::string& directory) {
    const std::filesystem::path path{directory};
    if (path.has_parent_path()) {
        std::error_code error;
        std::filesystem::create_directories(path.parent_path(), error);
        if (error) {
            return fail_errno(fmt::format("cannot create {}", path.parent_path().string()),
                              error.value());
        }
    }
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail_errno(fmt::format("cannot create {}", directory), errno);
    }
    // A directory is durable once the directory that names it is.
    const std::string parent = path.has_parent_path() ? path.parent_path().string() : ".";
    if (const Fd fd{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; fd) {
        ::fsync(fd.get());
    }
    return {};
}

/// Gives our files to the owner; links and foreign files are left alone.
Status hand_over(const Fd& directory, const std::string& path, Owner owner) {
    for (const std::string_view name : kOurFiles) {
        const Fd file{::openat(directory.get(), std::string{name}.c_str(),
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
        struct stat status{};
        if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
            status.st_nlink != 1) {
            continue;
        }
        if (::fchown(file.get(), owner.user, owner.group) != 0) {
            return fail_errno(fmt::format("cannot give {}/{} to user {}", path, name, owner.user),
                              errno);
        }
    }
    return {};
}

}  // namespace

Status prepare_directory(const std::string& directory, std::optional<Owner> owner) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) {
        if (errno != ENOENT) {
            return fail_errno(fmt::format("cannot use {}", directory), errno);
        }
        ROTA_CHECK(create(directory));
    }
    const Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fstat(fd.get(), &status) != 0) {
        return fail_errno(fmt::format("cannot use {} as the data directory", directory), errno);
    }
    const Owner wanted = owner.value_or(Owner{::geteuid(), ::getegid()});
    if (status.st_uid == wanted.user && (status.st_mode & 07777U) == 0700U) {
        return owner ? hand_over(fd, directory, wanted) : Status{};
    }
    if (status.st_uid != wanted.user && ::geteuid() != 0) {
        return fail(ErrorKind::permission,
                    fmt::format("{} belongs to user {}, and this runs as user {}: run it as that "
                                "user, or give another --data",
                                directory, status.st_uid, wanted.user));
    }
    if (const std::string foreign = ROTA_TRY(foreign_entry(directory)); !foreign.empty()) {
        return fail(ErrorKind::conflict,
                    fmt::format("{} holds other things ({}) and is open to others: give rota a "
                                "directory of its own with --data, or make this one private "
                                "(chown {} and chmod 700)",
                                directory, foreign, wanted.user));
    }
    if (::fchown(fd.get(), wanted.user, owner ? wanted.group : static_cast<gid_t>(-1)) != 0 ||
        ::fchmod(fd.get(), 0700) != 0) {
        return fail_errno(fmt::format("cannot make {} private to user {}", directory, wanted.user),
                          errno);
    }
    return owner ? hand_over(fd, directory, wanted) : Status{};
}

Result<Owner> owner_of(const std::string& directory) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) {
        if (errno == ENOENT) {
            return fail(ErrorKind::not_found, fmt::format("{}: no such directory", directory));
        }
        return fail_errno(fmt::format("cannot use {}", directory), errno);
    }
    return Owner{status.st_uid, status.st_gid};
}

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
    const std::string path = directory + "/lock";
    Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) {
        return fail_errno(fmt::format("cannot open {}", path), errno);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return fail_errno(fmt::format("cannot lock {}", path), errno);
        }
        std::array<char, 32> pid{};
        const ssize_t size = ::pread(file.get(), pid.data(), pid.size(), 0);
        std::string_view text{pid.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
        text = text.substr(0, text.find('\n'));
        return fail(ErrorKind::conflict,
                    fmt::format("{} is served by another rota already (pid {}): end that one, or "
                                "give this one its own --data",
                                directory, text.empty() ? "unknown" : text));
    }
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return fail_errno(fmt::format("cannot write {}", path), errno);
    }
    return DirectoryLock{std::move(file)};
}

}  // namespace rota::store
