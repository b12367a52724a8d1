#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"
#include "rota/zone/shard.h"

namespace rota::zone {

/// Writes one node's block of memory. Call add() for each type, at most once, then finish().
class NodeWriter {
public:
    /// @param types  how many times add() will be called.
    /// @param before  the node that this one replaces, whose members keep their indexes; or null.
    /// @param next_member  where new members take their indexes from.
    NodeWriter(const dns::Name& name, const dns::Name& apex, std::size_t types, const Node* before,
               MemberIndex& next_member);

    /// Adds the record sets of one type: a simple one alone, or all members of a rota.
    void add(std::span<const model::RecordSet* const> record_sets);

    /// @param flags  of Node::Flag.
    LineBuffer finish(unsigned flags);

private:
    struct Image {
        std::vector<std::uint8_t> octets;
        Pointers pointers{};
    };

    struct Member {
        const model::RecordSet* record_set = nullptr;
        std::uint8_t weight = 0;
        MemberIndex index = kNoMember;
        std::vector<Image> images;
    };

    [[nodiscard]] Image render(dns::Type type, std::uint32_t ttl,
                               std::span<const std::uint8_t> rdata) const;
    [[nodiscard]] std::vector<Image> render(const model::RecordSet& record_set) const;
    void put_name(Image& image, std::span<const std::uint8_t> name, std::uint16_t& pointer) const;
    std::uint32_t put_records(std::span<const Image> images);
    void put_even(std::span<const Member> members);
    void put_mixed(std::span<const Member> members);
    void put_member_names(std::span<const Member> members, std::size_t header);

    std::uint32_t put(const void* from, std::size_t size);
    void align();

    template <typename T>
    std::uint32_t put(const T& value) {
        return put(&value, sizeof(value));
    }

    const dns::Name& apex_;
    const Node* before_;
    MemberIndex& next_member_;
    std::uint16_t pointer_to_apex_;
    std::vector<RrsetEntry> entries_;
    std::uint8_t name_size_;
    std::size_t types_;
    std::vector<std::byte> bytes_;
};

}  // namespace rota::zone
