#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace pugi {
class xml_document;  // NOLINT(readability-identifier-naming): pugixml's name
class xml_node;      // NOLINT(readability-identifier-naming): pugixml's name
}  // namespace pugi

// What the codecs of AWS's APIs need of XML, below the APIs' own elements: a strict check in front
// of pugixml, which by itself accepts much that is no XML, and a writer.
namespace rota::aws::xml {

inline constexpr std::size_t kMaxDepth = 64;

/// Reads one document into `document`. Refuses what pugixml would let pass: text that is not UTF-8
/// or not made of XML 1.0 characters, document types, entities other than the five of XML, more
/// than one root, more than kMaxDepth levels, more than `max_size` octets.
/// @returns why the text is not a document, in words for people.
std::expected<void, std::string> load(pugi::xml_document& document, std::string_view text,
                                      std::size_t max_size);

/// The element's name without its namespace prefix.
std::string_view local_name(const pugi::xml_node& element) noexcept;

/// The namespace that the document's own root declares for itself; empty when it does not.
std::string_view root_namespace(const pugi::xml_node& root) noexcept;

/// The first child element of that local name; an empty node when there is none.
pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) noexcept;

/// All character data directly inside, comments left out.
std::string text_of(const pugi::xml_node& element);

/// The first child element of any name; an empty node when there is none.
pugi::xml_node first_element(const pugi::xml_node& parent) noexcept;

/// The next element after `element` under the same parent; an empty node when there is none.
pugi::xml_node next_element(const pugi::xml_node& element) noexcept;

/// True for UTF-8 made of XML 1.0 characters.
bool is_xml_text(std::string_view text) noexcept;

/// Code points in a valid UTF-8 text.
std::size_t count_characters(std::string_view utf8) noexcept;

/// Builds a document from front to back; the caller closes what it opens.
class Writer {
public:
    /// Writes the prolog and opens the root with the API's namespace.
    Writer(std::string_view root, std::string_view xml_namespace);

    void open(std::string_view name);
    void close(std::string_view name);
    /// <name>text</name>, escaped.
    void leaf(std::string_view name, std::string_view text);
    /// The same for `prefix` + `text`.
    void leaf(std::string_view name, std::string_view prefix, std::string_view text);
    void leaf(std::string_view name, std::uint64_t number);
    void leaf_flag(std::string_view name, bool value);

    /// Closes the root and gives the document.
    std::string finish() &&;

private:
    void escape(std::string_view text);

    std::string root_;
    std::string out_;
};

}  // namespace rota::aws::xml
