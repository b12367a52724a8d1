#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/server/privileges.h"
#include "support/child.h"

namespace rota::server {
namespace {

using testing::HasSubstr;

bool is_root() {
    return ::geteuid() == 0;
}

#define SKIP_UNLESS_ROOT()            \
    if (!is_root()) {                 \
        GTEST_SKIP() << "needs root"; \
    }

Identity nobody() {
    const passwd* const entry = ::getpwnam("nobody");  // NOLINT(concurrency-mt-unsafe)
    return entry == nullptr ? Identity{} : Identity{"nobody", entry->pw_uid, entry->pw_gid};
}

bool become(const Identity& identity) {
    return ::setgroups(0, nullptr) == 0 &&
           ::setresgid(identity.group, identity.group, identity.group) == 0 &&
           ::setresuid(identity.user, identity.user, identity.user) == 0;
}

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

Capabilities capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    Capabilities held{};
    ::syscall(SYS_capget, &header, held.data());
    return held;
}

bool has_no_capabilities() {
    const Capabilities held = capabilities();
    return (held[0].permitted | held[0].effective | held[0].inheritable | held[1].permitted |
            held[1].effective | held[1].inheritable) == 0;
}

TEST(ServingIdentity, of_a_user_that_is_none_says_how_to_make_one) {
    const auto identity = serving_identity("no-such-user-here");
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().kind, ErrorKind::usage);
    EXPECT_THAT(identity.error().message, HasSubstr("no user 'no-such-user-here'"));
    EXPECT_THAT(identity.error().message, HasSubstr("useradd --system"));
}

TEST(ServingIdentity, of_root_is_the_user_asked_for) {
    SKIP_UNLESS_ROOT();
    const auto identity = serving_identity("nobody");
    ASSERT_TRUE(identity && *identity);
    EXPECT_EQ((*identity)->name, "nobody");
    EXPECT_EQ((*identity)->user, nobody().user);
    EXPECT_EQ((*identity)->group, nobody().group);
}

TEST(ServingIdentity, of_root_is_the_user_rota_where_there_is_one) {
    SKIP_UNLESS_ROOT();
    const auto identity = serving_identity(std::nullopt);
    ASSERT_TRUE(identity);
    const bool exists = ::getpwnam("rota") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    EXPECT_EQ(identity->has_value(), exists);
}

/// As the user nobody: in a child where that takes root, else as whoever runs the tests.
template <typename Body>
int as_a_user(const Body& body) {
    return test::in_child([&body] { return is_root() && !become(nobody()) ? 99 : body(); });
}

TEST(ServingIdentity, of_a_user_stays_what_it_is) {
    EXPECT_EQ(as_a_user([] {
                  const auto unasked = serving_identity(std::nullopt);
                  const passwd* const self = ::getpwuid(::geteuid());
                  if (!unasked || *unasked || self == nullptr) {
                      return 1;
                  }
                  const auto itself = serving_identity(self->pw_name);
                  return itself && !*itself ? 0 : 2;
              }),
              0);
}

TEST(ServingIdentity, of_a_user_cannot_be_another) {
    EXPECT_EQ(as_a_user([] {
                  const auto identity = serving_identity("root");
                  return !identity && identity.error().kind == ErrorKind::permission &&
                                 identity.error().message.contains("only root")
                             ? 0
                             : 1;
              }),
              0);
}

TEST(ActingAs, makes_files_that_belong_to_the_user_and_ends) {
    SKIP_UNLESS_ROOT();
    std::string pattern = testing::TempDir() + "rota-acting-XXXXXX";
    const std::string directory = ::mkdtemp(pattern.data());
    ASSERT_EQ(::chmod(directory.c_str(), 0777), 0);
    const auto owner_of_new = [&directory](const char* file) {
        std::ofstream{directory + "/" + file} << 'x';
        struct stat status{};
        EXPECT_EQ(::stat((directory + "/" + file).c_str(), &status), 0);
        return std::pair{status.st_uid, status.st_gid};
    };
    {
        auto acting = ActingAs::begin(nobody());
        ASSERT_TRUE(acting) << acting.error().message;
        const ActingAs moved = *std::move(acting);
        EXPECT_EQ(owner_of_new("during"), std::pair(nobody().user, nobody().group));
    }
    EXPECT_EQ(::geteuid(), 0U);
    EXPECT_EQ(owner_of_new("after"), std::pair(uid_t{0}, gid_t{0}));
    std::filesystem::remove_all(directory);
}

TEST(ActingAs, oneself_changes_nothing) {
    const uid_t before = ::geteuid();
    const auto nobody_else = ActingAs::begin(std::nullopt);
    EXPECT_TRUE(nobody_else);
    EXPECT_EQ(::geteuid(), before);
    const auto oneself = ActingAs::begin(Identity{"oneself", ::geteuid(), ::getegid()});
    EXPECT_TRUE(oneself);
    EXPECT_EQ(::geteuid(), before);
}

int check_dropped(const Identity& wanted) {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    ::getresuid(&real, &effective, &saved);
    if (real != wanted.user || effective != wanted.user || saved != wanted.user) {
        return 10;
    }
    gid_t groups[3] = {};
    ::getresgid(&groups[0], &groups[1], &groups[2]);
    if (groups[0] != wanted.group || groups[1] != wanted.group || groups[2] != wanted.group) {
        return 11;
    }
    gid_t more[64] = {};
    if (::getgroups(64, more) != 1 || more[0] != wanted.group) {
        return 12;
    }
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return 13;
    }
    if (!has_no_capabilities()) {
        return 14;
    }
    return ::setuid(0) == 0 || ::setgid(0) == 0 ? 15 : 0;
}

TEST(DropPrivileges, becomes_the_user_for_good) {
    SKIP_UNLESS_ROOT();
    EXPECT_EQ(test::in_child([] {
                  const gid_t before[] = {0, 4, 27};
                  if (::setgroups(3, before) != 0) {
                      return test::kCannot;
                  }
                  const Identity identity = nobody();
                  return drop_privileges(identity) ? check_dropped(identity) : 1;
              }),
              0);
}

/// A process that is no root and may bind low ports, as systemd's AmbientCapabilities make it.
bool dress_with_bind_service() {
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || !become(nobody())) {
        return false;
    }
    constexpr unsigned kBind = 1U << static_cast<unsigned>(CAP_NET_BIND_SERVICE);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    Capabilities wanted{};
    wanted[0] = {.effective = kBind, .permitted = kBind, .inheritable = kBind};
    return ::syscall(SYS_capset, &header, wanted.data()) == 0 &&
           ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

TEST(DropPrivileges, gives_a_capability_back_that_came_without_root) {
    SKIP_UNLESS_ROOT();
    EXPECT_EQ(test::in_child([] {
                  if (!dress_with_bind_service() || has_no_capabilities()) {
                      return test::kCannot;
                  }
                  if (!drop_privileges(std::nullopt)) {
                      return 1;
                  }
                  const int ambient =
                      ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0);
                  return has_no_capabilities() && ambient == 0 ? 0 : 2;
              }),
              0);
}

TEST(DropPrivileges, forbids_new_ones_to_whoever_has_none) {
    EXPECT_EQ(as_a_user([] {
                  if (!drop_privileges(std::nullopt)) {
                      return 1;
                  }
                  return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
              }),
              0);
}

TEST(DropPrivileges, to_a_user_needs_root) {
    EXPECT_EQ(as_a_user([] {
                  const Status dropped = drop_privileges(Identity{"daemon", 1, 1});
                  return !dropped && dropped.error().message.contains("'daemon'") ? 0 : 1;
              }),
              0);
}

}  // namespace
}  // namespace rota::server
