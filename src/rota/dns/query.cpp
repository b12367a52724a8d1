#include "rota/dns/query.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rota/dns/types.h"

namespace rota::dns {

namespace {

using Octets = std::span<const std::uint8_t>;

std::uint16_t u16_at(Octets octets, std::size_t at) noexcept {
    return static_cast<std::uint16_t>((octets[at] << 8U) | octets[at + 1]);
}

/// Folds A-Z in eight octets at once. Length octets stay as they are: they are below 'A'.
std::uint64_t fold_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
    const std::uint64_t low_bits = word & ~kHigh;
    const std::uint64_t from_a = low_bits + (kOnes * (0x80U - 'A'));        // high bit: >= 'A'
    const std::uint64_t beyond_z = low_bits + (kOnes * (0x80U - 'Z' - 1));  // high bit: > 'Z'
    const std::uint64_t is_upper = from_a & ~beyond_z & ~word & kHigh;
    return word | (is_upper >> 2U);  // 0x80 >> 2 = 0x20, the bit between the cases
}

void fold_copy(std::uint8_t* to, Octets from) noexcept {
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    const auto fold_at = [&](std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, from.data() + at, kWord);
        word = fold_word(word);
        std::memcpy(to + at, &word, kWord);
    };
    if (from.size() < kWord) {
        for (std::size_t at = 0; at < from.size(); ++at) {
            const std::uint8_t c = from[at];
            to[at] = c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c | 0x20U) : c;
        }
        return;
    }
    for (std::size_t at = 0; at + kWord < from.size(); at += kWord) {
        fold_at(at);
    }
    fold_at(from.size() - kWord);  // may fold some octets again, which changes nothing
}

/// The size of a name in a later section, which may end in a pointer; 0 when it is broken. Such
/// names are skipped, never followed.
std::size_t skip_name(Octets octets) noexcept {
    constexpr std::uint8_t kPointer = 0xc0;
    std::size_t at = 0;
    while (at < octets.size() && at < kMaxNameSize) {
        const std::uint8_t length = octets[at];
        if (length == 0) {
            return at + 1;
        }
        if ((length & kPointer) == kPointer) {
            return at + 2 <= octets.size() ? at + 2 : 0;
        }
        if ((length & kPointer) != 0) {
            return 0;
        }
        at += 1U + length;
    }
    return 0;
}

bool options_are_whole(Octets options) noexcept {
    while (!options.empty()) {
        if (options.size() < 4) {
            return false;
        }
        const std::size_t size = 4U + u16_at(options, 2);
        if (size > options.size()) {
            return false;
        }
        options = options.subspan(size);
    }
    return true;
}

/// Takes over an OPT record: `fixed` is its type, class, TTL and length, `options` its RDATA.
bool read_opt(Octets fixed, Octets options, Query& query) noexcept {
    if (query.has_edns || !options_are_whole(options)) {
        return false;
    }
    constexpr std::uint8_t kDnssecOk = 0x80;
    query.has_edns = true;
    query.payload_size = u16_at(fixed, 2);
    query.edns_version = fixed[5];
    query.is_dnssec_ok = (fixed[6] & kDnssecOk) != 0;
    return true;
}

/// Walks the records behind the question; OPT may stand anywhere in the additional section and
/// nowhere else, its owner is the root, and nothing may follow the last record.
bool read_records(Octets rest, std::size_t before_additional, std::size_t additional,
                  Query& query) noexcept {
    constexpr std::size_t kFixed = 10;
    for (std::size_t i = 0; i < before_additional + additional; ++i) {
        const std::size_t owner = skip_name(rest);
        if (owner == 0 || rest.size() - owner < kFixed) {
            return false;
        }
        const Octets fixed = rest.subspan(owner, kFixed);
        const std::size_t size = u16_at(fixed, 8);
        if (rest.size() - owner - kFixed < size) {
            return false;
        }
        if (u16_at(fixed, 0) == static_cast<std::uint16_t>(Type::opt)) {
            const bool is_root = rest[0] == 0;
            if (i < before_additional || !is_root ||
                !read_opt(fixed, rest.subspan(owner + kFixed, size), query)) {
                return false;
            }
        }
        rest = rest.subspan(owner + kFixed + size);
    }
    return rest.empty();
}

}  // namespace

std::size_t name_size(Octets octets) noexcept {
    constexpr std::uint8_t kMaxLabel = 63;
    std::size_t at = 0;
    while (at < octets.size() && at < kMaxNameSize) {
        const std::uint8_t length = octets[at];
        if (length == 0) {
            return at + 1;
        }
        if (length > kMaxLabel) {
            return 0;
        }
        at += 1U + length;
    }
    return 0;
}

void FoldedName::assign(Octets name) noexcept {
    fold_copy(octets.data(), name);
    size = static_cast<std::uint8_t>(name.size());
    index();
}

void FoldedName::index() noexcept {
    labels = 0;
    std::uint8_t at = 0;
    while (octets[at] != 0) {
        label[labels++] = at;
        at = static_cast<std::uint8_t>(at + 1U + octets[at]);
    }
    label[labels] = at;
    hash[labels] = kRootHash;
    for (std::size_t i = labels; i-- > 0;) {
        hash[i] = hash_label(hash[i + 1], &octets[label[i]]);
    }
}

Verdict parse_query(Octets message, Query& query) noexcept {
    constexpr std::uint8_t kIsResponse = 0x80;
    constexpr std::uint8_t kOpcode = 0x78;
    query.message = message;
    query.question_size = 0;
    query.has_edns = false;
    if (message.size() < kHeaderSize || (message[2] & kIsResponse) != 0) {
        return Verdict::silence;
    }
    const bool is_query = (message[2] & kOpcode) == 0;
    const Verdict broken = is_query ? Verdict::format_error : Verdict::not_implemented;
    if (u16_at(message, 4) != 1) {
        return broken;
    }
    const Octets body = message.subspan(kHeaderSize);
    const std::size_t size = name_size(body);
    if (size == 0 || body.size() - size < 4) {
        return broken;
    }
    query.question_size = static_cast<std::uint16_t>(size + 4);
    query.type = u16_at(body, size);
    query.klass = u16_at(body, size + 2);
    query.payload_size = 512;
    query.edns_version = 0;
    query.is_dnssec_ok = false;
    query.name.assign(body.first(size));
    const std::size_t before_additional =
        std::size_t{u16_at(message, 6)} + std::size_t{u16_at(message, 8)};
    if (!read_records(body.subspan(size + 4), before_additional, u16_at(message, 10), query)) {
        return broken;
    }
    return is_query ? Verdict::query : Verdict::not_implemented;
}

}  // namespace rota::dns
