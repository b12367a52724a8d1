#include "rota/lab/dns_question.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"

namespace rota::lab {

std::vector<std::uint8_t> address_query(std::uint16_t id, const dns::Name& name) {
    return dns::encode_message(dns::make_query(name, dns::Type::a, id));
}

std::optional<AddressAnswer> parse_answer(std::span<const std::uint8_t> message, std::uint16_t id,
                                          const dns::Name& name) {
    const auto reply = dns::parse_message(message);
    const std::vector<dns::Question> question{{.name = name, .type = dns::Type::a}};
    if (!reply || !reply->is_response || reply->truncated || reply->id != id ||
        reply->questions != question) {
        return std::nullopt;
    }
    AddressAnswer answer{.rcode = reply->rcode, .address = std::nullopt};
    const auto record = std::ranges::find(reply->answers, dns::Type::a, &dns::Record::type);
    if (record != reply->answers.end()) {
        const auto text = dns::rdata_to_text(dns::Type::a, record->rdata);
        if (text) {
            answer.address = *text;
            answer.ttl = std::chrono::seconds{record->ttl};
        }
    }
    return answer;
}

}  // namespace rota::lab
