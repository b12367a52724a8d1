#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/health/grpc_call.h"

namespace rota::health {
namespace {

using namespace std::string_literals;

std::string message(std::string_view body) {
    return "\0\0\0\0"s + static_cast<char>(body.size()) + std::string{body};
}

/// One HTTP/2 frame.
std::string frame(char type, char flags, char stream, std::string_view payload) {
    return "\0\0"s + static_cast<char>(payload.size()) + type + flags + "\0\0\0"s + stream +
           std::string{payload};
}

/// A header field as HPACK writes it without its tables.
std::string field(std::string_view name, std::string_view value) {
    return "\0"s + static_cast<char>(name.size()) + std::string{name} +
           static_cast<char>(value.size()) + std::string{value};
}

constexpr char kData = 0;
constexpr char kHeaders = 1;
constexpr char kReset = 3;
constexpr char kSettings = 4;
constexpr char kGoaway = 7;
constexpr char kEndStream = 1;
constexpr char kEndHeaders = 4;

const std::string kHello = frame(kSettings, 0, 0, "");
const std::string kOk = frame(kHeaders, kEndHeaders, 1,
                              field(":status", "200") + field("content-type", "application/grpc"));
const std::string kServing = frame(kData, 0, 1, message("\x08\x01"));
const std::string kTrailer =
    frame(kHeaders, kEndHeaders | kEndStream, 1, field("grpc-status", "0"));

/// What comes of an answer, fed whole and octet by octet.
Observation answered(const std::string& octets) {
    GrpcCall whole{{.authority = "127.0.0.1:1"}};
    whole.take_output();
    GrpcCall pieces{{.authority = "127.0.0.1:1"}};
    pieces.take_output();
    Status fed = whole.feed(octets);
    Status last;
    for (const char octet : octets) {
        last = pieces.feed({&octet, 1});
        if (!last || pieces.is_done()) {
            break;
        }
    }
    EXPECT_EQ(whole.is_done(), pieces.is_done());
    if (!whole.is_done()) {
        return {.detail = fed ? "open" : fed.error().message};
    }
    EXPECT_EQ(whole.conclude("it").detail, pieces.conclude("it").detail);
    return whole.conclude("it");
}

TEST(GrpcMessage, writes_the_service_as_the_protocol_does) {
    EXPECT_EQ(encode_health_request(""), "\0\0\0\0\0"s);
    EXPECT_EQ(encode_health_request("a.B"), "\0\0\0\0\x05\x0a\x03"s + "a.B");
    EXPECT_EQ(encode_health_request(std::string(200, 'x')).substr(0, 8),
              "\0\0\0\0\xcb\x0a\xc8\x01"s);
}

TEST(GrpcMessage, reads_the_status) {
    EXPECT_EQ(decode_health_response(message("\x08\x01")), ServingStatus::serving);
    EXPECT_EQ(decode_health_response(message("\x08\x02")), ServingStatus::not_serving);
    EXPECT_EQ(decode_health_response(message("\x08\x03")), ServingStatus::service_unknown);
    EXPECT_EQ(decode_health_response(message("")), ServingStatus::unknown);
}

TEST(GrpcMessage, skips_fields_that_it_does_not_know) {
    const std::string text = "\x12\x03xyz"s;                  // 2: "xyz"
    const std::string number = "\x18\xff\x01"s;               // 3: 255
    const std::string fixed = "\x21"s + std::string(8, 'x');  // 4: 8 octets
    const std::string small = "\x2d"s + std::string(4, 'x');  // 5: 4 octets
    EXPECT_EQ(decode_health_response(message(text + number + "\x08\x01" + fixed + small)),
              ServingStatus::serving);
}

TEST(GrpcMessage, refuses_what_is_broken) {
    for (const std::string& octets :
         {""s, "\0\0\0\0"s, "\0\0\0\0\x02\x08"s, "\0\0\0\0\x01\x08\x01"s, "\x01\0\0\0\x02\x08\x01"s,
          "\xff\xff\xff\xff\xff"s, message("\x08"), message("\x08\x80"), message("\x12\x05x"),
          message("\x0b"), message("\x00"s), message("\x21xxxx"),
          message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
        EXPECT_FALSE(decode_health_response(octets));
    }
}

TEST(GrpcCall, begins_with_the_preface_and_one_request) {
    GrpcCall call{{.authority = "127.0.0.1:1", .service = "a.B"}};
    const std::string sent = call.take_output();
    EXPECT_TRUE(sent.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    EXPECT_TRUE(sent.ends_with("\0\0\0\0\x05\x0a\x03"s + "a.B"));
    EXPECT_FALSE(call.is_done());
    EXPECT_EQ(call.take_output(), "");
}

TEST(GrpcCall, passes_when_serving) {
    const auto seen = answered(kHello + kOk + kServing + kTrailer);
    EXPECT_TRUE(seen.passed());
    EXPECT_EQ(seen.detail, "it is SERVING");
}

TEST(GrpcCall, fails_otherwise) {
    const auto not_serving = frame(kData, 0, 1, message("\x08\x02"));
    EXPECT_EQ(answered(kHello + kOk + not_serving + kTrailer).detail, "it is NOT_SERVING");
    const auto only_trailer = [](std::string_view status, std::string_view grpc) {
        return kHello +
               frame(kHeaders, kEndHeaders | kEndStream, 1,
                     field(":status", status) + (grpc.empty() ? ""s : field("grpc-status", grpc)));
    };
    EXPECT_TRUE(answered(only_trailer("200", "5")).detail.contains("NOT_FOUND"));
    EXPECT_TRUE(answered(only_trailer("200", "12")).detail.contains("UNIMPLEMENTED"));
    EXPECT_TRUE(answered(only_trailer("503", "")).detail.contains("HTTP status 503"));
    EXPECT_TRUE(answered(only_trailer("200", "")).detail.contains("without a gRPC status"));
    EXPECT_TRUE(answered(only_trailer("200", "0")).detail.contains("no message"));
    EXPECT_TRUE(
        answered(kHello + kOk + kServing + kServing + kTrailer).detail.contains("one message"));
    for (const auto& seen :
         {answered(kHello + kOk + not_serving + kTrailer), answered(only_trailer("200", "0"))}) {
        EXPECT_FALSE(seen.passed());
    }
}

TEST(GrpcCall, ends_at_a_reset_and_at_a_goodbye) {
    EXPECT_TRUE(
        answered(kHello + frame(kReset, 0, 1, "\0\0\0\x07"s)).detail.contains("REFUSED_STREAM"));
    const auto goodbye = answered(kHello + frame(kGoaway, 0, 0, "\0\0\0\0\0\0\0\0"s));
    EXPECT_FALSE(goodbye.passed());
    EXPECT_NE(goodbye.detail, "open");
}

TEST(GrpcCall, does_not_take_another_protocol_for_an_answer) {
    const auto seen = answered("HTTP/1.1 400 Bad Request\r\n\r\n");
    EXPECT_FALSE(seen.passed());
    EXPECT_NE(seen.detail, "open");
}

TEST(GrpcCall, keeps_only_so_much) {
    const std::string much = frame(kData, 0, 1, std::string(100, 'x'));
    std::string all = kHello + kOk;
    for (int i = 0; i < 20; ++i) {
        all += much;
    }
    EXPECT_TRUE(answered(all).detail.contains("longer than 1024 octets"));
}

}  // namespace
}  // namespace rota::health
