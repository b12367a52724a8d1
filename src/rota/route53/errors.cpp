#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/dns/name.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

constexpr std::size_t kMaxErrorBody = std::size_t{1} << 20U;
constexpr std::size_t kMaxQuotedBody = 200;

/// How the known entries of InvalidChangeBatch's list begin.
constexpr std::array<std::string_view, 10> kMessageStarts{
    "Tried to ",     "RRSet ",     "Exceeded limit", "Number of ",     "Invalid ",
    "FATAL problem", "Duplicate ", "The request ",   "A HealthCheck ", "Cannot "};

bool begins_message(std::string_view text) noexcept {
    return std::ranges::any_of(kMessageStarts,
                               [text](std::string_view start) { return text.starts_with(start); });
}

/// What a body that is no error document says: its first characters, on one line.
std::string quote_body(std::string_view body) {
    if (body.empty()) {
        return "the answer has no body";
    }
    std::string quoted;
    for (const char c : body.substr(0, kMaxQuotedBody)) {
        quoted += c >= ' ' && c <= '~' ? c : ' ';
    }
    return fmt::format("the answer is no Route 53 error: {}", quoted);
}

bool read_error(ApiError& into, const pugi::xml_node& root) {
    into.request_id = aws::xml::text_of(aws::xml::child(root, "RequestId"));
    if (aws::xml::local_name(root) == "InvalidChangeBatch") {
        into.code = "InvalidChangeBatch";
        const pugi::xml_node list = aws::xml::child(root, "Messages");
        for (pugi::xml_node node = aws::xml::first_element(list); node;
             node = aws::xml::next_element(node)) {
            into.messages.push_back(aws::xml::text_of(node));
        }
        into.message = fmt::format("[{}]", fmt::join(into.messages, ", "));
        return true;
    }
    const pugi::xml_node error = aws::xml::child(root, "Error");
    into.code = aws::xml::text_of(aws::xml::child(error, "Code"));
    into.message = aws::xml::text_of(aws::xml::child(error, "Message"));
    if (into.code == "InvalidChangeBatch") {
        into.messages = split_messages(into.message);
    }
    return !into.code.empty();
}

std::string problem_words(std::string_view name, std::string_view meaning, std::string_view text) {
    return fmt::format("FATAL problem: {} ({}) encountered with '{}'", name, meaning, text);
}

/// The length of the longest label, with an escape (`\ooo`) as one octet; 0 when a label is empty.
struct LabelLengths {
    std::size_t longest = 0;
    bool has_empty = false;
};

LabelLengths measure_labels(std::string_view text) noexcept {
    LabelLengths lengths;
    std::size_t length = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at == text.size() || text[at] == '.') {
            lengths.longest = std::max(lengths.longest, length);
            lengths.has_empty = lengths.has_empty || length == 0;
            length = 0;
            continue;
        }
        ++length;
        if (text[at] == '\\') {
            at += 3;
        }
    }
    return lengths;
}

}  // namespace

ApiError decode_error(int status, std::string_view body) {
    ApiError error;
    error.status = status;
    pugi::xml_document document;
    if (aws::xml::load(document, body, kMaxErrorBody) &&
        read_error(error, document.document_element())) {
        return error;
    }
    error.code = fmt::format("HTTP {}", status);
    error.message = quote_body(body);
    return error;
}

std::string_view strip_id_prefix(std::string_view id) noexcept {
    if (id.starts_with('/')) {
        id.remove_prefix(1);
    }
    for (const std::string_view prefix : {"hostedzone/", "change/", "delegationset/"}) {
        if (id.starts_with(prefix)) {
            return id.substr(prefix.size());
        }
    }
    return id;
}

std::vector<std::string> split_messages(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']') && text.size() >= 2) {
        text = text.substr(1, text.size() - 2);
    }
    std::vector<std::string> messages;
    std::size_t begin = 0;
    for (std::size_t comma = text.find(", "); comma != std::string_view::npos;
         comma = text.find(", ", comma + 1)) {
        if (begins_message(text.substr(comma + 2))) {
            messages.emplace_back(text.substr(begin, comma - begin));
            begin = comma + 2;
        }
    }
    if (begin < text.size()) {
        messages.emplace_back(text.substr(begin));
    }
    return messages;
}

bool is_sendable(std::string_view text) noexcept {
    return aws::xml::is_xml_text(text);
}

std::string name_problem(std::string_view name) {
    const auto is_unsupported = [](char c) { return c <= ' ' || c > '~'; };
    if (const auto* const bad = std::ranges::find_if(name, is_unsupported); bad != name.end()) {
        const bool is_ascii = *bad >= 0;
        return problem_words("UnsupportedCharacter", "Value contains unsupported characters",
                             is_ascii ? std::string_view{bad, 1} : name);
    }
    if (dns::Name::parse(name)) {
        return {};
    }
    const std::string_view labels = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    const LabelLengths lengths = measure_labels(labels);
    if (lengths.has_empty) {
        return problem_words("DomainLabelEmpty", "Domain label is empty", name);
    }
    if (lengths.longest > 63) {
        return problem_words("DomainLabelTooLong", "Domain label is too long", name);
    }
    if (labels.size() > 254) {
        return problem_words("DomainNameTooLong", "Domain name is too long", name);
    }
    return problem_words("UnsupportedCharacter", "Value contains unsupported characters", name);
}

}  // namespace rota::route53
