#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/zone/answer.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"
#include "support/dns_messages.h"

// Any message, answered over UDP and TCP from zones with everything in them: the response keeps
// within its limits and can be read by an independent reader.
namespace {

rota::zone::SnapshotPtr zones() {
    using rota::test::hosted_zone;
    using rota::test::record_sets;
    const auto first = rota::test::snapshot("example.com", R"(
        example.com. 900 SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300
        example.com. 900 NS ns1.example.com.
        example.com. 60 MX 10 mail.example.com.
        [i-1 1] www.example.com. 60 A 192.0.2.1
        [i-2 2] www.example.com. 60 A 192.0.2.2
        alias.example.com. 60 CNAME www.example.com.
        loop.example.com. 60 CNAME loop.example.com.
        there.example.com. 60 CNAME back.example.net.
        [i-1 1] w.example.com. 60 CNAME alias.example.com.
        [i-2 1] w.example.com. 60 CNAME there.example.com.
        a.b.c.example.com. 60 TXT "x"
        *.wild.example.com. 60 MX 5 mail.wild.example.com.
        *.walias.example.com. 60 CNAME www.example.com.
        sub.example.com. 60 NS ns.sub.example.com.
        sub.example.com. 60 NS ns1.example.com.
        ns.sub.example.com. 60 A 192.0.2.3
        ns.sub.example.com. 60 AAAA 2001:db8::3
        ns1.example.com. 60 A 192.0.2.53
    )");
    return with_zone(first, hosted_zone("example.net", "Z2"), record_sets(R"(
        example.net. 900 SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300
        back.example.net. 60 CNAME deep.sub.example.com.
    )"));
}

void check(std::span<const std::uint8_t> query, rota::zone::Transport transport,
           std::size_t limit) {
    static const auto kZones = zones();
    const auto reply = std::make_unique<std::uint8_t[]>(limit);
    rota::Rng rng{query.size()};
    const auto answer = rota::zone::answer(*kZones, query, {reply.get(), limit}, transport, rng);
    ROTA_ASSERT(answer.size <= limit);
    if (answer.size != 0) {
        const auto text = rota::test::to_text({reply.get(), answer.size});
        ROTA_ASSERT(!text.contains("broken: "));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    check({data, size}, rota::zone::Transport::udp, 1232);
    check({data, size}, rota::zone::Transport::udp, 512);
    check({data, size}, rota::zone::Transport::tcp, 65535);
    return 0;
}
