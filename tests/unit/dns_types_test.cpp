#include <array>

#include <gtest/gtest.h>

#include "rota/dns/types.h"

namespace rota::dns {
namespace {

TEST(Type, every_stored_type_has_a_mnemonic_that_reads_back) {
    constexpr std::array kStored{Type::a,     Type::aaaa, Type::caa,   Type::cname, Type::ds,
                                 Type::https, Type::mx,   Type::naptr, Type::ns,    Type::ptr,
                                 Type::soa,   Type::spf,  Type::srv,   Type::sshfp, Type::svcb,
                                 Type::tlsa,  Type::txt};
    for (const Type type : kStored) {
        EXPECT_FALSE(to_string(type).empty());
        EXPECT_EQ(type_from_string(to_string(type)), type);
    }
    EXPECT_EQ(to_string(Type::naptr), "NAPTR");
}

TEST(Type, message_types_and_unknown_words_are_not_stored_types) {
    EXPECT_EQ(to_string(Type::opt), "");
    EXPECT_EQ(to_string(Type::any), "");
    EXPECT_EQ(to_string(static_cast<Type>(65280)), "");
    for (const char* word : {"", "a", "ANY", "OPT", "AXFR", "TYPE1", "A "}) {
        EXPECT_FALSE(type_from_string(word)) << word;
    }
}

}  // namespace
}  // namespace rota::dns
