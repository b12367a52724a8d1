#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"

// A configuration file (TOML 1.0) as flat, typed settings: every value is reached by its dotted key
// and knows its line, so that every complaint can name the file, the line and the key.
namespace rota::config {

enum class Kind : std::uint8_t { text, integer, number, boolean, list };

/// "a string", "an integer", … as an error message says it.
std::string_view to_string(Kind kind) noexcept;

/// One setting as written: a list has any number of values, everything else exactly one.
struct Setting {
    std::string key;  ///< dotted: "limits.connections"
    Kind kind = Kind::text;
    std::vector<std::string> values;  ///< booleans as "true" and "false"
    unsigned line = 0;
};

/// The settings of a file, or of one element of an array of tables ([[rota]]).
class Table {
public:
    /// No settings, as when a file does not exist.
    Table() = default;

    [[nodiscard]] const std::string& file() const noexcept { return file_; }

    /// The line where the table begins; 1 for the file itself.
    [[nodiscard]] unsigned line() const noexcept { return line_; }

    [[nodiscard]] std::span<const Setting> settings() const noexcept { return settings_; }

    [[nodiscard]] const Setting* find(std::string_view key) const noexcept;

    /// The value of a setting; nothing when the key is not there.
    /// @errors config: another type, out of range; names file, line and key.
    [[nodiscard]] Result<std::optional<std::string>> text(std::string_view key) const;
    [[nodiscard]] Result<std::optional<bool>> boolean(std::string_view key) const;
    [[nodiscard]] Result<std::optional<std::int64_t>> integer(std::string_view key,
                                                              std::int64_t least,
                                                              std::int64_t most) const;
    /// A list of strings; a single string counts as a list of one.
    [[nodiscard]] Result<std::optional<std::vector<std::string>>> texts(std::string_view key) const;

    /// The elements of the array of tables of that name, in the file's order.
    [[nodiscard]] std::span<const Table> tables(std::string_view name) const noexcept;

    /// Refuses keys and arrays of tables that are not in the lists.
    /// @errors config: "/etc/rota/serve.toml:12: unknown key 'dnss' (did you mean 'dns'?); known
    /// keys: api, data, dns".
    [[nodiscard]] Status allow_only(std::span<const std::string> keys,
                                    std::span<const std::string> table_names = {}) const;

    /// The error of a setting: "FILE:LINE: KEY: what".
    [[nodiscard]] std::unexpected<Error> complain(const Setting& setting,
                                                  std::string_view what) const;

private:
    struct Array {
        std::string name;
        unsigned line = 0;
        std::vector<Table> elements;
    };

    friend class Flattener;

    std::string file_;
    unsigned line_ = 1;
    std::vector<Setting> settings_;
    std::vector<Array> arrays_;
};

/// Reads TOML text; `file` is the name for messages.
/// @errors config: "FILE:LINE: what", for a syntax error, an empty string or a type that no setting
/// has (a date).
Result<Table> parse(std::string_view text, std::string file);

/// Reads a file. @errors not_found: it does not exist; io, permission: it cannot be read; config:
/// as parse().
Result<Table> read(const std::string& path);

}  // namespace rota::config
