#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "rota/dns/wire.h"

namespace rota::dns {
namespace {

TEST(WireReader, a_read_past_the_end_gives_zeros_and_sticks) {
    const std::vector<std::uint8_t> octets{1, 2, 3};
    WireReader in{octets};
    EXPECT_EQ(in.u16(), 0x0102);
    EXPECT_EQ(in.u32(), 0U);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.u8(), 0U);
    EXPECT_FALSE(in.finished());
    EXPECT_TRUE(in.rest().empty());
}

TEST(WireReader, follows_compression_pointers_back_only) {
    const std::vector<std::uint8_t> message{1, 'a', 0, 1, 'B', 0xc0, 0, 0xc0, 3, 9};
    WireReader in{message, 7};
    EXPECT_EQ(in.name().to_text(), "b.a.");
    EXPECT_EQ(in.u8(), 9U);
    EXPECT_TRUE(in.finished());
}

TEST(WireReader, refuses_loops_forward_pointers_and_broken_labels) {
    const std::vector<std::vector<std::uint8_t>> cases{
        {0xc0, 0},          // itself
        {0xc0, 2, 0},       // forward
        {1, 'a', 0xc0, 0},  // into the name that holds it
        {0xc0},             // half a pointer
        {1, 'a'},           // no end
        {64, 'a', 0},       // reserved label type
        {0x80, 0},
        {5, 'a', 0},
        {},
    };
    for (const auto& message : cases) {
        WireReader in{message};
        EXPECT_TRUE(in.name().is_root());
        EXPECT_FALSE(in.ok());
    }
}

TEST(WireReader, a_name_made_too_long_by_pointers_is_refused) {
    std::vector<std::uint8_t> message;
    for (int i = 0; i < 3; ++i) {
        message.push_back(63);
        message.insert(message.end(), 63, 'a');
    }
    message.push_back(0);
    const std::size_t second = message.size();
    message.push_back(62);
    message.insert(message.end(), 62, 'b');
    message.insert(message.end(), {0xc0, 0});
    WireReader in{message, second};
    in.name();
    EXPECT_FALSE(in.ok());
}

TEST(WireWriter, writes_big_endian_and_takes_back_lengths) {
    WireWriter out;
    out.u16(0).u32(0x01020304).u8(5).name(Name::parse("a.").value()).set_u16(0, 0xfffe);
    EXPECT_EQ(out.take(), (std::vector<std::uint8_t>{0xff, 0xfe, 1, 2, 3, 4, 5, 1, 'a', 0}));
}

}  // namespace
}  // namespace rota::dns
