#include "rota/server/privileges.h"

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rota/base/error.h"

namespace rota::server {
namespace {

Result<std::optional<Identity>> look_up(const std::string& name) {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found != nullptr) {
        return Identity{name, entry.pw_uid, entry.pw_gid};
    }
    if (error != 0 && error != ENOENT && error != ESRCH) {
        return fail_errno(fmt::format("cannot look up user '{}'", name), error);
    }
    return std::nullopt;
}

/// A process that got CAP_NET_BIND_SERVICE without being root (systemd's AmbientCapabilities) gives
/// it back. Root keeps its own here: setresuid takes them, or it stays root by choice.
Status drop_capabilities() {
    using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    Capabilities held{};
    if (::syscall(SYS_capget, &header, held.data()) == 0 &&
        (held[0].permitted | held[1].permitted) == 0) {
        return {};
    }
    const Capabilities none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) {
        return fail_errno("cannot give up capabilities", errno);
    }
    return {};
}

Status become(const Identity& identity) {
    if (::setgroups(1, &identity.group) != 0 ||
        ::setresgid(identity.group, identity.group, identity.group) != 0 ||
        ::setresuid(identity.user, identity.user, identity.user) != 0) {
        return fail_errno(fmt::format("cannot become user '{}'", identity.name), errno);
    }
    if (identity.user != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0 || ::geteuid() == 0)) {
        return fail(ErrorKind::internal,
                    fmt::format("became user '{}' but could become root again", identity.name));
    }
    return {};
}

}  // namespace

Result<std::optional<Identity>> serving_identity(const std::optional<std::string>& user) {
    const bool is_root = ::geteuid() == 0;
    if (!user && !is_root) {
        return std::nullopt;
    }
    const std::optional<Identity> identity = ROTA_TRY(look_up(user.value_or("rota")));
    if (!identity && user) {
        return fail(
            ErrorKind::usage,
            fmt::format("there is no user '{0}': make one (useradd --system --no-create-home "
                        "{0}), or give another --user",
                        *user));
    }
    if (identity && !is_root && identity->user != ::geteuid()) {
        return fail(ErrorKind::permission,
                    fmt::format("only root can become user '{}': run as root, or as that user "
                                "without --user",
                                identity->name));
    }
    return is_root ? identity : std::nullopt;
}

Result<ActingAs> ActingAs::begin(const std::optional<Identity>& identity) {
    if (!identity || identity->user == ::geteuid()) {
        return ActingAs{false};
    }
    if (::setegid(identity->group) != 0 || ::seteuid(identity->user) != 0) {
        return fail_errno(fmt::format("cannot act as user '{}'", identity->name), errno);
    }
    return ActingAs{true};
}

ActingAs::ActingAs(ActingAs&& other) noexcept : active_{std::exchange(other.active_, false)} {}

ActingAs::~ActingAs() {
    if (active_) {
        ROTA_ASSERT(::seteuid(0) == 0 && ::setegid(0) == 0);
    }
}

Status drop_privileges(const std::optional<Identity>& identity) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail_errno("cannot forbid new privileges", errno);
    }
    if (identity) {
        return become(*identity);
    }
    return ::geteuid() == 0 ? Status{} : drop_capabilities();
}

}  // namespace rota::server
