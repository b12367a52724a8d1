#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

// The data directory: one process serves from it, one user owns it, nobody else looks in.
namespace rota::store {

struct Owner {
    uid_t user = 0;
    gid_t group = 0;
};

/// Creates the directory (and its parents) or adopts an existing one: mode 0700, owned by `owner`
/// or, when nothing is given, by whoever runs. Files of ours in it go to the owner too. A directory
/// that holds other things is adopted only as it is, never changed.
/// @errors permission, conflict, io: names the directory and what to do.
Status prepare_directory(const std::string& directory, std::optional<Owner> owner);

/// Who owns an existing directory. @errors not_found, io.
Result<Owner> owner_of(const std::string& directory);

/// The exclusive right to serve from a directory: an flock on DIR/lock, which holds our pid. It
/// ends with the process, however that ends.
class DirectoryLock {
public:
    /// @errors conflict: another process serves from it; names the directory and the pid.
    static Result<DirectoryLock> take(const std::string& directory);

private:
    explicit DirectoryLock(Fd file) : file_{std::move(file)} {}

    Fd file_;
};

}  // namespace rota::store
