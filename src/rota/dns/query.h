#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// Reading a query on the query path: no allocation, no exceptions, every octet hostile.
namespace rota::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxNameSize = 255;
inline constexpr std::size_t kMaxLabels = 127;

/// A name in lower case with the place and the hash of each of its suffixes, all that a lookup
/// needs. Only what `size` and `labels` cover is written: 1.4 KB that are never cleared.
struct FoldedName {
    /// Reading eight octets at a time may look, but not depend on, this far behind the name.
    static constexpr std::size_t kSlack = 8;

    std::array<std::uint8_t, kMaxNameSize + kSlack> octets;
    std::array<std::uint8_t, kMaxLabels + 1> label;  ///< [i]: where label i begins; [labels]: root
    std::array<std::uint64_t, kMaxLabels + 1> hash;  ///< [i]: of the suffix that begins at label i
    std::uint8_t size;
    std::uint8_t labels;  ///< without the root

    [[nodiscard]] std::span<const std::uint8_t> wire() const noexcept {
        return std::span{octets}.first(size);
    }

    /// The suffix that begins at label i.
    [[nodiscard]] std::span<const std::uint8_t> suffix(std::size_t i) const noexcept {
        return wire().subspan(label[i]);
    }

    /// Takes over a valid uncompressed name, folding its case.
    void assign(std::span<const std::uint8_t> name) noexcept;

    /// Computes `label` and `hash` for what stands in `octets` and `size`.
    void index() noexcept;
};

/// The size of the uncompressed name at the start of `octets`, the root label included; 0 when
/// there is none: it runs out of the octets, is longer than 255, or has a pointer or a reserved
/// label type.
std::size_t name_size(std::span<const std::uint8_t> octets) noexcept;

/// One step from a suffix's hash to that of the name one label longer. The hash is not keyed: the
/// tables hold the operator's names, so a stranger's names can hit a chain but not lengthen it.
/// @param label  its length octet; FoldedName::kSlack octets behind it can be read.
inline std::uint64_t hash_label(std::uint64_t suffix, const std::uint8_t* label) noexcept {
    constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio, odd
    const auto mix = [](std::uint64_t x) {
        x *= kMultiplier;
        return x ^ (x >> 32U);
    };
    const auto load = [](const std::uint8_t* from) {
        std::uint64_t word = 0;
        std::memcpy(&word, from, sizeof(word));
        return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
    };
    std::size_t left = std::size_t{*label} + 1;
    while (left > sizeof(std::uint64_t)) {
        suffix = mix(suffix ^ load(label));
        label += sizeof(std::uint64_t);
        left -= sizeof(std::uint64_t);
    }
    const std::uint64_t keep = ~std::uint64_t{0} >> (64U - (8U * left));
    return mix(suffix ^ (load(label) & keep));
}

/// The root's hash, where every chain of hash_label begins.
inline constexpr std::uint64_t kRootHash = 0x51ed270b9f6ce3a7ULL;

struct Query {
    std::span<const std::uint8_t> message;
    FoldedName name;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::uint16_t question_size = 0;   ///< name, type and class; 0 when there is no whole question
    std::uint16_t payload_size = 512;  ///< what the client can take over UDP
    std::uint8_t edns_version = 0;
    bool has_edns = false;
    bool is_dnssec_ok = false;
};

enum class Verdict : std::uint8_t {
    query,            ///< one question that can be answered
    silence,          ///< not a query, or no header: answering could feed a loop
    format_error,     ///< to be told so, with the question when question_size is not 0
    not_implemented,  ///< an operation other than QUERY; to be told so in the same way
};

/// Reads a message. Nothing of `query` but `message`, `question_size` and `has_edns` is set unless
/// the verdict is `query`, or another with a question. OPT is seen even if what follows is broken,
/// as each response to it must carry one (RFC 6891 section 6.1.1).
/// @source RFC 1035 section 4.1, RFC 6891 section 6.1, RFC 9619 (QDCOUNT is 1).
Verdict parse_query(std::span<const std::uint8_t> message, Query& query) noexcept;

}  // namespace rota::dns
