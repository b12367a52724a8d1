#include "rota/instance/user_data.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::instance {
namespace {

constexpr std::string_view kWhole = "#rota-agent";
constexpr std::string_view kBegin = "rota-agent begin";
constexpr std::string_view kEnd = "rota-agent end";
constexpr std::size_t kMost = std::size_t{64} * 1024;  // EC2 takes 16 KiB

std::unexpected<Error> complain(std::size_t line, std::string_view what) {
    return fail(ErrorKind::config, fmt::format("user data:{}: {}", line, what));
}

/// What is behind the # of a comment; nothing when the line is none.
std::optional<std::string_view> comment(std::string_view line) noexcept {
    line = trimmed(line);
    if (!line.starts_with('#')) {
        return std::nullopt;
    }
    return line.substr(1);
}

/// Nothing that rota is told needs other letters, and a parser is better off without them.
bool is_plain(std::string_view line) noexcept {
    return std::ranges::all_of(
        line, [](char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\r'; });
}

/// Goes through the lines, keeps those of the part and empties the others.
class Reader {
public:
    explicit Reader(bool takes_all) : takes_all_{takes_all} {}

    Status take(std::string_view line) {
        ++number_;
        if ((takes_all_ || is_inside_) && !is_plain(line)) {
            return complain(number_, "there are other characters than those of printable ASCII");
        }
        if (takes_all_) {
            toml_.append(line).append(1, '\n');
            return {};
        }
        const auto text = comment(line);
        const std::string_view words = text ? trimmed(*text) : std::string_view{};
        if (words == kBegin) {
            if (begin_ != 0) {
                return complain(number_, fmt::format("a second '{}', after the one in line {}",
                                                     kBegin, begin_));
            }
            begin_ = number_;
            is_inside_ = true;
        } else if (words == kEnd) {
            if (!is_inside_) {
                return complain(number_, fmt::format("'{}' without '{}'", kEnd, kBegin));
            }
            is_inside_ = false;
        } else if (is_inside_) {
            if (!text && !trimmed(line).empty()) {
                return complain(number_,
                                fmt::format("every line between '{}' and '{}' is a comment by #",
                                            kBegin, kEnd));
            }
            toml_ += text.value_or(std::string_view{});
        }
        toml_ += '\n';
        return {};
    }

    Result<std::optional<std::string>> end() && {
        if (is_inside_) {
            return complain(begin_, fmt::format("'{}' without '{}'", kBegin, kEnd));
        }
        const bool is_there = takes_all_ || begin_ != 0;
        return is_there ? std::optional{std::move(toml_)} : std::nullopt;
    }

private:
    bool takes_all_;
    std::size_t number_ = 0;
    std::size_t begin_ = 0;  ///< its line; 0: none yet
    bool is_inside_ = false;
    std::string toml_;
};

}  // namespace

Result<std::optional<std::string>> settings_in_user_data(std::string_view user_data) {
    if (user_data.size() > kMost) {
        return fail(ErrorKind::config, "user data: larger than 64 KiB");
    }
    Reader reader{trimmed(user_data.substr(0, user_data.find('\n'))) == kWhole};
    while (!user_data.empty()) {
        const std::string_view line = user_data.substr(0, user_data.find('\n'));
        user_data.remove_prefix(std::min(user_data.size(), line.size() + 1));
        ROTA_CHECK(reader.take(line));
    }
    return std::move(reader).end();
}

std::string_view why_opaque(std::string_view user_data) noexcept {
    if (user_data.starts_with("\x1f\x8b")) {
        return "is compressed";
    }
    const bool is_multipart = user_data.substr(0, kMost).contains("multipart/");
    if (is_multipart && (user_data.contains("Transfer-Encoding: base64") ||
                         user_data.contains("transfer-encoding: base64"))) {
        return "is partly base64";
    }
    return {};
}

}  // namespace rota::instance
