#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rota/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

// As much of SQLite as the store needs, with its handles owned and its errors as values.
namespace rota::store {

/// A prepared statement. Parameters count from 1, columns from 0. Borrowed text lives until the
/// next step() or reset().
class Statement {
public:
    void bind(int parameter, std::string_view text) noexcept;
    void bind(int parameter, std::int64_t number) noexcept;

    /// Runs on to the next row. @returns false at the end.
    Result<bool> step();

    /// Runs to the end and makes the statement ready to be bound anew.
    Status run();

    void reset() noexcept;

    [[nodiscard]] std::string_view text(int column) const noexcept;
    [[nodiscard]] std::int64_t integer(int column) const noexcept;

private:
    friend class Database;

    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };

    Statement(sqlite3_stmt* statement, std::string path)
        : statement_{statement}, path_{std::move(path)} {}

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    std::string path_;
};

/// What a database file must be: `schema` creates version 1 in an empty file.
struct Schema {
    int version = 1;
    const char* sql = nullptr;
};

/// A connection; one thread at a time.
class Database {
public:
    /// Opens or creates a file (mode 0600) with write-ahead log and an fsync a commit, and brings
    /// an empty one to the schema.
    /// @errors config: not rota's file, or of a newer schema; io, permission.
    static Result<Database> open(const std::string& path, const Schema& schema);

    Status execute(const char* sql);
    Result<Statement> prepare(std::string_view sql);

    /// A single number, as of "PRAGMA data_version".
    Result<std::int64_t> number(std::string_view sql);

    [[nodiscard]] std::int64_t changed_rows() const noexcept;

private:
    struct Close {
        void operator()(sqlite3* database) const noexcept;
    };

    Database(sqlite3* database, std::string path) : database_{database}, path_{std::move(path)} {}

    Status settle(const Schema& schema);

    std::unique_ptr<sqlite3, Close> database_;
    std::string path_;
};

/// A write transaction: rolled back unless committed.
class Transaction {
public:
    static Result<Transaction> begin(Database& database);

    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    /// Durable when it returns success.
    Status commit();

private:
    explicit Transaction(Database& database) : database_{&database} {}

    Database* database_;  ///< nothing when done
};

}  // namespace rota::store
