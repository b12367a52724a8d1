#include "rota/store/sqlite.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"

namespace rota::store {
namespace {

constexpr int kApplicationId = 0x726f7461;  // "rota"
constexpr int kBusyMilliseconds = 5000;

std::unexpected<Error> fail_sqlite(const std::string& path, sqlite3* database) {
    const int code = database == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database);
    const char* const text = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
    const bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    const bool denied = code == SQLITE_PERM || code == SQLITE_READONLY || code == SQLITE_AUTH;
    return fail(busy ? ErrorKind::unavailable : (denied ? ErrorKind::permission : ErrorKind::io),
                fmt::format("{}: {}", path, text), busy || code == SQLITE_FULL);
}

/// A copy or a restored backup may have come with a mode that lets others read the secrets.
Status make_private(const Fd& file, const std::string& path) {
    constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
    struct stat found{};
    if (::fstat(file.get(), &found) != 0) {
        return fail_errno(fmt::format("cannot look at {}", path), errno);
    }
    if ((found.st_mode & kOthers) == 0) {
        return {};
    }
    if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) {
        return fail_errno(fmt::format("{} is open to other users; chmod 600 fails", path), errno);
    }
    log::warning(
        "a file was open to other users: made private; replace keys that they may have seen",
        {{"file", path}, {"mode", fmt::format("{:04o}", found.st_mode & 07777U)}});
    return {};
}

/// SQLite makes files with the umask's mode; ours are private from the first moment.
Status create_private(const std::string& path) {
    const Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) {
        return fail_errno(fmt::format("cannot open {}", path), errno);
    }
    return make_private(file, path);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

void Statement::bind(int parameter, std::string_view text) noexcept {
    sqlite3_bind_text64(statement_.get(), parameter, text.data() == nullptr ? "" : text.data(),
                        text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Statement::bind(int parameter, std::int64_t number) noexcept {
    sqlite3_bind_int64(statement_.get(), parameter, number);
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        return false;
    }
    return fail_sqlite(path_, sqlite3_db_handle(statement_.get()));
}

Status Statement::run() {
    auto row = step();
    while (row && *row) {
        row = step();
    }
    reset();
    if (!row) {
        return std::unexpected(std::move(row).error());
    }
    return {};
}

void Statement::reset() noexcept {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::string_view Statement::text(int column) const noexcept {
    const auto* const text = sqlite3_column_text(statement_.get(), column);
    if (text == nullptr) {
        return {};
    }
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.get(), column);
}

void Database::Close::operator()(sqlite3* database) const noexcept {
    sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::string& path, const Schema& schema) {
    ROTA_CHECK(create_private(path));
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database{raw, path};
    if (code != SQLITE_OK) {
        return fail_sqlite(path, raw);
    }
    sqlite3_busy_timeout(raw, kBusyMilliseconds);
    ROTA_CHECK(database.settle(schema));
    return database;
}

Status Database::settle(const Schema& schema) {
    ROTA_CHECK(
        execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF"));
    const std::int64_t application = ROTA_TRY(number("PRAGMA application_id"));
    const std::int64_t tables = ROTA_TRY(number("SELECT count(*) FROM sqlite_schema"));
    if (application != kApplicationId && (application != 0 || tables != 0)) {
        return fail(ErrorKind::config, fmt::format("{} is not a file of rota's", path_));
    }
    const std::int64_t version = ROTA_TRY(number("PRAGMA user_version"));
    if (version > schema.version) {
        return fail(ErrorKind::config,
                    fmt::format("{} has schema version {}, and this rota ({}) knows up to {}: use "
                                "the rota that wrote it, or a newer one",
                                path_, version, ROTA_VERSION, schema.version));
    }
    ROTA_CHECK(execute("PRAGMA journal_mode=WAL"));
    if (version == schema.version) {
        return {};
    }
    Transaction transaction = ROTA_TRY(Transaction::begin(*this));
    // Another process may have done it while this one waited for the lock.
    if (ROTA_TRY(number("PRAGMA user_version")) == 0) {
        ROTA_CHECK(execute(schema.sql));
        ROTA_CHECK(execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                                       kApplicationId, schema.version)
                               .c_str()));
    }
    return transaction.commit();
}

Status Database::execute(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        return fail_sqlite(path_, database_.get());
    }
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
        return fail_sqlite(path_, database_.get());
    }
    return Statement{statement, path_};
}

Result<std::int64_t> Database::number(std::string_view sql) {
    Statement statement = ROTA_TRY(prepare(sql));
    if (!ROTA_TRY(statement.step())) {
        return fail(ErrorKind::internal, fmt::format("{}: no row from {}", path_, sql));
    }
    return statement.integer(0);
}

std::int64_t Database::changed_rows() const noexcept {
    return sqlite3_changes64(database_.get());
}

Result<Transaction> Transaction::begin(Database& database) {
    ROTA_CHECK(database.execute("BEGIN IMMEDIATE"));
    return Transaction{database};
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_{std::exchange(other.database_, nullptr)} {}

Transaction::~Transaction() {
    // The analyzer destroys the variable that ROTA_TRY gives a value to on ROTA_TRY's early return.
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (database_ != nullptr) {
        [[maybe_unused]] const Status ignored = database_->execute("ROLLBACK");
    }
}

Status Transaction::commit() {
    ROTA_CHECK(database_->execute("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace rota::store
