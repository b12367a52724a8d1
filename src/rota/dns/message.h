#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"

// Whole DNS messages as values, for clients and tests. The server's query path has its own parser
// and writer, which neither allocate nor look at more than they need.
namespace rota::dns {

struct Question {
    Name name;
    Type type = Type::a;
    Class klass = Class::in;

    friend bool operator==(const Question&, const Question&) = default;
};

struct Record {
    Name name;
    Type type = Type::a;
    Class klass = Class::in;
    std::uint32_t ttl = 0;
    /// Names in the RDATA of the types that we know are uncompressed and in lower case.
    std::vector<std::uint8_t> rdata;

    friend bool operator==(const Record&, const Record&) = default;
};

/// The OPT record. @source RFC 6891 section 6.1.
struct Edns {
    std::uint16_t udp_size = 1232;
    std::uint8_t version = 0;
    bool dnssec_ok = false;
    std::vector<std::uint8_t> options;  ///< as on the wire

    friend bool operator==(const Edns&, const Edns&) = default;
};

struct Message {
    std::uint16_t id = 0;
    std::uint8_t opcode = 0;
    bool is_response = false;
    bool authoritative = false;
    bool truncated = false;
    bool recursion_desired = false;
    bool recursion_available = false;
    Rcode rcode = Rcode::noerror;  ///< with the OPT record's upper bits
    std::vector<Question> questions;
    std::vector<Record> answers;
    std::vector<Record> authorities;
    std::vector<Record> additionals;  ///< without the OPT record
    std::optional<Edns> edns;

    friend bool operator==(const Message&, const Message&) = default;
};

/// Reads a message that fills `octets` exactly. Safe with hostile input.
/// @errors bad_input: anything cut short or left over, more than one OPT record, names that are
/// none.
Result<Message> parse_message(std::span<const std::uint8_t> octets);

/// The message in wire form, without compression.
std::vector<std::uint8_t> encode_message(const Message& message);

/// A query for one question with recursion not desired.
Message make_query(const Name& name, Type type, std::uint16_t id,
                   const std::optional<Edns>& edns = Edns{});

/// "www.example.com. 60 IN A 192.0.2.1"; types and RDATA that we do not know as RFC 3597 writes
/// them.
std::string to_text(const Record& record);

/// "NXDOMAIN", "NOERROR", …, or "RCODE23".
std::string to_text(Rcode rcode);

}  // namespace rota::dns
