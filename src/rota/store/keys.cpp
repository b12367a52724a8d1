#include "rota/store/keys.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/store/sqlite.h"

namespace rota::store {
namespace {

constexpr Schema kSchema{1, R"sql(
CREATE TABLE access_keys(
    id TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql"};

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

Key generate_key() {
    constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::array<std::uint8_t, 16> for_id{};
    std::array<std::uint8_t, 30> for_secret{};
    fill_random(for_id);
    fill_random(for_secret);
    Key key;
    key.id = "AKIA";
    for (const std::uint8_t octet : for_id) {
        key.id.push_back(kBase32[octet % kBase32.size()]);
    }
    key.secret = to_base64(for_secret);
    return key;
}

Status check_key_id(std::string_view id) {
    if (id.size() < 3 || id.size() > 128 || !std::ranges::all_of(id, is_word)) {
        return fail(ErrorKind::usage,
                    fmt::format("'{}' cannot be an access key id: 3 to 128 letters, digits and _ "
                                "are wanted",
                                id));
    }
    return {};
}

Status check_secret(std::string_view secret) {
    const bool printable =
        std::ranges::all_of(secret, [](char c) { return c >= ' ' && c < '\x7f'; });
    if (secret.size() < 8 || secret.size() > 256 || !printable || secret.starts_with(' ') ||
        secret.ends_with(' ')) {
        return fail(ErrorKind::usage,
                    "the secret cannot be used: 8 to 256 printable ASCII characters are wanted, on "
                    "one line, without a space at either end");
    }
    return {};
}

Result<Keys> Keys::open(const std::string& directory) {
    Database database = ROTA_TRY(Database::open(directory + "/keys.db", kSchema));
    ROTA_CHECK(
        database.execute("PRAGMA secure_delete=ON"));  // no secret stays behind in a free page
    return Keys{std::move(database)};
}

Status Keys::add(const Key& key) {
    Statement insert =
        ROTA_TRY(database_.prepare("INSERT INTO access_keys(id, secret, comment, created_at) "
                                   "VALUES (?1, ?2, ?3, ?4) ON CONFLICT(id) DO NOTHING"));
    insert.bind(1, key.id);
    insert.bind(2, key.secret);
    insert.bind(3, key.comment);
    insert.bind(4, std::int64_t{key.created_at.time_since_epoch().count()});
    ROTA_CHECK(insert.run());
    if (database_.changed_rows() == 0) {
        return fail(ErrorKind::conflict,
                    fmt::format("the key {} exists already: delete it first to replace its secret",
                                key.id));
    }
    return {};
}

Result<bool> Keys::remove(std::string_view id) {
    Statement erase = ROTA_TRY(database_.prepare("DELETE FROM access_keys WHERE id = ?1"));
    erase.bind(1, id);
    ROTA_CHECK(erase.run());
    return database_.changed_rows() != 0;
}

Result<std::vector<Key>> Keys::all() {
    Statement rows = ROTA_TRY(database_.prepare(
        "SELECT id, secret, comment, created_at FROM access_keys ORDER BY created_at, id"));
    std::vector<Key> keys;
    while (ROTA_TRY(rows.step())) {
        keys.push_back({std::string{rows.text(0)}, std::string{rows.text(1)},
                        std::string{rows.text(2)},
                        WallTime{std::chrono::microseconds{rows.integer(3)}}});
    }
    return keys;
}

Result<std::int64_t> Keys::version() {
    return database_.number("PRAGMA data_version");
}

}  // namespace rota::store
