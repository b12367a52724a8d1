#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/store/sqlite.h"

// The access keys that `rota serve` accepts, in a file of their own (DIR/keys.db), so that
// `rota keys` can change them while the server runs and holds the rest.
namespace rota::store {

struct Key {
    std::string id;
    std::string secret;
    std::string comment;
    WallTime created_at;
};

/// A new pair from the kernel's randomness: "AKIA" and 16 letters and digits, 40 characters of
/// base64.
Key generate_key();

/// Whether an id that somebody brings can be one. @errors usage: says what is wrong.
Status check_key_id(std::string_view id);
/// As check_key_id, for a secret.
Status check_secret(std::string_view secret);

/// One thread at a time.
class Keys {
public:
    /// Opens or creates DIR/keys.db. @errors as Database::open.
    static Result<Keys> open(const std::string& directory);

    /// Durable when it returns. @errors conflict: the id exists.
    Status add(const Key& key);

    /// @returns false when there is no such key.
    Result<bool> remove(std::string_view id);

    /// All keys, oldest first.
    Result<std::vector<Key>> all();

    /// A number that differs after another process changed the file.
    Result<std::int64_t> version();

private:
    explicit Keys(Database database) : database_{std::move(database)} {}

    Database database_;
};

}  // namespace rota::store
