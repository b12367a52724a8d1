#include "rota/zone/node_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/dns/name.h"
#include "rota/dns/query.h"
#include "rota/dns/rdata.h"
#include "rota/dns/reply.h"
#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/routing/weighted.h"
#include "rota/zone/answer.h"
#include "rota/zone/members.h"
#include "rota/zone/node.h"
#include "rota/zone/shard.h"

namespace rota::zone {

namespace {

constexpr std::uint16_t kPointer = 0xc000;
constexpr std::uint16_t kToQuestion = kPointer | dns::kHeaderSize;

void append(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> octets) {
    to.insert(to.end(), octets.begin(), octets.end());
}

void append_u16(std::vector<std::uint8_t>& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

/// Where the names are that may be compressed: RFC 3597 section 4 closes the list to these types.
struct NamesIn {
    std::size_t skip = 0;  ///< octets before the first name
    std::size_t count = 0;
};

NamesIn names_in(dns::Type type) {
    switch (type) {
        case dns::Type::ns:
        case dns::Type::cname:
        case dns::Type::ptr:
            return {0, 1};
        case dns::Type::mx:
            return {2, 1};
        case dns::Type::soa:
            return {0, 2};
        default:
            return {};
    }
}

std::uint8_t weight_of(const model::RecordSet& record_set) {
    const auto* const weighted = std::get_if<model::WeightedRouting>(&record_set.routing);
    return weighted == nullptr ? 0 : weighted->weight;
}

}  // namespace

NodeWriter::NodeWriter(const dns::Name& name, const dns::Name& apex, std::size_t types,
                       const Node* before, MemberIndex& next_member)
    : apex_{apex},
      before_{before},
      next_member_{next_member},
      pointer_to_apex_{
          static_cast<std::uint16_t>(kToQuestion + name.wire().size() - apex.wire().size())},
      name_size_{static_cast<std::uint8_t>(name.wire().size())},
      types_{types} {
    bytes_.resize(sizeof(Node) + (types * sizeof(RrsetEntry)));
    put(name.wire().data(), name.wire().size());
}

void NodeWriter::add(std::span<const model::RecordSet* const> record_sets) {
    const dns::Type type = record_sets.front()->type;
    if (record_sets.front()->set_identifier.empty()) {
        const auto images = render(*record_sets.front());
        if (!images.empty()) {
            align();
            entries_.push_back({std::to_underlying(type), Body::records, put_records(images)});
        }
        return;
    }
    std::vector<Member> members;
    for (const model::RecordSet* const record_set : record_sets) {
        auto images = render(*record_set);
        if (images.empty() || members.size() == routing::kMaxCandidates) {
            continue;
        }
        const MemberIndex known =
            before_ == nullptr ? kNoMember : member_of(*before_, type, record_set->set_identifier);
        members.push_back({record_set, weight_of(*record_set),
                           known == kNoMember ? next_member_++ : known, std::move(images)});
    }
    if (members.empty()) {
        return;
    }
    align();
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    const Image& pattern = members.front().images.front();
    constexpr std::size_t kLargestEven = 4096;
    const bool are_even = std::ranges::all_of(members, [&](const Member& member) {
        const Image& image = member.images.front();
        return member.images.size() == 1 && image.octets.size() <= kLargestEven &&
               names_in(type).count == 0 && image.octets.size() == pattern.octets.size() &&
               std::equal(image.octets.begin(), image.octets.begin() + kImageHead,
                          pattern.octets.begin());
    });
    entries_.push_back(
        {std::to_underlying(type), are_even ? Body::even_members : Body::mixed_members, offset});
    are_even ? put_even(members) : put_mixed(members);
}

LineBuffer NodeWriter::finish(unsigned flags) {
    ROTA_ASSERT(entries_.size() <= types_);
    LineBuffer block{(bytes_.size() + kLine - 1) / kLine * kLine};
    Node node;
    node.lines_ = static_cast<std::uint32_t>(block.size() / kLine);
    node.rrsets_ = static_cast<std::uint16_t>(types_);
    node.flags_ = static_cast<std::uint8_t>(flags);
    node.name_size_ = name_size_;
    entries_.resize(types_, RrsetEntry{0, Body::records, 0});
    std::memcpy(bytes_.data(), &node, sizeof(node));
    if (types_ != 0) {
        std::memcpy(bytes_.data() + sizeof(node), entries_.data(), types_ * sizeof(RrsetEntry));
    }
    bytes_.resize(block.size());
    std::memcpy(block.data(), bytes_.data(), bytes_.size());
    return block;
}

std::vector<NodeWriter::Image> NodeWriter::render(const model::RecordSet& record_set) const {
    std::vector<Image> images;
    for (const auto& value : record_set.values) {
        const auto rdata = dns::rdata_from_text(record_set.type, value);
        if (!rdata) {
            // The API refuses such values, so only a damaged store holds them.
            log::error("value left out of the answers", {{"name", record_set.name.to_text()},
                                                         {"type", dns::to_string(record_set.type)},
                                                         {"reason", rdata.error().message}});
            continue;
        }
        images.push_back(render(record_set.type, record_set.ttl, *rdata));
    }
    return images;
}

NodeWriter::Image NodeWriter::render(dns::Type type, std::uint32_t ttl,
                                     std::span<const std::uint8_t> rdata) const {
    Image image;
    append_u16(image.octets, kToQuestion);
    append_u16(image.octets, std::to_underlying(type));
    append_u16(image.octets, std::to_underlying(dns::Class::in));
    append_u16(image.octets, ttl >> 16U);
    append_u16(image.octets, ttl);
    append_u16(image.octets, 0);
    const NamesIn names = names_in(type);
    append(image.octets, rdata.first(names.skip));
    rdata = rdata.subspan(names.skip);
    for (std::size_t i = 0; i < names.count; ++i) {
        const auto name = rdata.first(dns::name_size(rdata));
        put_name(image, name, i == 0 ? image.pointers.first : image.pointers.second);
        rdata = rdata.subspan(name.size());
    }
    append(image.octets, rdata);
    dns::put_u16(&image.octets[kImageHead - 2], image.octets.size() - kImageHead);
    return image;
}

void NodeWriter::put_name(Image& image, std::span<const std::uint8_t> name,
                          std::uint16_t& pointer) const {
    const auto parsed = dns::Name::from_wire(name);
    if (!parsed || apex_.is_root() || !parsed->is_at_or_below(apex_)) {
        append(image.octets, name);
        return;
    }
    append(image.octets, name.first(name.size() - apex_.wire().size()));
    pointer = static_cast<std::uint16_t>(image.octets.size());
    append_u16(image.octets, pointer_to_apex_);
}

std::uint32_t NodeWriter::put_records(std::span<const Image> images) {
    const bool has_pointers = std::ranges::any_of(images, [](const Image& image) {
        return image.pointers.first != 0 || image.pointers.second != 0;
    });
    RrList list{static_cast<std::uint16_t>(images.size()),
                has_pointers ? std::uint16_t{1} : std::uint16_t{0}, 0};
    for (const Image& image : images) {
        list.bytes += static_cast<std::uint32_t>(image.octets.size());
    }
    const std::uint32_t at = put(list);
    std::uint32_t offset = 0;
    for (const Image& image : images) {
        if (images.size() > 1) {
            put(offset);
        }
        offset += static_cast<std::uint32_t>(image.octets.size());
    }
    for (const Image& image : images) {
        if (has_pointers) {
            put(image.pointers);
        }
    }
    for (const Image& image : images) {
        put(image.octets.data(), image.octets.size());
    }
    return at;
}

void NodeWriter::put_even(std::span<const Member> members) {
    std::vector<std::uint8_t> weights;
    for (const Member& member : members) {
        weights.push_back(member.weight);
    }
    const routing::AliasTable table = routing::build_alias_table(weights);
    const auto& pattern = members.front().images.front().octets;
    const std::size_t value_size = pattern.size() - kImageHead;
    const std::size_t stride = (sizeof(EvenSlot) + value_size + 3) / 4 * 4;
    const std::size_t header = put(WeightedHeader{static_cast<std::uint16_t>(table.slots.size()),
                                                  static_cast<std::uint16_t>(stride), table.total,
                                                  0, static_cast<std::uint32_t>(members.size())});
    put(pattern.data(), kImageHead);
    for (std::size_t i = 0; i < table.slots.size(); ++i) {
        const Member& member = members[table.candidates[i]];
        put(EvenSlot{table.slots[i].threshold, table.slots[i].alias, member.index});
        put(member.images.front().octets.data() + kImageHead, value_size);
        align();
    }
    put_member_names(members, header);
}

void NodeWriter::put_mixed(std::span<const Member> members) {
    std::vector<std::uint8_t> weights;
    for (const Member& member : members) {
        weights.push_back(member.weight);
    }
    const routing::AliasTable table = routing::build_alias_table(weights);
    const std::size_t header =
        put(WeightedHeader{static_cast<std::uint16_t>(table.slots.size()), sizeof(MixedSlot),
                           table.total, 0, static_cast<std::uint32_t>(members.size())});
    const std::size_t slots = bytes_.size();
    bytes_.resize(slots + (table.slots.size() * sizeof(MixedSlot)));
    for (std::size_t i = 0; i < table.slots.size(); ++i) {
        const Member& member = members[table.candidates[i]];
        align();
        const MixedSlot slot{table.slots[i].threshold, table.slots[i].alias, member.index,
                             put_records(member.images)};
        std::memcpy(bytes_.data() + slots + (i * sizeof(slot)), &slot, sizeof(slot));
    }
    put_member_names(members, header);
}

void NodeWriter::put_member_names(std::span<const Member> members, std::size_t header) {
    align();
    const auto names = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + header + offsetof(WeightedHeader, names), &names, sizeof(names));
    for (const Member& member : members) {
        const auto& name = member.record_set->set_identifier;
        put(MemberName{member.index, static_cast<std::uint32_t>(name.size())});
        put(name.data(), name.size());
        align();
    }
}

std::uint32_t NodeWriter::put(const void* from, std::size_t size) {
    const auto at = static_cast<std::uint32_t>(bytes_.size());
    const auto* const first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
    return at;
}

void NodeWriter::align() {
    bytes_.resize((bytes_.size() + 3) / 4 * 4);
}

}  // namespace rota::zone
