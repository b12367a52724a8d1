#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "rota/base/error.h"

// Root is needed for a port under 1024 and for nothing else.
namespace rota::server {

struct Identity {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
};

/// Whom to become after binding: the user of that name; without a name, and for root only, the user
/// "rota" where there is one. Nothing: stay who we are.
/// @errors usage: no such user; permission: only root can become somebody else.
Result<std::optional<Identity>> serving_identity(const std::optional<std::string>& user);

/// Acts as another user on files until destroyed; for a process that has one thread as yet.
class ActingAs {
public:
    /// Does nothing when there is no identity.
    static Result<ActingAs> begin(const std::optional<Identity>& identity);

    ActingAs(const ActingAs&) = delete;
    ActingAs& operator=(const ActingAs&) = delete;
    ActingAs(ActingAs&& other) noexcept;
    ActingAs& operator=(ActingAs&&) = delete;
    ~ActingAs();

private:
    explicit ActingAs(bool active) : active_{active} {}

    bool active_;
};

/// Becomes that user for good (groups, gid, uid), or only gives up what capabilities there are, and
/// makes sure that nothing can be regained: no new privileges, no way back to root.
Status drop_privileges(const std::optional<Identity>& identity);

}  // namespace rota::server
