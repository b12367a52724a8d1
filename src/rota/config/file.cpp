#include "rota/config/file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/near_miss.h"

// Some of its assertions are about the text, such as "[#", which its parser refuses properly right
// behind them: a text from outside must not end the process.
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace rota::config {

class Flattener {
public:
    explicit Flattener(std::string file) : file_{std::move(file)} {}

    Result<Table> flatten(const toml::table& from, unsigned line) {
        Table table;
        table.file_ = file_;
        table.line_ = line;
        ROTA_CHECK(add_all(table, from, ""));
        return table;
    }

private:
    Status add_all(Table& table, const toml::table& from, const std::string& prefix) {
        for (const auto& [name, node] : from) {
            ROTA_CHECK(add(table, node, prefix + std::string{name.str()}));
        }
        // toml++ keeps keys sorted; messages and lists follow the file's own order.
        std::ranges::stable_sort(table.settings_, {}, &Setting::line);
        return {};
    }

    Status add(Table& table, const toml::node& node, std::string key) {
        const unsigned line = node.source().begin.line;
        if (const auto* const inner = node.as_table()) {
            return add_all(table, *inner, key + ".");
        }
        const auto* const array = node.as_array();
        if (array == nullptr) {
            table.settings_.push_back(ROTA_TRY(scalar(node, std::move(key), line)));
            return {};
        }
        if (!array->empty() && array->is_homogeneous(toml::node_type::table)) {
            return add_tables(table, *array, std::move(key), line);
        }
        Setting list{std::move(key), Kind::list, {}, line};
        for (const toml::node& element : *array) {
            Setting one = ROTA_TRY(scalar(element, list.key, element.source().begin.line));
            if (one.kind != Kind::text) {
                return fail(ErrorKind::config, fmt::format("{}:{}: {}: expected a list of strings",
                                                           file_, one.line, list.key));
            }
            list.values.push_back(std::move(one.values.front()));
        }
        table.settings_.push_back(std::move(list));
        return {};
    }

    Status add_tables(Table& table, const toml::array& array, std::string name, unsigned line) {
        Table::Array result{std::move(name), line, {}};
        for (const toml::node& element : array) {
            result.elements.push_back(
                ROTA_TRY(flatten(*element.as_table(), element.source().begin.line)));
        }
        table.arrays_.push_back(std::move(result));
        return {};
    }

    Result<Setting> scalar(const toml::node& node, std::string key, unsigned line) {
        if (const auto* const text = node.as_string()) {
            // A program wrote it for a value it did not have; nothing is meant by one anywhere.
            if (text->get().empty()) {
                return fail(
                    ErrorKind::config,
                    fmt::format("{}:{}: {}: the string is empty; leave the key out for the default",
                                file_, line, key));
            }
            return Setting{std::move(key), Kind::text, {text->get()}, line};
        }
        if (const auto* const integer = node.as_integer()) {
            return Setting{
                std::move(key), Kind::integer, {fmt::format("{}", integer->get())}, line};
        }
        if (const auto* const number = node.as_floating_point()) {
            return Setting{std::move(key), Kind::number, {fmt::format("{}", number->get())}, line};
        }
        if (const auto* const boolean = node.as_boolean()) {
            return Setting{
                std::move(key), Kind::boolean, {boolean->get() ? "true" : "false"}, line};
        }
        return fail(
            ErrorKind::config,
            fmt::format("{}:{}: {}: expected a string, a number, true, false or a list of strings",
                        file_, line, key));
    }

    std::string file_;
};

namespace {

Result<std::string> contents(const std::string& path) {
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) {
        if (errno == ENOENT) {
            return fail(ErrorKind::not_found, fmt::format("{}: no such file", path));
        }
        return fail_errno(fmt::format("cannot read {}", path), errno);
    }
    constexpr std::size_t kMost = std::size_t{1} << 20U;
    std::string text;
    while (true) {
        char buffer[16384];
        const ssize_t size = ::read(file.get(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return fail_errno(fmt::format("cannot read {}", path), errno);
        }
        if (size == 0) {
            return text;
        }
        text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > kMost) {
            return fail(ErrorKind::config,
                        fmt::format("{}: larger than 1 MiB, which no configuration is", path));
        }
    }
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::text:
            return "a string";
        case Kind::integer:
            return "an integer";
        case Kind::number:
            return "a number";
        case Kind::boolean:
            return "true or false";
        case Kind::list:
            return "a list of strings";
    }
    return "a value";
}

const Setting* Table::find(std::string_view key) const noexcept {
    const auto found = std::ranges::find(settings_, key, &Setting::key);
    return found == settings_.end() ? nullptr : &*found;
}

std::unexpected<Error> Table::complain(const Setting& setting, std::string_view what) const {
    return fail(ErrorKind::config,
                fmt::format("{}:{}: {}: {}", file_, setting.line, setting.key, what));
}

Result<std::optional<std::string>> Table::text(std::string_view key) const {
    const Setting* const setting = find(key);
    if (setting == nullptr) {
        return std::nullopt;
    }
    if (setting->kind != Kind::text) {
        return complain(*setting,
                        fmt::format("expected a string, found {}", to_string(setting->kind)));
    }
    return setting->values.front();
}

Result<std::optional<bool>> Table::boolean(std::string_view key) const {
    const Setting* const setting = find(key);
    if (setting == nullptr) {
        return std::nullopt;
    }
    if (setting->kind != Kind::boolean) {
        return complain(*setting,
                        fmt::format("expected true or false, found {}", to_string(setting->kind)));
    }
    return setting->values.front() == "true";
}

Result<std::optional<std::int64_t>> Table::integer(std::string_view key, std::int64_t least,
                                                   std::int64_t most) const {
    const Setting* const setting = find(key);
    if (setting == nullptr) {
        return std::nullopt;
    }
    if (setting->kind != Kind::integer) {
        return complain(*setting,
                        fmt::format("expected an integer, found {}", to_string(setting->kind)));
    }
    const std::string& text = setting->values.front();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < least || value > most) {
        return complain(*setting, fmt::format("{} is not between {} and {}", text, least, most));
    }
    return value;
}

Result<std::optional<std::vector<std::string>>> Table::texts(std::string_view key) const {
    const Setting* const setting = find(key);
    if (setting == nullptr) {
        return std::nullopt;
    }
    if (setting->kind != Kind::list && setting->kind != Kind::text) {
        return complain(*setting, fmt::format("expected a list of strings, found {}",
                                              to_string(setting->kind)));
    }
    return setting->values;
}

std::span<const Table> Table::tables(std::string_view name) const noexcept {
    const auto found = std::ranges::find(arrays_, name, &Array::name);
    return found == arrays_.end() ? std::span<const Table>{} : found->elements;
}

Status Table::allow_only(std::span<const std::string> keys,
                         std::span<const std::string> table_names) const {
    const auto unknown = [&](unsigned line, std::string_view key) {
        std::vector<std::string> known{keys.begin(), keys.end()};
        for (const std::string& name : table_names) {
            known.push_back(fmt::format("[[{}]]", name));
        }
        std::ranges::sort(known);
        const auto meant = near_miss(key, known);
        return fail(ErrorKind::config,
                    fmt::format("{}:{}: unknown key '{}'{}; known keys: {}", file_, line, key,
                                meant ? fmt::format(" (did you mean '{}'?)", *meant) : "",
                                fmt::join(known, ", ")));
    };
    for (const Setting& setting : settings_) {
        if (std::ranges::find(keys, setting.key) == keys.end()) {
            return unknown(setting.line, setting.key);
        }
    }
    for (const Array& array : arrays_) {
        if (std::ranges::find(table_names, array.name) == table_names.end()) {
            return unknown(array.line, array.name);
        }
    }
    return {};
}

Result<Table> parse(std::string_view text, std::string file) {
    const toml::parse_result parsed = toml::parse(text, std::string_view{file});
    if (!parsed) {
        const toml::parse_error& error = parsed.error();
        return fail(ErrorKind::config,
                    fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()));
    }
    return Flattener{std::move(file)}.flatten(parsed.table(), 1);
}

Result<Table> read(const std::string& path) {
    return parse(ROTA_TRY(contents(path)), path);
}

}  // namespace rota::config
