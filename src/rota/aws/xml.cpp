#include "rota/aws/xml.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/base/encoding.h"

namespace rota::aws::xml {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::uint32_t kNoCharacter = 0xFFFFFFFF;

constexpr bool is_xml_character(std::uint32_t c) noexcept {
    return c == 0x9 || c == 0xA || c == 0xD || (c >= 0x20 && c <= 0xD7FF) ||
           (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

struct Decoded {
    std::uint32_t character = kNoCharacter;
    std::size_t length = 1;
};

constexpr std::uint32_t least_of_length(std::size_t length) noexcept {
    return length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
}

/// The code point at `at`; kNoCharacter (length 1) where the octets are not UTF-8 or the character
/// is none of XML's.
Decoded decode_at(std::string_view text, std::size_t at) noexcept {
    const auto octet = [text](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const std::uint32_t first = octet(at);
    if (first < 0x80) {
        return {is_xml_character(first) ? first : kNoCharacter, 1};
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() - at < length) {
        return {};
    }
    std::uint32_t c = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((octet(at + i) & 0xC0U) != 0x80) {
            return {};
        }
        c = (c << 6U) | (octet(at + i) & 0x3FU);
    }
    if (c < least_of_length(length) || !is_xml_character(c)) {
        return {};
    }
    return {c, length};
}

constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

constexpr bool is_name_start(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// The value of "#65" or "#x41"; kNoCharacter for anything else.
std::uint32_t numeric_reference(std::string_view body) noexcept {
    if (!body.starts_with('#')) {
        return kNoCharacter;
    }
    body.remove_prefix(1);
    const std::uint32_t base = body.starts_with('x') ? 16 : 10;
    if (base == 16) {
        body.remove_prefix(1);
    }
    if (body.empty() || body.size() > 8) {
        return kNoCharacter;
    }
    std::uint32_t value = 0;
    for (const char c : body) {
        std::uint32_t digit = 99;
        if (c >= '0' && c <= '9') {
            digit = static_cast<std::uint32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<std::uint32_t>(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = static_cast<std::uint32_t>(c - 'A') + 10;
        }
        if (digit >= base || value > 0x10FFFF) {
            return kNoCharacter;
        }
        value = value * base + digit;
    }
    return value;
}

using Checked = std::expected<void, std::string>;

Checked check_references(std::string_view text) {
    for (std::size_t at = text.find('&'); at != std::string_view::npos;
         at = text.find('&', at + 1)) {
        const std::size_t end = text.find(';', at);
        const std::string_view body = end == std::string_view::npos || end - at > 10
                                          ? std::string_view{}
                                          : text.substr(at + 1, end - at - 1);
        const bool named =
            body == "amp" || body == "lt" || body == "gt" || body == "quot" || body == "apos";
        if (!named && !is_xml_character(numeric_reference(body))) {
            return std::unexpected(std::string{"a reference that is none of XML's own"});
        }
    }
    return {};
}

Checked check_characters(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const Decoded next = decode_at(text, at);
        if (next.character == kNoCharacter) {
            return std::unexpected(
                fmt::format("octet {} is not UTF-8 or no character of XML", at + 1));
        }
        at += next.length;
    }
    return {};
}

/// Walks the mark-up once and checks what pugixml does not. Tags need not match here: pugixml sees
/// to that.
class Scan {
public:
    explicit Scan(std::string_view text) : text_{text} {}

    Checked run() {
        if (text_.starts_with("<?xml") && text_.size() > 5 && is_space(text_[5])) {
            if (auto checked = declaration(); !checked) {
                return checked;
            }
        }
        while (at_ < text_.size()) {
            Checked checked = text_[at_] == '<' ? mark_up() : character_data();
            if (!checked) {
                return checked;
            }
        }
        if (depth_ != 0 || !seen_root_) {
            return std::unexpected(std::string{seen_root_ ? "the document ends inside an element"
                                                          : "there is no root element"});
        }
        return {};
    }

private:
    Checked declaration() {
        const std::size_t end = text_.find("?>");
        if (end == std::string_view::npos) {
            return std::unexpected(std::string{"the XML declaration does not end"});
        }
        const std::string declared = to_lower(text_.substr(0, end));
        const bool names_encoding = declared.contains("encoding");
        if (names_encoding && !declared.contains("utf-8") && !declared.contains("us-ascii")) {
            return std::unexpected(std::string{"the encoding is not UTF-8"});
        }
        at_ = end + 2;
        return {};
    }

    Checked character_data() {
        const std::size_t end = std::min(text_.find('<', at_), text_.size());
        const std::string_view data = text_.substr(at_, end - at_);
        if (depth_ == 0 && !std::ranges::all_of(data, is_space)) {
            return std::unexpected(std::string{"text outside the root element"});
        }
        at_ = end;
        return check_references(data);
    }

    Checked skip_to(std::string_view terminator, std::size_t from, std::string_view what) {
        const std::size_t end = text_.find(terminator, from);
        if (end == std::string_view::npos) {
            return std::unexpected(fmt::format("{} does not end", what));
        }
        at_ = end + terminator.size();
        return {};
    }

    Checked mark_up() {
        const std::string_view rest = text_.substr(at_);
        if (rest.starts_with("<!--")) {
            return skip_to("-->", at_ + 4, "a comment");
        }
        if (rest.starts_with("<![CDATA[") && depth_ > 0) {
            return skip_to("]]>", at_ + 9, "a CDATA section");
        }
        if (rest.starts_with("<?")) {
            return skip_to("?>", at_ + 2, "a processing instruction");
        }
        if (rest.starts_with("<!")) {
            return std::unexpected(std::string{"a document type is not accepted"});
        }
        if (rest.starts_with("</")) {
            if (depth_ == 0) {
                return std::unexpected(std::string{"an end tag without its start"});
            }
            --depth_;
            return skip_to(">", at_, "an end tag");
        }
        return start_tag();
    }

    Checked start_tag() {
        if (at_ + 1 >= text_.size() || !is_name_start(text_[at_ + 1])) {
            return std::unexpected(std::string{"'<' begins no tag"});
        }
        if (depth_ == 0 && std::exchange(seen_root_, true)) {
            return std::unexpected(std::string{"more than one root element"});
        }
        const std::size_t begin = at_;
        char quote = '\0';
        for (++at_; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '<') {
                break;
            }
            if (quote != '\0') {
                quote = c == quote ? '\0' : quote;
            } else if (c == '"' || c == '\'') {
                quote = c;
            } else if (c == '>') {
                return end_start_tag(begin);
            }
        }
        return std::unexpected(std::string{"a start tag does not end"});
    }

    Checked end_start_tag(std::size_t begin) {
        const bool is_empty_element = text_[at_ - 1] == '/';
        if (!is_empty_element && ++depth_ > kMaxDepth) {
            return std::unexpected(fmt::format("more than {} levels", kMaxDepth));
        }
        ++at_;
        return check_references(text_.substr(begin, at_ - begin));
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    bool seen_root_ = false;
};

}  // namespace

std::expected<void, std::string> load(pugi::xml_document& document, std::string_view text,
                                      std::size_t max_size) {
    if (text.size() > max_size) {
        return std::unexpected(
            fmt::format("{} octets are more than the {} accepted", text.size(), max_size));
    }
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    if (auto checked = check_characters(text); !checked) {
        return checked;
    }
    if (auto checked = Scan{text}.run(); !checked) {
        return checked;
    }
    constexpr unsigned kOptions = pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol |
                                  pugi::parse_wconv_attribute | pugi::parse_ws_pcdata_single;
    const pugi::xml_parse_result parsed =
        document.load_buffer(text.data(), text.size(), kOptions, pugi::encoding_utf8);
    if (!parsed) {
        return std::unexpected(
            fmt::format("{} at octet {}", parsed.description(), parsed.offset + 1));
    }
    return {};
}

std::string_view local_name(const pugi::xml_node& element) noexcept {
    const std::string_view name = element.name();
    const std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view root_namespace(const pugi::xml_node& root) noexcept {
    const std::string_view name = root.name();
    const std::size_t colon = name.find(':');
    for (const pugi::xml_attribute& attribute : root.attributes()) {
        const std::string_view declared = attribute.name();
        const bool is_ours =
            colon == std::string_view::npos
                ? declared == "xmlns"
                : declared.starts_with("xmlns:") && declared.substr(6) == name.substr(0, colon);
        if (is_ours) {
            return attribute.value();
        }
    }
    return {};
}

pugi::xml_node first_element(const pugi::xml_node& parent) noexcept {
    pugi::xml_node node = parent.first_child();
    while (node && node.type() != pugi::node_element) {
        node = node.next_sibling();
    }
    return node;
}

pugi::xml_node next_element(const pugi::xml_node& element) noexcept {
    pugi::xml_node node = element.next_sibling();
    while (node && node.type() != pugi::node_element) {
        node = node.next_sibling();
    }
    return node;
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) noexcept {
    for (pugi::xml_node node = first_element(parent); node; node = next_element(node)) {
        if (local_name(node) == name) {
            return node;
        }
    }
    return {};
}

std::string text_of(const pugi::xml_node& element) {
    std::string text;
    for (const pugi::xml_node& node : element.children()) {
        if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) {
            text += node.value();
        }
    }
    return text;
}

bool is_xml_text(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const Decoded next = decode_at(text, at);
        if (next.character == kNoCharacter) {
            return false;
        }
        at += next.length;
    }
    return true;
}

std::size_t count_characters(std::string_view utf8) noexcept {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; };
    return utf8.size() - static_cast<std::size_t>(std::ranges::count_if(utf8, continues));
}

Writer::Writer(std::string_view root, std::string_view xml_namespace) : root_{root} {
    out_.reserve(512);
    out_ = "<?xml version=\"1.0\"?>\n<";
    out_ += root;
    out_ += " xmlns=\"";
    out_ += xml_namespace;
    out_ += "\">";
}

void Writer::open(std::string_view name) {
    out_ += '<';
    out_ += name;
    out_ += '>';
}

void Writer::close(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
}

void Writer::leaf(std::string_view name, std::string_view text) {
    open(name);
    escape(text);
    close(name);
}

void Writer::leaf(std::string_view name, std::string_view prefix, std::string_view text) {
    open(name);
    escape(prefix);
    escape(text);
    close(name);
}

void Writer::leaf(std::string_view name, std::uint64_t number) {
    open(name);
    out_ += fmt::format_int(number).c_str();
    close(name);
}

void Writer::leaf_flag(std::string_view name, bool value) {
    leaf(name, value ? std::string_view{"true"} : std::string_view{"false"});
}

std::string Writer::finish() && {
    close(root_);
    return std::move(out_);
}

void Writer::escape(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const Decoded next = decode_at(text, at);
        switch (next.character) {
            case kNoCharacter:
                out_ += "\xEF\xBF\xBD";
                break;
            case '&':
                out_ += "&amp;";
                break;
            case '<':
                out_ += "&lt;";
                break;
            case '>':
                out_ += "&gt;";
                break;
            case '\r':
                out_ += "&#13;";
                break;
            default:
                out_ += text.substr(at, next.length);
        }
        at += next.length;
    }
}

}  // namespace rota::aws::xml
